"""Rules that somebody changes while citizens write, and what is then on the record of it."""

import asyncio
import itertools
import os
import re
import signal
from datetime import datetime
from typing import Any

import aiohttp
import msgspec

from router.explanation import build_unit
from router.handlers.dispatch import decide
from router.model.hashes import Hashes
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext
from router.output.crm_events import decision_json
from router.ruleset.context import build_context
from services.config import loader
from tests.support.citizens import NUMBER, post, text, webhook
from tests.support.installation import NEIGHBOUR, Installation
from tests.support.observer import Watch, until
from tests.support.router.decisions import DecisionView

TOML = f"""
include = ["rules/*.toml"]
approved_by = "De secretaris"

[[tenants]]
id = "almelo"
name = "Gemeente Almelo"

[[numbers]]
id = "{NUMBER}"
tenant = "almelo"
fallback = "klantcontact"

[[departments]]
id = "klantcontact"
tenant = "almelo"
name = "Klantcontact"
destination = "crm"

[[departments]]
id = "verkeer"
tenant = "almelo"
name = "Verkeer"
destination = "crm"

[[departments]]
id = "groen"
tenant = "almelo"
name = "Groen"
destination = "crm"

[[destinations]]
id = "crm"
kind = "cloudevents"
url = "SANDBOX/crm/events"
secret = "env:CRM_SECRET"
{NEIGHBOUR}
"""
MANY = 500
"""Rules of each version: reading and compiling them takes a while, in which messages come."""
OTHERS = "".join(
    f'[[rules]]\nid = "rest-{n}"\nwords = ["woord{n} rest", "straat{n}"]\ndepartment = "groen"\n'
    for n in range(MANY)
)
VERSIONS = {
    "one": """
[[rules]]
id = "merk"
words = ["fiets"]
tag = ["eerste"]
priority = "high"
[[rules]]
id = "kies-een"
words = ["fiets"]
department = "verkeer"
"""
    + OTHERS,
    "other": OTHERS
    + """
[[rules]]
id = "merk"
words = ["fiets"]
tag = ["tweede", "los"]
due_days = 5
[[rules]]
id = "kies-twee"
words = ["fiets"]
department = "groen"
""",
}
"""They differ in all that a rule can say of one message: what is of both would show."""
WRITERS, PACE_SECONDS = 4, 0.02
"""Some 150 messages a second, each of another citizen."""
EACH = 25
"""Messages that are taken in under each version, at least."""
SECONDS = 20.0
DECIDED = ("department", "decision", "tags", "priority", "due")
"""Fields of a record that the rules decide."""


class Rules:
    """An installation's rules, as somebody changes them."""

    def __init__(self, town: Installation) -> None:
        self._town, self._file = town, town.config.parent / "rules" / "alle.toml"
        self._file.parent.mkdir()
        town.config.write_text(TOML.replace("SANDBOX", town.sandbox))
        self.versions: dict[str, RoutingContext] = {}
        """Version -> what decides by it; in the order of VERSIONS."""
        for content in VERSIONS.values():
            self.write(content)
            found = loader.load(town.config)
            self.versions[found.version] = build_context(found, Hashes(b"k"))

    def write(self, content: str) -> None:
        """Write the file in one step, as an editor or a deployment does."""
        new = self._file.with_suffix(".new")
        new.write_text(content)
        new.replace(self._file)

    def write_half(self, content: str) -> None:
        """Leave the file as it is in the middle of a copy."""
        self._file.write_text(content[: len(content) // 2])

    def tell(self) -> None:
        os.kill(self._town.services["router"].pid, signal.SIGHUP)

    def version(self, name: str) -> str:
        """Version of the rules that were written under this name."""
        return list(self.versions)[list(VERSIONS).index(name)]


CITIZENS = itertools.count(100_000)


class Writing:
    """Citizens who each write once, for as long as it lasts; `run` is in what they write."""

    def __init__(self, session: aiohttp.ClientSession, town: Installation, run: str) -> None:
        self._session, self._town, self.run = session, town, run
        self.taken: list[str] = []
        self.stopped = False
        self.task = asyncio.create_task(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._one() for _ in range(WRITERS)))

    async def _one(self) -> None:
        while not self.stopped:
            citizen = next(CITIZENS)
            said = f"{self.run} fiets {citizen}"
            body = webhook(text(said, f"wamid.{self.run}.{citizen}", citizen))
            while await post(self._session, self._town.gateway, body) != 200:
                await asyncio.sleep(PACE_SECONDS)  # Meta's wait between two attempts
            self.taken.append(said)
            await asyncio.sleep(PACE_SECONDS)  # the pace of the citizens

    async def more(self, count: int = EACH) -> None:
        """Wait until so many more were taken in."""
        wanted = len(self.taken) + count

        async def taken() -> int:
            return len(self.taken)

        await until(taken, lambda n: n >= wanted, SECONDS)


async def in_force(watch: Watch, service: str = "router") -> str:
    """The version that a service shows."""
    async with watch.session.get(f"{watch.town.operations(service)}/metrics") as answer:
        shown = re.findall(
            r'^postkamer_rules_version{version="(\w+)"} 1', await answer.text(), re.M
        )
    assert len(shown) == 1
    return str(shown[0])


async def archived(town: Installation, run: str) -> dict[str, dict[str, Any]]:
    """Record of each message of a run, by its text."""
    rows = await asyncio.to_thread(
        town.database.execute,
        f"select data from opened.record where kind = 'message' and data->>'text' like '{run} %'",
    )
    return {said["text"]: said for said in map(msgspec.json.decode, rows.splitlines())}


def expected(said: dict[str, Any], ground: RoutingContext) -> dict[str, Any]:
    """Decision of this version alone about a message that starts a conversation."""
    at = datetime.fromisoformat(said["receivedAt"])
    unit = build_unit(said["text"], NUMBER, at, "text")
    decision = DecisionView(decide(unit, Snapshot(), ground)[0])
    found = {
        "department": decision.department,
        "decision": decision_json(decision.decision),
        "tags": list(decision.tags),
        "priority": decision.priority,
        "due": str(decision.due or ""),
    }
    return {key: value for key, value in found.items() if value}


async def check(town: Installation, rules: Rules, writing: Writing) -> dict[str, int]:
    """Every message of a run is on the record, decided as its version decides; how many by each."""
    writing.stopped = True
    await writing.task
    kept = await until(
        lambda: archived(town, writing.run), lambda rows: len(rows) >= len(writing.taken), 60
    )
    assert kept.keys() == set(writing.taken)
    counts: dict[str, int] = {}
    for said in kept.values():
        version = said["decision"]["version"]
        there = {key: said[key] for key in DECIDED if key in said}
        assert there == expected(said, rules.versions[version])
        counts[version] = counts.get(version, 0) + 1
    return counts
