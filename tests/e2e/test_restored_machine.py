"""A machine is lost while citizens write, and an empty one is restored from WAL that was archived.

`make restore-proof` prints the times and what became of each message that was answered 200.
"""

import asyncio
import json
import os
import re
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archiver.destruction.removal import FileRemover
from services.files import object_store
from services.postgres.database import connection_pool
from tests.support.archiver.orders import eraser_of
from tests.support.decrypted_record import keys_of
from tests.support.e2e.carrier import Carrier
from tests.support.e2e.crm_desk import Desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.integration.archived_database import ArchivedDatabase
from tests.support.integration.back_up import copy_new
from tests.support.observer import Watch, until

SHORT = 10
MESSAGES = int(os.environ.get("POSTKAMER_TEST_RESTORE_MESSAGES", SHORT))
"""Messages of citizens in each part of the run: before the back-up, up to the last WAL that is
archived, and from there to the loss."""
IS_PROOF = MESSAGES > SHORT
"""True if it is run to see the times: commands as typed, and the balance, which is patient."""
WAITING = 5
"""Fewest messages that are lost with the broker."""
CITIZENS = range(41, 47)
RUN = "Herstel"
SECONDS = 60.0 + MESSAGES / 10
BALANCE_SECONDS = 150.0
"""Longer than the 90 s after which the balance takes the consumers of the lost machine for gone."""
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
FILES = ("sealed", "thumbnail", "media", "upload")
"""Folders of the object store that are copied each hour; the others, which are small, each minute:
docs/operators/one-machine.md."""
STORED = "select count(*) from archiver.media where ciphertext_sha256 <> ''"
FILE_OF = "select ciphertext_sha256 from archiver.media where conversation = '{}'"
DUE = "update archiver.media set remove_at = now() where remove_at > now()"
"""A file that was destroyed is deleted after a minute, for which the test does not wait."""
SERVICES = ("gateway", "router", "deliverer", "archiver")
WAITED, LOST = "Dit wachtte.", "Dit is verloren."
QUEUED = "select count(*) from deliverer.ledger where state = 'queued'"
WAITS_STILL = "select count(*) from deliverer.ledger where state not in ('unknown', 'sent')"

Look = Callable[[], Awaitable[set[str]]]


class Clock:
    """Times of the steps, and of all since the machine was lost."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, float]] = []

    async def __call__(self, step: str, work: Callable[..., Any], *arguments: Any) -> Any:
        began = time.monotonic()
        found = await asyncio.to_thread(work, *arguments)
        self._steps.append((step, time.monotonic() - began))
        return found

    async def until(self, step: str, look: Look, before: set[str]) -> None:
        """Wait for a text that was not there before."""
        began = time.monotonic()
        await until(look, lambda seen: seen - before, SECONDS)
        self._steps.append((step, time.monotonic() - began))

    def table(self) -> str:
        total = sum(seconds for _, seconds in self._steps)
        steps = [*self._steps, ("from the loss to the first message", total)]
        return table((step, f"{seconds:.1f} s") for step, seconds in steps)


def table(rows: Iterable[tuple[str, object]]) -> str:
    """Rows of a table in Markdown."""
    return "\n".join(f"| {what} | {figure} |" for what, figure in rows)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("lost"), make_database=ArchivedDatabase)
    try:
        town.start()
        yield town
    finally:
        town.discard()


class Machine:
    """A town on one machine. Outside are a copy of the object store, the configuration, the keys,
    the base back-up, the archived WAL; Meta and the CRM."""

    def __init__(self, town: Installation, watch: Watch, carrier: Carrier) -> None:
        self.town, self.watch, self.carrier = town, watch, carrier
        assert isinstance(town.database, ArchivedDatabase)
        self.database = town.database
        self.clock = Clock()

    async def more(self, count: int = MESSAGES) -> None:
        """Wait until so many more messages are answered 200."""
        before = len(self.carrier.taken)

        async def taken() -> int:
            return len(self.carrier.taken) - before

        await until(taken, lambda n: n >= count, SECONDS)

    async def archived(self) -> Counter[str]:
        return Counter(words for _, words in await self.watch.archived(RUN))

    async def delivered(self) -> set[str]:
        """Texts of the run that the CRM has."""
        return {each["event"]["data"]["text"] for each in await self.watch.events(RUN)}

    async def order(self, conversation: str, words: str) -> None:
        status, answer = await Desk(self.watch).answer(conversation, text={"body": words})
        assert status == 202, answer

    async def stored(self, count: int) -> None:
        """Wait until so many files are in the object store."""
        await until(lambda: self.watch.count(STORED), lambda n: n == count, SECONDS)

    async def copy_objects(self, *, files: bool) -> None:
        """Copy what another machine fetches: each hour all, each minute all but the files. Of heads
        it has those alone that are there."""
        but = () if files else FILES
        shutil.rmtree(self.database.objects / object_store.HEADS, ignore_errors=True)
        await asyncio.to_thread(copy_new, self.town.objects, self.database.objects, but=but)

    async def copied_entries(self) -> int:
        """Copy all but the files; return the size of the longest log of which the copy has a
        head."""
        await self.copy_objects(files=False)
        heads = (self.database.objects / object_store.HEADS).rglob("*")
        sizes = [json.loads(each.read_bytes())["size"] for each in heads if each.is_file()]
        return max(sizes, default=0)

    async def erase(self, conversation: str) -> None:
        """Destroy a conversation: the order stands outside before it is committed."""
        async with connection_pool(self.database.url, "test", 2) as pool:
            eraser = eraser_of(pool, await keys_of(pool), self.town.objects)
            await eraser.erase_conversation("almelo", conversation, "a test")

    async def erase_whole(self, conversation: str) -> None:
        """Destroy a conversation and delete its files, as the archiver does at its next look."""
        await self.erase(conversation)
        await asyncio.to_thread(self.database.execute, DUE)
        async with connection_pool(self.database.url, "test", 2) as pool:
            objects = object_store.ObjectStore(self.town.objects.as_uri())
            await FileRemover(pool, await keys_of(pool), objects).remove_batch()

    def lose(self) -> None:
        """All of the machine at once, amid whatever it does."""
        for name in SERVICES:
            self.town.kill(name)
        self.town.broker.kill()
        self.database.lose()
        shutil.rmtree(self.town.objects)
        shutil.rmtree(self.town.broker.folder)
        self.town.broker.folder.mkdir()

    def run(self, *words: str) -> str:
        """Run a command: in the proof as an operator would, in a process of its own."""
        if not IS_PROOF:
            return self.town.says(*words)
        code, said = self.town.runs(*words)
        assert code == 0, said
        return said

    async def restore(self) -> str:
        """Do what docs/operators/restore.md says, and return what the replay said."""
        step = self.clock
        await step("put the base back-up there", self.database.put_back)
        copy, objects = self.database.objects, self.town.objects
        await step("put the copy of the object store there", shutil.copytree, copy, objects)
        await step("PostgreSQL follows the WAL to its end", self.database.start)
        await step("postkamer migrate", self.run, "migrate")
        reason = "--reason", "the machine was lost"
        await step("postkamer sends doubt", self.run, "sends", "doubt", *reason)
        await step("postkamer archive replay --dry-run", self.run, "archive", "replay", "--dry-run")
        replay = "archive", "replay", "--copied"
        said = await step("postkamer archive replay --copied", self.run, *replay)
        await asyncio.to_thread(self.database.execute, DUE)
        await step("an empty broker", self.town.broker.start)
        for name in SERVICES:
            self.town.restart(name)
        await step("the services are ready", self.town.wait_until_ready, *SERVICES)
        return said

    async def check_backup(self) -> None:
        """Find nothing that a restore would lose; the servers of tests are not made to last."""
        kept = self.database
        where = ("--folder", str(kept.bases), "--wal", str(kept.away / "wal"), "--all")
        where += ("--objects", str(kept.objects))
        said = await asyncio.to_thread(self.town.says, "backup", "check", "--json", *where)
        found = json.loads(said)["findings"]
        late = ("object store", True)  # a warning: tokens were noted since the copy of the minute
        lasting = [each for each in found if (each["owner"], each["isRetryable"]) != late]
        sentences = [each["sentence"].partition(":")[0] for each in lasting]
        assert sentences == [
            "fsync is off", "full_page_writes is off", "archive_timeout is without a limit",
        ]  # fmt: skip

    async def account(self, known: Counter[str], before: set[str]) -> dict[str, int]:
        """Fate of each message that was answered 200: nothing is lost that was on the record
        when the last WAL was archived, nothing that came after the loss, and nothing is doubled."""
        taken = {words for words, _ in self.carrier.taken}
        later = taken - before
        archived = await until(self.archived, lambda found: not later - found.keys(), SECONDS)
        crm = await until(self.delivered, lambda found: not later - found, SECONDS)
        assert set(archived.values()) == {1}
        assert known.keys() <= archived.keys() <= taken
        told = await self.events_by_text()
        twice = {words for words, ids in told.items() if len(ids) > 1}
        assert twice <= self.carrier.repeated, "Meta repeats what the lost machine did not answer"
        lost = before - archived.keys()
        assert len(lost - crm) >= WAITING, "the page on back-ups says what is lost with the broker"
        return {
            "answered 200 before the loss": len(before),
            "of these on the record": len(before & archived.keys()),
            "of these lost to the record, and at the CRM": len(lost & crm),
            "of these lost with the broker": len(lost - crm),
            "not answered, and repeated by Meta": len(self.carrier.repeated),
            "of these told to the CRM twice, under two ids": len(twice),
            "answered 200 after the loss, and on the record": len(later),
        }

    async def events_by_text(self) -> dict[str, set[str]]:
        """Text -> ids of the events that told it to the CRM."""
        found: dict[str, set[str]] = defaultdict(set)
        for each in await self.watch.events(RUN):
            found[each["event"]["data"]["text"]].add(each["event"]["id"])
        return found

    async def verify(self) -> None:
        """All that is left is as it was written; it is said that the log was longer, and how many
        files are newer than the copy of the object store."""
        words = ("archive", "verify", "--index", "--media", "--json")
        found = json.loads(await asyncio.to_thread(self.town.says, *words))
        assert found["files"] == 2 and found["missingFiles"] == 1
        assert [each["what"] for each in found["fileFindings"]] == ["missing"]
        told = ("were written (a head kept outside", "were signed (", "is not what was written")
        told += ("is not what was signed (",)  # the head that was lost, which is signed once noted
        told += ("postkamer archive accept", "is kept outside and gone from its table")
        assert all(any(each in f["sentence"] for each in told) for f in found["findings"]), found
        rest = ("tableFindings", "rowFindings", "indexFindings", "notLookedAt")
        assert [found[name] for name in rest] == [[]] * len(rest)
        [loss] = [each for each in found["findings"] if each["what"] == "loss"]
        await self.accept(loss["sentence"])

    async def accept(self, sentence: str) -> None:
        """Accept the loss as the sentence says; from then on the nightly verification ends well."""
        [size] = re.findall(r"postkamer archive accept (\d+)", sentence)
        reason = "--reason", "the machine was lost"
        await asyncio.to_thread(self.run, "archive", "accept", size, *reason)
        found = json.loads(await asyncio.to_thread(self.run, "archive", "verify", "--json"))
        assert found["findings"] == found["fileFindings"] == []
        assert [each["size"] for each in found["acceptedLosses"]] == [int(size)]

    async def balance_names(self) -> int:
        """Number of deliveries that the balance names as missing: they were decided in archived
        WAL, went on in what was not, and their queue is gone."""

        async def balance() -> Any:
            return json.loads(await asyncio.to_thread(self.town.says, "balance", "--json"))

        def is_settled(found: Any) -> bool:
            return not any(line["parts"].get("under way") for line in found["lines"])

        found = await until(balance, is_settled, BALANCE_SECONDS)
        assert {each["equation"] for each in found["missing"]} <= {"delivery", "record"}
        return len(found["missing"])


class Story:
    """Citizens, desks and two destructions around the loss of a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.watch = machine, machine.watch
        self.phones = [Phone(self.watch, self.watch.session, f"3160000096{n}") for n in range(4)]
        self.asked: list[str] = []
        self.known = Counter[str]()
        """Texts on the record when the last WAL was archived."""
        self.destroyed: list[Path] = []
        """Files of the conversations that are destroyed after the back-up and before it."""

    async def begin(self) -> None:
        """Two conversations that are answered later, with a photo, and two that are destroyed, with
        a photo too: one of them already now, when the copy of the object store has its file."""
        for n, phone in enumerate(self.phones):
            data = await phone.asks(f"Vraag {n} over oud papier")
            self.asked.append(data["conversationId"])
        machine = self.machine
        for phone in (self.phones[0], *self.phones[2:]):
            await phone.sends_photo(JPEG + phone.number.encode())
        await machine.stored(3)
        names = [machine.database.execute(FILE_OF.format(each)) for each in self.asked[2:]]
        self.destroyed = [machine.town.objects / object_store.sealed_key(name) for name in names]
        assert all(each.is_file() for each in self.destroyed)
        await machine.copy_objects(files=True)
        await machine.erase_whole(self.asked[3])
        assert not self.destroyed[1].exists()

    async def archive_last(self) -> None:
        """Let an answer wait in the last WAL that is archived."""
        machine, town = self.machine, self.machine.town
        await machine.copy_objects(files=True)
        await self.phones[1].sends_photo(JPEG)  # after the copy of the hour
        await machine.stored(4)
        town.kill("deliverer")
        await machine.order(self.asked[0], WAITED)
        await until(lambda: self.watch.count(QUEUED), lambda n: n == 1, SECONDS)
        self.known = await machine.archived()
        await asyncio.to_thread(machine.database.archive_now)
        self.entries = await self.watch.count("select size from archiver.head")
        await machine.copy_objects(files=False)
        town.restart("deliverer")

    async def go_on(self) -> None:
        """Do what is in no archived WAL: that answer goes, another is ordered and goes, and a
        conversation is destroyed."""
        machine, phones = self.machine, self.phones
        await until(phones[0].got_texts, lambda got: WAITED in got, SECONDS)
        await machine.order(self.asked[1], LOST)
        await until(phones[1].got_texts, lambda got: LOST in got, SECONDS)
        await machine.erase(self.asked[2])
        # A head is kept each second: one of the copy is of a log longer than what is restored.
        await until(machine.copied_entries, lambda size: size > self.entries, SECONDS)

    async def nothing_is_sent_twice(self) -> None:
        """The answer that waited is in doubt, or Meta's status has settled it."""
        assert await self.watch.count(WAITS_STILL) == 0
        assert [await phone.got_texts() for phone in self.phones] == [[WAITED], [LOST], [], []]

    async def nothing_destroyed_is_back(self, said: str) -> None:
        assert "1 order of 1 conversation were carried out again" in said
        assert "1 file of what was destroyed before: the archiver deletes them again" in said
        assert await self.watch.messages(self.asked[2]) == []
        assert len(await self.watch.messages(self.asked[1])) == 2

        async def left() -> list[Path]:
            return [each for each in self.destroyed if each.exists()]

        await until(left, lambda there: not there, SECONDS)


async def test_machine_that_is_lost_is_restored_from_archived_wal(
    town: Installation, watch: Watch
) -> None:
    carrier = Carrier(watch.session, town.gateway, RUN)
    machine = Machine(town, watch, carrier)
    story = Story(machine)
    await story.begin()
    async with carrier.writing(CITIZENS):
        await machine.more()
        await asyncio.to_thread(machine.database.back_up)
        await machine.more()
        await story.archive_last()
        await machine.check_backup()
        await story.go_on()
        await machine.more()
        town.kill("router")  # so that what is answered 200 from now on waits in the broker
        # Those that were under way when it was killed may be routed.
        await machine.more(WAITING + len(CITIZENS))
        await asyncio.to_thread(machine.lose)
        before = {words for words, _ in carrier.taken}
        said = await machine.restore()
        await machine.clock.until("the first message is at the CRM", machine.delivered, before)
        await machine.more()
    account = await machine.account(story.known, before)
    await story.nothing_destroyed_is_back(said)
    await asyncio.to_thread(machine.database.archive_now)  # of a new time line by now
    await machine.check_backup()
    await machine.verify()
    if IS_PROOF:
        account["named by the balance as missing"] = await machine.balance_names()
    await story.nothing_is_sent_twice()
    print(machine.clock.table(), table(account.items()), sep="\n\n")
