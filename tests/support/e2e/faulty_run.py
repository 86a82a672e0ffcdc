"""A run in which citizens write to a whole installation by the thousand, and all goes wrong."""

import asyncio
import io
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from random import Random

from deploy.local.plan import REAL
from sandbox.openklant.error_responses import BASE
from sandbox.settings import SandboxSettings
from services.sealing.columns import ADDRESS
from tests.support.citizens import NUMBER, post
from tests.support.clamav import EICAR, Clamd
from tests.support.e2e.api_requests import JPEG, Asked
from tests.support.e2e.marked_webhooks import TOGETHER, Marked
from tests.support.e2e.quoting_proxy import Between
from tests.support.installation import NEIGHBOUR_NUMBER, Installation
from tests.support.observer import Watch, until
from tests.support.pii_markers import phone
from tests.support.working_keys import keys_at

MESSAGES = int(os.environ.get("POSTKAMER_TEST_PRIVACY_MESSAGES", "500"))
CITIZENS = range(400)
"""Citizens who write the messages; a fault meets some of them."""
NEIGHBOURS = range(400, 410)
"""Citizens who write to the other municipality, which has an Open Klant."""
NEW = range(410, 430)
"""Citizens who never wrote, and get a message."""
REFUSED_BY_CRM, REFUSED_BY_REGISTER, REFUSED_BY_DATABASE = 500, 501, 502
ODD, FILES, DESK = 503, 504, 505
META = {
    410: (400, 131026, 1),
    411: (500, 131000, 1),
    412: (400, 100, 1),
    413: (502, 0, 1),
    414: (403, 130429, 1),
}
"""Citizens of NEW -> how Meta refuses what is sent to them, quoting (`Between.graph`)."""
PART = MESSAGES // TOGETHER // 5
"""Bodies that are on their way while something dies."""
AT_ONCE = 4
"""Bodies on their way."""
LARGE_BYTES = 4 * 1024 * 1024 + 1
SETTLE_SECONDS = 60.0
SENDS = "select count(*) from deliverer.ledger where state in ('queued', 'sending')"
REFUSES = """
alter table router.identity add constraint refuses check (value <> '{}')
"""
"""A table that does not take what it is given, as after a migration that went wrong: PostgreSQL
would say which row that was."""
REGISTER = """
[[destinations]]
id = "register"
kind = "openklant"
url = "http://127.0.0.1:{}{}"
secret = "env:OPENKLANT_TOKEN"
look_seconds = 5
"""


def town_at(folder: Path, port: int, scanner: Clamd) -> Installation:
    """One whose processes ask at this port what they would ask of the sandbox; the neighbour's
    department has an Open Klant."""

    def change(text: str) -> str:
        at, last = text.index('url = "'), text.rindex('"crm"')
        end = text.index("\n", at)
        there = f'url = "http://127.0.0.1:{port}/crm/events"'
        both = f'{text[:at]}{there}{text[end:last]}"register"{text[last + len(QUOTED) :]}'
        return both + REGISTER.format(port, BASE)

    town = Installation(folder, change)
    town.more["POSTKAMER_META_GRAPH_URL"] = f"http://127.0.0.1:{port}/graph/v26.0"
    town.more["OPENKLANT_TOKEN"] = SandboxSettings().openklant_token
    town.more["POSTKAMER_SCANNER_URL"] = scanner.url
    return town


QUOTED = '"crm"'


class Run:
    """One run: who is in it, and how it goes."""

    def __init__(self, watch: Watch, stand_in: Between, asked: Asked, scanner: Clamd) -> None:
        self.watch, self.town, self.stand_in, self.asked = watch, watch.town, stand_in, asked
        self._scanner = scanner
        self._marked = Marked(asked.marks, Random(3))
        self.counted: dict[str, str] = {}
        """Metrics of processes that are not any more."""

    async def goes(self) -> None:
        """All of it, until nothing is on its way."""
        self.stand_in.refused = {phone(REFUSED_BY_CRM), phone(REFUSED_BY_REGISTER)}
        self.stand_in.graph = {phone(n): how for n, how in META.items()}
        keys = await keys_at(self.town.database.url)
        refused = keys.seal_name(phone(REFUSED_BY_DATABASE), ADDRESS)
        self.town.database.execute(REFUSES.format(refused))
        bodies = self._marked.messages(MESSAGES, CITIZENS)
        deaths = [self._dies(name) for name in REAL]
        for happens in (*deaths, self._without_database()):
            part = islice(bodies, PART)
            await asyncio.gather(self._bring_all(part), happens)
        await self._bring_all(bodies)
        await self._without_crm()
        await self._without_scanner()
        await self._refused_at_the_door()
        await self._the_desk()
        await self._settled()
        await self._reads()

    async def metrics(self, name: str) -> str:
        async with self.watch.session.get(f"{self.town.operations(name)}/metrics") as answer:
            return await answer.text()

    async def _brings(self, body: bytes) -> None:
        """Post a body until it is taken, as Meta does."""
        while await post(self.watch.session, self.town.gateway, body) != 200:
            await asyncio.sleep(0.05)  # Meta's wait between two attempts, not a condition of ours

    async def _bring_all(self, bodies: Iterable[bytes]) -> None:
        """Several at a time; some twice."""
        left = iter(bodies)

        async def carry() -> None:
            for n, body in enumerate(left):
                await self._brings(body)
                if n % 10 == 0:
                    await self._brings(body)

        await asyncio.gather(*(carry() for _ in range(AT_ONCE)))

    async def _dies(self, name: str) -> None:
        """Kill a service in the middle of the run, and start it again."""
        self.counted[f"metrics of {name}, before"] = await self.metrics(name)
        await asyncio.to_thread(self.town.kill, name)
        await asyncio.to_thread(self.town.restart, name)
        await asyncio.to_thread(self.town.wait_until_ready, name)

    async def _without_database(self) -> None:
        """Ask while the database is away; the answers say so."""
        await asyncio.to_thread(self.town.database.kill)
        await self.asked.to_new(NEW[:1])
        await self.asked.ask("GET", f"{self.town.archiver}/v1/conversations/{NUMBER}-{'a' * 26}")
        await asyncio.to_thread(self.town.database.start)

    async def _without_crm(self) -> None:
        """Bring unusable messages too while the CRM is away; it refuses some for good
        afterwards."""
        self.stand_in.away = True
        for citizen in (REFUSED_BY_CRM, REFUSED_BY_DATABASE, ODD, DESK):
            await self._brings(self._marked.one(citizen))
        refused = range(REFUSED_BY_REGISTER, REFUSED_BY_REGISTER + 1)
        await self._bring_all(self._marked.messages(20, refused, NEIGHBOUR_NUMBER))
        await self._bring_all(self._marked.messages(60, NEIGHBOURS, NEIGHBOUR_NUMBER))
        await self._bring_all([*self._marked.every_kind(ODD), *self._marked.unreadable(ODD)])

        async def refusals() -> int:
            return self.stand_in.quoted["crm, for a while"]

        await until(refusals, bool, SETTLE_SECONDS)
        self.stand_in.away = False

    async def _without_scanner(self) -> None:
        """A file that is shown and one that is kept back; those of the examples Meta has not."""
        self._scanner.stop()
        url, headers = f"{self.town.sandbox}/phone/media", {"Content-Type": "image/jpeg"}
        for content in (JPEG, JPEG + EICAR):
            file = io.BytesIO(content)
            async with self.watch.session.post(url, data=file, headers=headers) as answer:
                medium = (await answer.json())["id"]
            await self._brings(self._marked.photo(FILES, medium, content))
        await until(self._fetched, lambda files: "media_scanner" in files, SETTLE_SECONDS)
        self._scanner.start()

    async def _fetched(self) -> str:
        """Files that wait for the scanner."""
        return await asyncio.to_thread(self.town.says, "files", "list", "--state", "fetched")

    async def _refused_at_the_door(self) -> None:
        """A wrong signature, none, and a body that is too large: of a citizen each time."""
        body = self._marked.one(ODD)
        large = body + b" " * (LARGE_BYTES - len(body))
        url = f"{self.town.gateway}/webhooks/whatsapp"
        wrong = {"X-Hub-Signature-256": f"sha256={'0' * 64}"}
        for content, headers in (
            (body, wrong),
            (body, {"X-Hub-Signature-256": phone(ODD)}),
            (body, {}),
            (large, wrong),
            (body, wrong | {"Content-Encoding": "gzip"}),
        ):
            await self.asked.ask("POST", url, data=io.BytesIO(content), headers=headers)

    async def _the_desk(self) -> None:
        conversation = await until(lambda: self._conversation(DESK), bool, SETTLE_SECONDS)
        await self.asked.uploads(conversation)
        await self.asked.orders(conversation, DESK)
        await self.asked.to_new(NEW)
        await self.asked.nonsense(DESK)

    async def _conversation(self, citizen: int) -> str:
        return self.stand_in.conversations.get(phone(citizen), "")

    async def _settled(self) -> None:
        """Nothing is on its way any more, but what was put aside."""
        await until(self._under_way, lambda left: left == [], SETTLE_SECONDS)

    async def _under_way(self) -> list[str]:
        """Ask the broker, which takes a second of a processor, once nothing else is left."""
        sends, files = await self.watch.count(SENDS), await self._fetched()
        waiting = [f"{sends} sends"] * bool(sends) + [files] * (not files.startswith("no file is"))
        if waiting:
            return waiting
        listed = await asyncio.to_thread(
            self.town.broker.control, "list_queues", "-p", "postkamer", "name", "messages"
        )
        return [line for line in listed.splitlines()[1:] if not line.endswith("\t0")]

    async def _reads(self) -> None:
        """Read the record, with files that Meta had and files that it had not."""
        links = self.stand_in.files[phone(FILES)] | self.stand_in.files[phone(CITIZENS[6])]
        await self.asked.reads(await self._conversation(DESK), DESK, sorted(links))
