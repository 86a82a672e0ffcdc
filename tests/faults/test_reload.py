"""Rules change while messages flow: each message is decided by one version, and says by which."""

import asyncio
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from click.testing import CliRunner

from cli.main import main
from services.config import loader
from services.http.server import serve
from tests.support.citizens import post, signature, text, webhook
from tests.support.config_files import replaced
from tests.support.e2e.crm_desk import Desk
from tests.support.faults.rule_writers import (
    EACH,
    SECONDS,
    VERSIONS,
    WRITERS,
    Rules,
    Writing,
    check,
    in_force,
)
from tests.support.installation import Installation
from tests.support.observer import BEARER, Watch, until, until_true

HARBOUR, HARBOUR_SECRET = "406540352242925", "harbour-app-secret"
ADDED = f"""
[[numbers]]
id = "{HARBOUR}"
tenant = "almelo"
fallback = "haven"
secrets = ["env:HARBOUR_SECRET"]
access_token = "env:HARBOUR_TOKEN"
graph_url = "GRAPH"

[[departments]]
id = "haven"
tenant = "almelo"
name = "Haven"
destination = "haven"

[[destinations]]
id = "haven"
kind = "cloudevents"
url = "SANDBOX/crm/events"
secret = "env:CRM_SECRET"
"""
"""A number with secrets of its own, whose provider is at GRAPH, with its department and CRM."""
BROKEN = VERSIONS["one"].replace('"verkeer"', '"vervoer"')
CHANGES = 8
BY_THEMSELVES = 2
"""Changes that the router must find without being told."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("town"))
    town.more |= {"HARBOUR_SECRET": HARBOUR_SECRET, "HARBOUR_TOKEN": "harbour-token"}
    RULES[town.folder] = Rules(town)
    try:
        town.start()
        yield town
    finally:
        town.discard()


RULES: dict[Path, Rules] = {}


@pytest.fixture
def rules(town: Installation) -> Rules:
    return RULES[town.folder]


async def test_message_is_decided_by_one_version_while_rules_change(
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
    recorded = "select count(*) from opened.record where kind = 'configuration'"
    assert kept == await watch.count(recorded) == len(VERSIONS)
    # Each was on record before the first message that was decided by it.
    late = """
        select count(*) from opened.record m join router.version v
            on m.data->'decision'->>'version' = v.version
        where m.kind = 'message' and not exists (
            select from opened.record c where c.id = v.record and c.written_at <= m.written_at)
    """
    assert await watch.count(late) == 0


async def test_faulty_rules_file_is_refused_and_counted(
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
    assert "there is no department 'vervoer': did you mean 'verkeer'?" in said
    rules.write(VERSIONS["other"])
    await until(lambda: watch.metric("router", refused), lambda n: n == 0, SECONDS)
    assert await in_force(watch) == rules.version("other")


async def test_rolled_back_rules_take_force_while_messages_flow(
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


async def test_router_killed_during_a_rule_change_starts_with_the_new_rules(
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
        decided = "postkamer_messages_received_total"
        await until(lambda: watch.metric("router", decided), bool, SECONDS)  # noqa: B023
    await writing.more()
    assert (await check(town, rules, writing)).keys() == rules.versions.keys()
    assert await watch.count("select count(*) from router.version") == len(VERSIONS)


async def test_new_department_is_known_to_gateway_and_router(
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
    await add(watch, department + 'destination = "crm"\n', "router", "gateway")
    assert await ordered() == 202
    moved = f"select count(*) from router.conversation where id = '{conversation}'"
    await until(lambda: watch.count(f"{moved} and department = 'markt'"), bool, SECONDS)


async def add(watch: Watch, tables: str, *services: str) -> None:
    """Add tables to the configuration, and wait until these services go by it."""
    config = watch.town.config
    replaced(config, config.read_text() + tables)
    version = loader.load(config).version
    for service in services:
        await until(partial(in_force, watch, service), version.__eq__, SECONDS)


async def test_number_department_and_destination_are_added_and_no_process_is_replaced(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    before = {name: process.pid for name, process in town.services.items()}
    writing, provider = Writing(session, town, "haven"), Provider()
    async with serve(provider.app, "127.0.0.1", 0) as port:
        added = ADDED.replace("GRAPH", f"http://127.0.0.1:{port}").replace("SANDBOX", town.sandbox)
        await add(watch, added, "gateway", "router", "deliverer", "archiver")
        question = webhook(text("ligt er plaats?", "wamid.haven", 900_001), number=HARBOUR)
        signed = signature(question, HARBOUR_SECRET.encode())
        assert await post(session, town.gateway, question, signed) == 200
        # Its queue is not declared yet: it waits, and others go on.
        await until(lambda: watch.metric("router", "postkamer_waiting"), lambda n: n == 1, SECONDS)
        await writing.more()
        declare = partial(town.says, "topology", "declare", POSTKAMER_AMQP_URL=town.broker.url)
        assert (await asyncio.to_thread(declare)).startswith("declared")
        [asked] = await until(lambda: watch.events("ligt er plaats?"), bool, SECONDS)
        data = asked["event"]["data"]
        assert data["department"] == "haven"
        settled = "select count(*) from deliverer.delivery where destination = 'haven'"
        await until(lambda: watch.count(f"{settled} and state = 'settled'"), bool, SECONDS)
        status, _ = await Desk(watch).answer(data["conversationId"])
        assert status == 202
        await until_true(lambda: provider.taken, SECONDS)
        await writing.more()
    writing.stopped = True
    await writing.task
    assert provider.taken == [(f"/{HARBOUR}/messages", "Bearer harbour-token")]
    assert {name: process.pid for name, process in town.services.items()} == before


async def test_no_process_goes_by_rules_that_wait_for_a_second_person(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    services, config = ("gateway", "router", "deliverer", "archiver"), town.config
    files = config.read_text()
    replaced(config, f"second_person = true\n{files}")
    asking = loader.load(config).version
    for service in services:
        await until(partial(in_force, watch, service), asking.__eq__, SECONDS)
    # The next one may take away the second person too: it waits all the same.
    replaced(config, files.replace('name = "Groen"', 'name = "Groen en water"'))
    new = loader.load(config).version
    for service in services:
        waits = partial(watch.metric, service, "postkamer_rules_waiting")
        await until(waits, lambda n: n == 1, SECONDS)
    for service in ("router", "gateway"):  # started again with files that do not count
        await asyncio.to_thread(town.kill, service)
        await asyncio.to_thread(town.restart, service)
        await asyncio.to_thread(town.wait_until_ready, service)
        waits = partial(watch.metric, service, "postkamer_rules_waiting")
        await until(waits, lambda n: n == 1, SECONDS)
    assert {await in_force(watch, service) for service in services} == {asking}
    question = webhook(text("mag het al?", "wamid.tweede", 900_002))
    assert await post(session, town.gateway, question) == 200
    decided = f"select count(*) from opened.record where data->'decision'->>'version' = '{asking}'"
    await until(lambda: watch.count(decided), bool, SECONDS)
    for n, by in enumerate(("S. Jansen", "K. de Boer")):
        assert {await in_force(watch, service) for service in services} == {asking}, n
        await asyncio.to_thread(town.database.execute, STAND_FOR.format(new, by))
    for service in services:
        await until(partial(in_force, watch, service), new.__eq__, SECONDS)
        assert await watch.metric(service, "postkamer_rules_waiting") == 0


STAND_FOR = """
insert into router.approval (version, by, identified, confirmed_at)
values ('{}', '{}', 'proven', now())
"""


class Provider:
    """The provider of the number that is added, and what it was asked to send."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.app = web.Application()
        self.app.router.add_post("/{tail:.*}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        self.taken.append((request.path, request.headers["Authorization"]))
        return web.json_response({"messages": [{"id": "wamid.answer"}]})
