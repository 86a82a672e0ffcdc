"""A token reads the parts of its own departments, and no sign of the rest.

All sets of departments, against conversations that moved.
"""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.api.queries import ANSWERS, NOTES
from services import clock
from services.contract import Record
from services.http.rights import Rights
from services.ids import created_at, uuid7
from services.postgres.database import Pool
from tests.support.archiver.api import ArchiveApi, archive_api
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import id_of, message, note, record
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.statements import statements_of

NOW = clock.now()
NUMBERS = {"almelo": "106540352242922", "hengelo": "206540352242923", "borne": "1"}
DEPARTMENTS = ("balie", "jeugd", "afval")
HANDLED = [
    ("almelo", "moved", ("balie", "jeugd", "balie", "afval")),
    ("almelo", "stayed", ("jeugd",)),
    ("almelo", "once", ("balie", "afval")),
    ("hengelo", "theirs", ("balie", "jeugd")),
]
"""Municipality, conversation, and the departments that had it, one after the other."""


class Part(msgspec.Struct, frozen=True):
    """Records of one department's part in a conversation."""

    tenant: str
    conversation: str
    department: str
    records: list[Record]

    @property
    def mark(self) -> str:
        """A word in every record of the part."""
        return f"{self.tenant}/{self.department}"

    @property
    def messages(self) -> list[UUID]:
        return [r.message for r in self.records if r.kind == "message" and r.message]

    def is_for(self, rights: Rights) -> bool:
        return self.tenant == rights.tenant and rights.handles(self.department)


def _records(mark: str, department: str, sequence: int, **place: Any) -> Iterator[Record]:
    """A step, a note, and two messages with all that can be known of them."""
    step = {
        "event": "transferred" if sequence > 1 else "opened", "department": department,
        "reason": f"reason of {mark}", "zaak": f"zaak of {mark}",
        "by": {"author": {"kind": "employee", "id": f"sanne of {mark}"}},
        "decision": {"rule": "", "reason": f"moved to {mark}"},
    }  # fmt: skip
    yield record("conversation", step, at=NOW, sequence=sequence, **place)
    yield note(f"note of {mark}", department, at=NOW, **place | {"sequence": sequence + 1})
    wamid = f"wamid of {mark}"
    about = {
        "send": {"state": "sent", "wamid": wamid, "reason": "", "status": "accepted"},
        "status": {"status": "read", "wamid": wamid, "reason": f"read by {mark}", "at": NOW},
        "delivery": {"destination": f"crm of {mark}", "event": "e", "state": "done", "attempts": 1},
    }
    for at in (sequence + 2, sequence + 6):
        sent = message(
            f"text of {mark}", department=department, at=NOW, direction="out", sequence=at,
            decision={"rule": f"rule of {mark}", "reason": f"reason of {mark}"},
            raw=b'{"raw": "%s"}' % mark.encode(), **place,
        )  # fmt: skip
        yield sent
        for n, (kind, data) in enumerate(about.items(), 1):
            yield record(kind, data, message=sent.message, at=NOW, sequence=at + n, **place)


def _parts() -> Iterator[Part]:
    for tenant, name, departments in HANDLED:
        conversation = id_of(name, NUMBERS[tenant])
        place = {"tenant": tenant, "conversation": conversation}
        for n, department in enumerate(departments):
            made = _records(f"{tenant}/{department}", department, 1 + 10 * n, **place)
            yield Part(tenant, conversation, department, list(made))


PARTS = list(_parts())
CONVERSATIONS = {
    id: list(parts) for id, parts in itertools.groupby(PARTS, lambda part: part.conversation)
}
MOVED = PARTS[0].conversation
ALL_RIGHTS = [
    {"tenant": tenant, "departments": frozenset(some) or None}
    for tenant in NUMBERS
    for count in range(len(DEPARTMENTS) + 1)
    for some in itertools.combinations(DEPARTMENTS, count)
]


@pytest.fixture
async def pool(pool: Pool) -> Pool:
    await (await writer_of(pool)).add([one for part in PARTS for one in part.records])
    return pool


async def _pages(
    api: ArchiveApi, conversation: str, limit: int, order: str = "oldest"
) -> tuple[list[str], str]:
    """Ids of the messages, a page at a time, and all that was shown with them."""
    ids: list[str] = []
    shown, place = "", ""
    while True:
        query = f"conversations/{conversation}/messages?order={order}&limit={limit}{place}"
        status, page = await api.get(query)
        if status == 404:
            return [], str(page)
        ids += [message["id"] for message in page["messages"]]
        shown += str(page)
        assert len(page["messages"]) == limit or page["next"] is None
        if page["next"] is None:
            return ids, shown
        place = f"&after={page['next']}"


async def _check_conversation(api: ArchiveApi, conversation: str, parts: list[Part]) -> None:
    """The answer shows the steps and notes of these parts, which may be none."""
    status, shown = await api.get(f"conversations/{conversation}")
    if not parts:
        nothing = await api.get(f"conversations/{id_of('nothing')}")
        assert (status, shown) == nothing, "as if it were not there"
        return
    assert [step["department"] for step in shown["history"]] == [p.department for p in parts]
    assert [note["text"] for note in shown["notes"]] == [f"note of {p.mark}" for p in parts]
    assert shown["zaak"] == shown["history"][-1]["zaak"] == f"zaak of {parts[-1].mark}"
    assert shown["lastAnswer"]["id"] == str(parts[-1].messages[-1])
    last = CONVERSATIONS[conversation][-1]
    assert shown["department"] == (last.department if last in parts else None)


async def _check_message(api: ArchiveApi, id: UUID, department: str | None) -> None:
    """The answer shows the message to its department."""
    status, shown = await api.get(f"messages/{id}")
    if department is None:
        nothing = await api.get(f"messages/{uuid7(created_at(id), bytes(10))}")
        assert (status, shown) == nothing, "as if it were not there"
        return
    assert (status, shown["department"]) == (200, department)
    assert [len(shown[key]) for key in ("statuses", "deliveries")] == [1, 1]


async def test_token_reads_everything_of_its_departments_and_nothing_else(pool: Pool) -> None:
    for given in ALL_RIGHTS:
        rights = Rights(name="t", roles=frozenset(["read"]), **given)  # type: ignore[arg-type]
        hidden = {part.mark for part in PARTS if not part.is_for(rights)}
        async with archive_api(pool, **given) as api:
            for conversation, parts in CONVERSATIONS.items():
                visible = [part for part in parts if part.is_for(rights)]
                await _check_conversation(api, conversation, visible)
                _, answer = await api.get(f"conversations/{conversation}")
                assert not any(mark in str(answer) for mark in hidden)
                for limit in (2, 1000):
                    ids, shown = await _pages(api, conversation, limit)
                    assert ids == [str(id) for part in visible for id in part.messages], rights
                    backwards, shown_too = await _pages(api, conversation, limit, "newest")
                    assert backwards == ids[::-1], "the same messages"
                    assert not any(mark in shown + shown_too for mark in hidden)
            for part in PARTS:
                department = part.department if part.is_for(rights) else None
                for id in part.messages:
                    await _check_message(api, id, department)


@pytest.mark.parametrize("order", ["oldest", "newest"])
@pytest.mark.parametrize("gone", range(4))
async def test_destroyed_message_ends_no_reading_of_the_others(
    pool: Pool, tmp_path: Path, order: str, gone: int
) -> None:
    """It leaves its place on a page empty, and the pages after it are read all the same."""
    parts = [part for part in PARTS if part.conversation == id_of("once", NUMBERS["almelo"])]
    messages = [each for part in parts for each in part.records if each.kind == "message"]
    eraser = eraser_of(pool, await keys_of(pool), tmp_path)
    assert await eraser.erase_entry(messages[gone].id, "test")
    left = [str(each.message) for each in messages if each is not messages[gone]]
    async with archive_api(pool) as api:
        for limit in (1, 2, 1000):
            ids, place, count = [], "", 0
            while place is not None:
                query = f"conversations/{messages[0].conversation}/messages"
                _, page = await api.get(f"{query}?order={order}&limit={limit}{place}")
                ids += [each["id"] for each in page["messages"]]
                place = page["next"] and f"&after={page['next']}"
                count += 1
            assert ids == (left if order == "oldest" else left[::-1])
            assert count == {1: 4, 2: 2, 1000: 1}[limit]


async def test_hidden_part_costs_what_an_absent_one_costs(pool: Pool) -> None:
    [jeugd] = CONVERSATIONS[id_of("stayed", NUMBERS["almelo"])]
    message = jeugd.messages[0]
    absent = id_of("nothing"), uuid7(created_at(message), bytes(10))
    costs = []
    async with (
        archive_api(pool, departments=frozenset(["afval"])) as api,
        statements_of(pool) as statements,
    ):
        hidden = jeugd.conversation, message
        for conversation, id in (hidden, hidden, absent):  # the first round asks for types too
            statements.clear()
            for path in (f"conversations/{conversation}", f"messages/{id}"):
                assert (await api.get(path))[0] in (404, 503)
            assert (await api.get(f"conversations/{conversation}/messages"))[0] == 404
            assert (await api.search(conversation=conversation))["total"] == 0
            costs.append([*statements])
    assert costs[1] == costs[2] and any("archiver.entry" in each for each in costs[1])


async def test_conversation_shows_its_newest_notes_oldest_first(pool: Pool) -> None:
    added = [note(f"{n}", conversation=MOVED, sequence=100 + n) for n in range(NOTES)]
    await (await writer_of(pool)).add(added)
    async with archive_api(pool) as api:
        _, shown = await api.get(f"conversations/{MOVED}")
    assert [one["text"] for one in shown["notes"]] == [f"{n}" for n in range(NOTES)]


async def test_last_answer_is_a_persons_however_many_automatic_texts_follow(pool: Pool) -> None:
    """Neither what nobody wrote, nor what was not sent, nor a reaction is an answer."""
    place = {"direction": "out", "conversation": id_of("answered"), "department": "jeugd"}
    at = itertools.count(1)

    def sent(**data: Any) -> Record:
        n = next(at)
        given = {"at": NOW + timedelta(seconds=n), "sequence": 2 * n} | place
        return message(f"text {n}", **given | data)

    automatic = {"author": {"kind": "automated", "id": "postkamer"}}
    step = {"event": "opened", "department": "jeugd", "decision": {"rule": "", "reason": "x"}}
    opened = record("conversation", step, conversation=id_of("answered"), sequence=1)
    texts = [sent(**automatic) for _ in range(2 * ANSWERS)]
    answer = sent(author={"kind": "employee", "id": "sanne"})
    after = [sent(direction="in"), sent(type="reaction"), sent(status="failed")]
    later = [sent(**automatic) for _ in range(3 * ANSWERS)]
    machine = sent(author={"kind": "automated", "id": "crm"})
    writer, shown = await writer_of(pool), []
    async with archive_api(pool) as api:
        for added in ([opened, *texts], [answer], [*after, *later], [machine]):
            await writer.add(added)
            _, conversation = await api.get(f"conversations/{id_of('answered')}")
            shown.append(conversation["lastAnswer"])
    first = {"id": str(answer.message), "sequence": answer.sequence}
    assert shown == [None, first, first, {"id": str(machine.message), "sequence": machine.sequence}]


PAGES = {
    "after=-1": ["after"],
    "after=9223372036854775808": ["after"],
    "after=" + "9" * 40: ["after"],
    "after=%00": ["after"],
    "limit=1_0": ["limit"],
    "limit=%201": ["limit"],
    "limit=%2B1": ["limit"],
    "limit=%D9%A1": ["limit"],
    "limit=0": ["limit"],
    "limit=1001": ["limit"],
    "limit=": ["limit"],
    "limit=1&limit=2": ["limit"],
    "after=x&limit=y": ["after", "limit"],
    "order=backwards": ["order"],
    "order=newest&order=oldest": ["order"],
    "order=&after=x&limit=y": ["order", "after", "limit"],
    "order=newest&after=-1": ["after"],
    "order=newest&after=0": [],
    "order=newest&after=9223372036854775807&limit=1000": [],
    "after=9223372036854775807&limit=1000": [],
    "after=0&limit=1": [],
    "": [],
}
PATHS = ("conversations/{}", "conversations/{}/messages", "messages/{}")


async def test_wrong_numbers_of_a_query_are_named_and_wrong_ids_not_found(pool: Pool) -> None:
    wrong = {}
    async with archive_api(pool) as api:
        for query in PAGES:
            status, answer = await api.get(f"conversations/{MOVED}/messages?{query}")
            wrong[query] = [one["parameter"] for one in answer.get("errors", [])]
            assert status == (400 if wrong[query] else 200)
        for path, id in itertools.product(PATHS, ("%00", f"{MOVED}%00", "%ED%A0%80")):
            assert (await api.get(path.format(id)))[0] == 404
    assert wrong == PAGES


async def test_archive_refuses_a_read_without_the_role(pool: Pool) -> None:
    for role in ("send", "rules", "kcc", "records", "archivist", "privacy", "operator"):
        async with archive_api(pool, roles=frozenset([role])) as api:
            for path in (f"conversations/{MOVED}", f"messages/{clock.new_id()}"):
                assert (await api.get(path))[0] == 403
