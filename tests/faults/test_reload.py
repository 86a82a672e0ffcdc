"""Rules change while messages flow: each message is decided by one version, and says by which."""

import asyncio
import itertools
import os
import re
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from click.testing import CliRunner

from cli import explain
from cli.main import main
from router.decide import decide
from router.decisions import Ground
from router.grounds import grounded
from router.knowledge import Knowledge
from router.outputs import why
from router.units import keyed_hash
from services import choices
from tests.citizens import NUMBER, post, text, webhook
from tests.installation import NEIGHBOUR, Installation
from tests.watching import BEARER, Watch, until

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
BROKEN = VERSIONS["one"].replace('"verkeer"', '"vervoer"')
CHANGES = 20
BY_THEMSELVES = 3
"""Of the changes, those that nobody tells the router of."""
WRITERS, PACE_SECONDS = 4, 0.02
"""Some 150 messages a second, each of another citizen."""
EACH = 25
"""Messages that are taken in under each version, at least."""
SECONDS = 20.0
DECIDED = ("department", "decision", "tags", "priority", "due")
"""What of a record comes from the rules."""


class Rules:
    """An installation's rules, as somebody changes them."""

    def __init__(self, town: Installation) -> None:
        self._town, self._file = town, town.config.parent / "rules" / "alle.toml"
        self._file.parent.mkdir()
        town.config.write_text(TOML.replace("SANDBOX", town.sandbox))
        self.versions: dict[str, Ground] = {}
        """Version -> what decides by it; in the order of VERSIONS."""
        for content in VERSIONS.values():
            self.write(content)
            found = choices.load(town.config)
            self.versions[found.version] = grounded(found, keyed_hash(b"k"))

    def write(self, content: str) -> None:
        """In one go, as an editor or a deployment does."""
        new = self._file.with_suffix(".new")
        new.write_text(content)
        new.replace(self._file)

    def write_half(self, content: str) -> None:
        """What is there while somebody copies a file."""
        self._file.write_text(content[: len(content) // 2])

    def tell(self) -> None:
        os.kill(self._town.services["router"].pid, signal.SIGHUP)

    def version(self, name: str) -> str:
        """What the version is called that is written under this name."""
        return list(self.versions)[list(VERSIONS).index(name)]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("town"))
    RULES[town.folder] = Rules(town)
    try:
        town.start()
        yield town
    finally:
        town.stop()


RULES: dict[Path, Rules] = {}


@pytest.fixture
def rules(town: Installation) -> Rules:
    return RULES[town.folder]


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
        """Until so many more were taken in."""
        wanted = len(self.taken) + count

        async def taken() -> int:
            return len(self.taken)

        await until(taken, lambda n: n >= wanted, SECONDS)


CITIZENS = itertools.count(100_000)


async def in_force(watch: Watch, service: str = "router") -> str:
    """The version that a service shows."""
    async with watch.session.get(f"{watch.town.operations(service)}/metrics") as answer:
        shown = re.findall(
            r'^postkamer_rules_version{version="(\w+)"} 1', await answer.text(), re.M
        )
    assert len(shown) == 1
    return str(shown[0])


async def archived(town: Installation, run: str) -> dict[str, dict[str, Any]]:
    """What is on the record of each message of a run, by what was written."""
    rows = await asyncio.to_thread(
        town.database.execute,
        f"select data from archiver.record where kind = 'message' and data->>'text' like '{run} %'",
    )
    return {said["text"]: said for said in map(msgspec.json.decode, rows.splitlines())}


def expected(said: dict[str, Any], ground: Ground) -> dict[str, Any]:
    """What this version alone makes of a message that starts a conversation."""
    at = datetime.fromisoformat(said["receivedAt"])
    decision, _ = decide(explain.asked(said["text"], NUMBER, at, "text"), Knowledge(), ground)
    found = {
        "department": decision.department,
        "decision": why(decision),
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


async def test_while_rules_change_each_message_is_decided_by_one_version_of_them(
    town: Installation, rules: Rules, watch: Watch, session: aiohttp.ClientSession
) -> None:
    writing = Writing(session, town, "wissel")
    names = itertools.cycle(VERSIONS)  # what is there to begin with is the second
    for n in range(CHANGES):
        await writing.more()
        name = next(names)
        rules.write(VERSIONS[name])
        if n % (CHANGES // BY_THEMSELVES):
            rules.tell()
        await until(lambda: in_force(watch), lambda now: now == rules.version(name), SECONDS)  # noqa: B023
    await writing.more()
    counts = await check(town, rules, writing)
    assert counts.keys() == rules.versions.keys()
    assert min(counts.values()) >= EACH * CHANGES // 2 - WRITERS * CHANGES
    kept = await watch.count("select count(*) from router.version")
    recorded = "select count(*) from archiver.record where kind = 'configuration'"
    assert kept == await watch.count(recorded) == len(VERSIONS)
    # Each was on record before the first message that was decided by it.
    late = """
        select count(*) from archiver.record m join router.version v
            on m.data->'decision'->>'version' = v.version
        where m.kind = 'message' and not exists (
            select from archiver.record c where c.id = v.record and c.written_at <= m.written_at)
    """
    assert await watch.count(late) == 0


async def test_a_file_with_faults_changes_nothing_and_the_metric_says_so(
    town: Installation, rules: Rules, watch: Watch, session: aiohttp.ClientSession
) -> None:
    refused = "postkamer_rules_refused"
    before = await in_force(watch)
    assert await watch.metric("router", refused) == 0
    writing = Writing(session, town, "stuk")
    rules.write(BROKEN)
    await until(lambda: watch.metric("router", refused), lambda n: n == 1, SECONDS)
    await writing.more()
    rules.write_half(VERSIONS["other"])
    rules.tell()
    await writing.more()
    assert await watch.metric("router", refused) == 1
    assert await in_force(watch) == before
    assert (await check(town, rules, writing)).keys() == {before}
    logged = [msgspec.json.decode(line) for line in town.logs().splitlines() if "rules." in line]
    said = {line["what"] for line in logged if line["event"] == "rules.fault"}
    assert "there is no department 'vervoer'" in said
    rules.write(VERSIONS["other"])
    await until(lambda: watch.metric("router", refused), lambda n: n == 0, SECONDS)
    assert await in_force(watch) == rules.version("other")


async def test_a_rollback_is_taken_into_force_by_itself_while_messages_flow(
    town: Installation, rules: Rules, watch: Watch, session: aiohttp.ClientSession
) -> None:
    now, then = rules.version("other"), rules.version("one")
    rules.write(VERSIONS["other"])
    await until(lambda: in_force(watch), lambda version: version == now, SECONDS)
    writing = Writing(session, town, "terug")
    await writing.more()
    env = {"POSTKAMER_CONFIG": str(town.config), "POSTKAMER_DATABASE_URL": town.database.url}
    done = await asyncio.to_thread(CliRunner().invoke, main, ["rules", "rollback", then], env=env)
    assert done.exit_code == 0, done.output
    await until(lambda: in_force(watch), lambda version: version == then, SECONDS)
    await writing.more()
    assert (await check(town, rules, writing)).keys() == {now, then}


async def test_a_router_that_is_killed_while_rules_change_starts_with_what_is_there(
    town: Installation, rules: Rules, watch: Watch, session: aiohttp.ClientSession
) -> None:
    writing = Writing(session, town, "dood")
    for name in ("other", "one", "other"):
        await writing.more()
        rules.write(VERSIONS[name])
        rules.tell()
        await asyncio.to_thread(town.kill, "router")
        await asyncio.to_thread(town.restart, "router")
        await asyncio.to_thread(town.wait_until_ready, "router")
        assert await in_force(watch) == rules.version(name)
    await writing.more()
    assert (await check(town, rules, writing)).keys() == rules.versions.keys()
    assert await watch.count("select count(*) from router.version") == len(VERSIONS)


async def test_a_department_that_is_new_is_known_at_the_door_and_to_the_router(
    town: Installation, rules: Rules, watch: Watch, session: aiohttp.ClientSession
) -> None:
    writing = Writing(session, town, "nieuw")
    await writing.more(1)
    await check(town, rules, writing)
    kept = await until(lambda: watch.archived("nieuw"), bool, SECONDS)
    conversation = kept[0][0]
    url = f"{town.gateway}/v1/conversations/{conversation}/_transfer"

    async def ordered() -> int:
        order = {"department": "markt", "reason": "dat hoort op de markt"}
        headers = BEARER | {"Idempotency-Key": "markt"}
        async with session.post(url, json=order, headers=headers) as answer:
            return answer.status

    assert await ordered() == 400
    department = '\n[[departments]]\nid = "markt"\ntenant = "almelo"\nname = "Markt"\n'
    new = town.config.with_suffix(".new")
    new.write_text(town.config.read_text() + department + 'destination = "crm"\n')
    new.replace(town.config)
    version = choices.load(town.config).version
    for service in ("router", "gateway"):
        await until(lambda: in_force(watch, service), lambda now: now == version, SECONDS)  # noqa: B023
    assert await ordered() == 202
    moved = f"select count(*) from router.conversation where id = '{conversation}'"
    await until(lambda: watch.count(f"{moved} and department = 'markt'"), bool, SECONDS)
