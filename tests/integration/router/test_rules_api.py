"""People try and read the rules over HTTP, with the rights of the router's role in the database."""

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs

from router.api.figure_routes import FigureRoutes
from router.api.routes import (
    BUSY,
    CHANGED,
    NO_NUMBER,
    NO_PERSON,
    NO_VERSION,
    NOT_YET,
    RuleRoutes,
)
from router.model.hashes import Hashes
from router.model.work import RoutingContext
from router.ruleset.context import build_context, create_version
from router.service import all_routes
from router.store.store import Store
from router.store.version_table import VersionTable
from services.config import loader
from services.config.loader import LoadedConfig
from services.http.application import api_app
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool, connection_pool
from tests.support.cli.command_line import TOML, postkamer
from tests.support.config_files import approved_rules
from tests.support.tokens import GENEROUS, bearer, key

HASHES = Hashes(b"k" * 32)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT = "2026-12-01T21:15:00+01:00"
BORNE = '[[rules]]\nid = "markt"\ntenant = "borne"\nwords = ["markt"]\ndepartment = "kcc"\n'
WORDS = {"rules": "R", "kcc": "K", "read": "O"}
"""Role -> token of almelo with that role alone."""
NEIGHBOUR, NOWHERE = "N", "W"
"""Tokens of borne, and of a municipality that is not configured any more."""


class Desk:
    """People who ask, each with a token."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def ask(self, method: str, path: str, token: str = "R", **more: Any) -> tuple[int, Any]:
        url = f"{self._url}/v1/rules/{path}"
        async with self._session.request(method, url, headers=bearer(token), **more) as answer:
            return answer.status, await answer.json(content_type=None)

    async def explain(self, token: str = "R", **body: Any) -> tuple[int, Any]:
        return await self.ask("POST", "_explain", token, json=body)


class Town:
    """A configuration of two municipalities, in a file that people change."""

    def __init__(self, folder: Path, pool: Pool) -> None:
        self.path, self._pool = folder / "postkamer.toml", pool
        self.context: RoutingContext | None = None

    def write(self, text: str) -> LoadedConfig:
        self.path.write_text(text)
        return loader.load(self.path)

    async def activate(self, loaded: LoadedConfig, at: datetime) -> str:
        await Store(self._pool).versions.store(create_version(loaded, at, HASHES.own))
        self.context = build_context(loaded, HASHES)
        return loaded.version

    async def active(self) -> RoutingContext:
        while self.context is None:
            await asyncio.sleep(0.01)
        return self.context


@pytest.fixture
async def town(empty: str, pool: Pool, tmp_path: Path) -> AsyncIterator[Town]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        yield Town(tmp_path, own)


@pytest.fixture
async def desk(town: Town, session: aiohttp.ClientSession) -> AsyncIterator[Desk]:
    async with desk_of(town, session) as desk:
        yield desk


@asynccontextmanager
async def desk_of(town: Town, session: aiohttp.ClientSession) -> AsyncIterator[Desk]:
    given = [
        key(token, name=role, roles=frozenset({role}), **GENEROUS) for role, token in WORDS.items()
    ]
    both = {"roles": frozenset({"rules", "kcc"})} | GENEROUS
    given += [
        key(NEIGHBOUR, name="neighbour", tenant="borne", **both),
        key(NOWHERE, name="nowhere", tenant="losser", **both),
    ]
    given_to_all = town._pool, town.active, TokenStore(town._pool, given)
    routes = all_routes(RuleRoutes(*given_to_all), FigureRoutes(*given_to_all))
    async with serve(api_app(routes), "127.0.0.1", 0) as port:
        yield Desk(f"http://127.0.0.1:{port}", session)


async def test_explanation_is_the_one_of_the_command(desk: Desk, town: Town) -> None:
    await town.activate(town.write(TOML), NOON)
    arguments = ("--config", town.path, "--number", "10000001", "--at", AT, "--json")
    for text in ("mijn grof vuil", "hoi", "123456782 is mijn BSN", "afvla"):
        said = await asyncio.to_thread(postkamer, "route", "explain", text, *arguments)
        for token in (WORDS["rules"], WORDS["kcc"]):
            asked = {"text": text, "number": "10000001", "at": AT}
            assert await desk.explain(token, **asked) == (200, json.loads(said.stdout))


async def test_first_number_of_the_municipality_and_the_present_are_asked_about_by_default(
    desk: Desk, town: Town
) -> None:
    await town.activate(town.write(TOML + BORNE), NOON)
    ours, theirs = [await desk.explain(token, text="markt") for token in ("R", NEIGHBOUR)]
    assert (ours[1]["rule"], ours[1]["tried"]) == (None, ["afval"])
    assert (theirs[1]["rule"], theirs[1]["tried"]) == ("markt", ["markt"])
    (due,) = [each["due"] for each in ours[1]["timers"] if each["kind"] == "idle"]
    left = datetime.fromisoformat(due) - datetime.now(UTC)
    assert timedelta(days=13, hours=23) < left <= timedelta(days=14)


async def test_number_of_another_municipality_is_none_of_ours(desk: Desk, town: Town) -> None:
    await town.activate(town.write(TOML), NOON)
    own = {"R": "10000001", NEIGHBOUR: "20000001", NOWHERE: ""}
    for token, number in itertools.product(own, ("10000001", "20000001", "30000001", None)):
        named = {"number": number} if number else {}
        status, said = await desk.explain(token, text="geheime woorden", **named)
        if own[token] and number in (own[token], None):
            assert (status, said["department"]) == (200, "kcc")
        else:
            assert (status, said["errors"]) == (400, [{"pointer": "/number", "detail": NO_NUMBER}])
            assert "woorden" not in json.dumps(said)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "/text"),
    ({"text": "  "}, "/text"),
    ({"text": "x" * 4097}, "/text"),
    ({"text": "x", "at": "1999-12-31T23:59:59Z"}, "/at"),
    ({"text": "x", "at": "2100-01-01T00:00:00Z"}, "/at"),
    ({"text": "x", "at": "gisteren"}, "/at"),
    ({"text": "x", "number": None}, "/number"),
    ({"text": "x", "type": "image"}, "/type"),
]


async def test_wrong_question_is_refused_with_its_fault(desk: Desk, town: Town) -> None:
    await town.activate(town.write(TOML), NOON)
    for body, pointer in WRONG:
        status, said = await desk.explain(**body)
        assert (status, [each["pointer"] for each in said["errors"]]) == (400, [pointer])


async def test_words_are_in_no_log_and_no_row(
    desk: Desk, town: Town, pool: Pool, capfd: pytest.CaptureFixture[str]
) -> None:
    await town.activate(town.write(TOML), NOON)
    with capture_logs() as logged:
        for number in ("10000001", "20000001"):
            await desk.explain(text="eekhoornbrood 0612345678", number=number)
    assert logged == [] and capfd.readouterr() == ("", "")
    tables = "select schemaname || '.' || tablename from pg_tables where schemaname <> all($1)"
    for (table,) in await pool.fetch(tables, ["pg_catalog", "information_schema"]):
        rows = await pool.fetchval(f"select string_agg(t::text, '') from {table} t")
        assert "eekhoornbrood" not in (rows or ""), table


async def test_versions_need_the_role_rules_and_the_explanation_one_of_two(
    desk: Desk, town: Town
) -> None:
    version = await town.activate(town.write(TOML), NOON)
    for token, path in itertools.product("OK", ("versions", f"versions/{version}")):
        status, said = await desk.ask("GET", path, token)
        assert (status, said["detail"]) == (403, "this token has not the role 'rules'")
    status, said = await desk.explain(WORDS["read"], text="x")
    assert (status, said["detail"]) == (403, "this token has not the role 'rules' or 'kcc'")


async def test_versions_are_those_of_the_command_and_the_one_in_force_is_marked(
    desk: Desk, town: Town, pool: Pool, empty: str
) -> None:
    first = await town.activate(town.write('approved_by = "De secretaris"\n' + TOML), NOON)
    second = await town.activate(town.write(TOML), NOON + timedelta(days=1))
    await pool.execute(_APPROVE, second, NOON)
    env = {"POSTKAMER_DATABASE_URL": empty, "POSTKAMER_CONFIG": str(town.path)}
    said = await asyncio.to_thread(postkamer, "rules", "list", "--json", env=env)
    status, listed = await desk.ask("GET", "versions")
    assert (status, listed["versions"]) == (200, json.loads(said.stdout))
    assert [(each["version"], each["inForce"]) for each in listed["versions"]] == [
        (second, True),
        (first, False),
    ]
    [by_hand], [in_files] = (each["approvals"] for each in listed["versions"])
    assert (by_hand["by"], by_hand["identified"]) == ("s.jansen", "proven")
    assert (in_files["by"], in_files["identified"]) == ("De secretaris", "stated")


async def test_version_has_its_files_and_the_patch_to_the_one_before(
    desk: Desk, town: Town, empty: str
) -> None:
    text = "# Alleen Almelo\n" + approved_rules("De secretaris")
    first = await town.activate(town.write(text), NOON)
    second = await town.activate(town.write(text + "# einde\n"), NOON + timedelta(days=1))
    status, said = await desk.ask("GET", f"versions/{second}")
    assert (status, said["before"], said["inForce"]) == (200, first, True)
    assert said["files"] == [{"name": "postkamer.toml", "text": text + "# einde\n"}]
    env = {"POSTKAMER_DATABASE_URL": empty}
    shown = await asyncio.to_thread(postkamer, "rules", "diff", first, second, "--json", env=env)
    assert said["changes"] == json.loads(shown.stdout)["files"]
    status, said = await desk.ask("GET", f"versions/{first}")
    assert (status, said["before"], said["inForce"]) == (200, None, False)
    assert said["changes"] == []
    third = await town.activate(town.write(text + "# slot\n"), NOON + timedelta(days=2))
    assert (await desk.ask("GET", f"versions/{third}"))[1]["before"] == second


async def test_version_that_waits_is_shown_beside_the_one_in_force(
    desk: Desk, town: Town, pool: Pool
) -> None:
    text = approved_rules("De secretaris")
    first = await town.activate(town.write(text), NOON)
    later = town.write(text + "# einde\n")
    await VersionTable(town._pool).propose(create_version(later, NOON + timedelta(1), HASHES.own))
    _, listed = await desk.ask("GET", "versions")
    waiting, in_force = listed["versions"]
    assert (waiting["version"], waiting["waiting"]) == (later.version, True)
    assert not {"record"} & waiting.keys() and not {"waiting"} & in_force.keys()
    assert (waiting["inForce"], in_force["inForce"]) == (False, True)
    status, said = await desk.ask("GET", f"versions/{later.version}")
    assert (status, said["before"], said["waiting"]) == (200, first, True)
    assert "+# einde" in said["changes"][0]["diff"]
    await town.activate(later, NOON + timedelta(days=2))  # it counts: no longer one that waits
    _, listed = await desk.ask("GET", "versions")
    assert [each["version"] for each in listed["versions"]] == [later.version, first]
    assert not any("waiting" in each for each in listed["versions"])


async def test_token_of_a_system_stands_for_no_version(desk: Desk, town: Town, pool: Pool) -> None:
    version = await town.activate(town.write(TOML), NOON)
    status, said = await desk.ask("POST", f"versions/{version}/_approve")
    assert (status, said["detail"]) == (403, NO_PERSON)
    for token in (WORDS["kcc"], WORDS["read"]):
        status, _ = await desk.ask("POST", f"versions/{version}/_approve", token)
        assert status == 403
    assert await pool.fetch("select from router.approval") == []


async def test_versions_that_wait_are_kept_the_newest_alone(
    town: Town, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.store.version_table.MOST_PROPOSED", 2)
    table, written = VersionTable(town._pool), []
    for n in range(4):
        loaded = town.write(f"# {n}\n{TOML}")
        await table.propose(create_version(loaded, NOON + timedelta(n), HASHES.own))
        written.append(loaded.version)
    rows = await pool.fetch("select version from router.proposed_version order by at")
    assert [row["version"] for row in rows] == written[2:]


async def test_secret_in_the_files_is_not_shown(desk: Desk, town: Town) -> None:
    given = TOML.replace('secret = "env:CRM_SECRET"', 'secret = "whsec_{}"')
    await town.activate(town.write(given.replace("{}", "aHVudGVyMg==")), NOON)
    later = town.write(given.replace("{}", "aHVudGVyMw==") + BORNE)
    version = await town.activate(later, NOON + timedelta(days=1))
    for token in ("R", NEIGHBOUR):
        status, said = await desk.ask("GET", f"versions/{version}", token)
        assert status == 200 and "whsec" not in json.dumps(said)
        assert 'secret = "***"' in said["files"][0]["text"]


async def test_version_of_two_municipalities_is_shown_to_each_without_the_other(
    desk: Desk, town: Town
) -> None:
    await town.activate(town.write(TOML), NOON)
    version = await town.activate(town.write(TOML + BORNE), NOON + timedelta(days=1))
    _, ours = await desk.ask("GET", f"versions/{version}")
    _, theirs = await desk.ask("GET", f"versions/{version}", NEIGHBOUR)
    assert "orne" not in json.dumps(ours) and "lmelo" not in json.dumps(theirs)
    assert ours["changes"] == []
    assert '+id = "markt"' in theirs["changes"][0]["diff"]
    assert (await desk.ask("GET", f"versions/{version}", NOWHERE))[1]["files"] == []


async def test_version_that_never_decided_is_not_found(desk: Desk, town: Town) -> None:
    await town.activate(town.write(TOML), NOON)
    for id in ("000000000000", "x", "ABCDEF012345", "0" * 13, "%00"):
        status, said = await desk.ask("GET", f"versions/{id}")
        assert (status, said["detail"]) == (404, NO_VERSION)


async def test_files_that_are_not_what_they_were_are_not_shown(
    desk: Desk, town: Town, pool: Pool
) -> None:
    first = await town.activate(town.write(TOML), NOON)
    second = await town.activate(town.write(TOML + BORNE), NOON + timedelta(days=1))
    forged = msgspec.msgpack.encode({"postkamer.toml": "# vervalst\n"})
    await pool.execute("update router.version set files = $2 where version = $1", first, forged)
    for version in (first, second):
        status, said = await desk.ask("GET", f"versions/{version}")
        assert (status, said["detail"]) == (500, CHANGED)


async def test_router_without_a_version_in_force_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.api.routes.ANSWER_SECONDS", 0.05)
    answers = [await desk.explain(text="x"), await desk.ask("GET", "versions")]
    for status, said in (*answers, await desk.ask("GET", f"versions/{'0' * 12}")):
        assert (status, said["detail"]) == (503, NOT_YET)


async def test_one_answer_at_a_time_is_worked_out(
    desk: Desk, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = await town.activate(town.write(TOML), NOON)
    begun, may_end = threading.Event(), threading.Event()

    def slowly(*_: object) -> dict[str, str]:
        begun.set()
        assert may_end.wait(20)
        return {"department": "kcc"}

    monkeypatch.setattr("router.api.routes.explain_message", slowly)
    monkeypatch.setattr("router.api.routes.ANSWER_SECONDS", 0.2)
    first = asyncio.create_task(desk.explain(text="x"))
    try:
        assert await asyncio.to_thread(begun.wait, 20)
        for answer in (await desk.explain(text="y"), await desk.ask("GET", f"versions/{version}")):
            assert (answer[0], answer[1]["detail"]) == (503, BUSY)
        assert (await desk.ask("GET", "versions"))[0] == 200
    finally:
        may_end.set()
    assert await first == (200, {"department": "kcc"})


_APPROVE = """
insert into router.approval (version, by, identified, at) values ($1, 's.jansen', 'proven', $2)
"""
