"""The month's figures lie in the database with the decisions that they count, and are read over
HTTP, with the rights of the router's role."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import Result

from router.api.figure_routes import WRONG_MONTH, FigureRoutes
from router.figures.month import CountedByMonth, JudgedRow
from router.model.work import RoutingContext
from router.store.fencing import PartitionFenced
from router.store.figures import load_figures, load_judged, load_month_figures
from router.store.store import Store
from services import clock
from services.http.application import api_app
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool, connection_pool
from tests.support.citizens import text, webhook
from tests.support.cli.command_line import SETTINGS, postkamer
from tests.support.cli.counted_month import ALGORITHM, OPEN_DATA
from tests.support.installation import EXAMPLE
from tests.support.router.batch_office import GROUND, NUMBER, Office
from tests.support.tokens import GENEROUS, bearer, key

NIGHT = datetime(2026, 10, 31, 22, 58, 30, tzinfo=UTC)
"""A minute and a half before November, in the Netherlands."""
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
TENANT = GROUND.config.number(NUMBER).tenant  # type: ignore[union-attr]
ROLES = "kcc", "rules", "read", "send", "privacy"
NEIGHBOUR = "N"
PUBLISHED = OPEN_DATA + ALGORITHM
SETTLED = datetime(2026, 12, 7, 23, 59, tzinfo=UTC)
"""A minute before one, on the eighth day after November in the Netherlands."""
Run = Callable[[str], Awaitable[Result]]
UNREPORTED = (
    ("kcc", "text/html"),
    ("send", "text/csv"),
    ("kcc", "text/csv", "2026-12"),
    ("kcc", "text/csv", "2027-01"),
    ("kcc", "text/csv", "2026-10"),
)
"""Requests for a report that is none: in another form, for another role, too early, of no month,
and of a month before counting began."""


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The pool of the router's role, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        yield own


@pytest.fixture
async def office(own: Pool) -> Office:
    store = Store(own)
    office = Office(store, await store.take_epoch(0))
    office.start = NIGHT
    return office


class Asker:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def report(self, token: str, accept: str, month: str = "2026-11") -> tuple[int, Any]:
        url, headers = f"{self._url}/v1/figures/report?month={month}", {"Accept": accept}
        async with self._session.get(url, headers=bearer(token) | headers) as answer:
            return answer.status, await answer.read()

    async def ask(self, token: str, query: str = "?month=2026-11") -> tuple[int, Any]:
        url = f"{self._url}/v1/figures{query}"
        async with self._session.get(url, headers=bearer(token)) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def asker(own: Pool, session: aiohttp.ClientSession) -> AsyncIterator[Asker]:
    async def context() -> RoutingContext:
        return GROUND

    of_tenant: dict[str, Any] = {"tenant": TENANT} | GENEROUS
    given = [key(role, name=role, roles=frozenset({role}), **of_tenant) for role in ROLES]
    other: dict[str, Any] = GENEROUS
    given.append(key(NEIGHBOUR, tenant="borne", roles=frozenset({"kcc"}), **other))
    routes = FigureRoutes(own, context, TokenStore(own, given)).routes()
    async with serve(api_app(routes), "127.0.0.1", 0) as port:
        yield Asker(f"http://127.0.0.1:{port}", session)


async def test_month_of_a_town_is_as_counted_by_hand(
    office: Office, asker: Asker, own: Pool
) -> None:
    """In October one citizen writes; in November another, who writes twice, gets an answer after
    ten minutes and one more, and is given to another department, which closes."""
    await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    office.start = NIGHT + timedelta(hours=9)
    first = office.came(webhook(text("Mijn paspoort is kwijt", "wamid.2", 2)))
    [(_, heard, _)] = await office.takes(first)
    await office.takes(first, office.came(webhook(text("En nu?", "wamid.3", 2))))
    office.start += timedelta(minutes=10)
    here = {"conversation": heard.conversation}
    await office.takes(office.order(text="dag", **here), office.order(text="en dag", **here))
    await office.takes(office.order("transfer", to_department="openbare-ruimte", **here))
    await office.takes(office.order("close", outcome="answered", **here))

    status, month = await asker.ask("kcc")
    assert status == 200
    assert (month["month"], month["countedSince"]) == ("2026-11", "2026-10-31")
    by_department = {each["id"]: each["figures"] for each in month["departments"]}
    assert list(by_department) == [
        each.id for each in GROUND.config.departments if each.tenant == TENANT
    ]
    asked, left = by_department["burgerzaken"], by_department["openbare-ruimte"]
    assert (asked["opened"], asked["received"], asked["byEmployees"]) == (1, 2, 2)
    assert asked["firstAnswers"] == {"count": 1, "medianMinutes": None, "p90Minutes": None}
    waits = "select what, value from router.figure where what like 'first_answer%' order by what"
    assert [tuple(row) for row in await own.fetch(waits)] == [
        ("first_answer", 10), ("first_answer_open", 10),  # it never closes
    ]  # fmt: skip
    assert (asked["transferred"], asked["closed"]["answered"]) == (1, 0)
    assert (left["transferred"], left["closed"]["answered"]) == (0, 1)
    total = month["total"]
    assert (total["opened"], total["received"], total["windowsMissed"]) == (1, 2, 0)
    await assert_judged(own, month)
    status, october = await asker.ask("rules", "?month=2026-10")
    assert (october["total"]["opened"], october["total"]["received"]) == (1, 1)
    assert october["isOver"]


async def assert_judged(own: Pool, month: Any) -> None:
    """The conversation was given on at its first answer: so its rule, of this version, was
    corrected."""
    by_month = await load_month_figures(own, TENANT, NOVEMBER)
    rule = await own.fetchval("select rule from router.rule_figure where what = 'corrected'")
    version = await own.fetchval("select version from router.rule_figure")
    assert await load_judged(own, TENANT, NOVEMBER) == [
        JudgedRow("burgerzaken", "corrected", rule, version, 1)
    ]
    assert month["rules"] == [{"rule": rule, "right": 0, "corrected": 1}]
    assert [each["version"] for each in month["versions"]] == [version] == [GROUND.version]
    assert month["total"]["rightAtOnce"] == {"right": 0, "corrected": 1}
    assert (month["total"]["withoutMessage"], month["total"]["costs"]["delivered"]) == (0, 0)
    assert month["reportFrom"] == "2026-12-08"
    assert rule and sorted(by_month) == [
        CountedByMonth("burgerzaken", "corrected", -1, rule, 1),
        CountedByMonth("burgerzaken", "opened", 6 * 24 + 8, "", 1),
        CountedByMonth("burgerzaken", "placed", -1, rule, 1),
        CountedByMonth("burgerzaken", "received", 6 * 24 + 8, "", 2),
    ]


async def test_only_managers_of_the_municipality_read_its_figures(
    office: Office, asker: Asker
) -> None:
    office.start = NIGHT + timedelta(hours=9)
    await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    statuses = {role: (await asker.ask(role))[0] for role in ROLES}
    assert statuses == {
        "kcc": 200, "rules": 200, "read": 403, "send": 403, "privacy": 403,
    }  # fmt: skip
    status, other = await asker.ask(NEIGHBOUR)
    assert (status, other["total"]["received"], other["countedSince"]) == (200, 0, None)


@pytest.mark.parametrize("query", ["?month=2999-01", "?month=2026-00", "?month=", "?month=x&month"])
async def test_month_that_is_none_is_refused(asker: Asker, query: str) -> None:
    status, problem = await asker.ask("kcc", query)
    [fault] = problem["errors"]
    assert (status, fault["parameter"], fault["detail"]) == (400, "month", WRONG_MONTH)


async def test_present_month_is_the_default(asker: Asker) -> None:
    status, month = await asker.ask("kcc", "")
    assert (status, month["isOver"]) == (200, False)
    assert month["month"] in (f"{clock.now():%Y-%m}", f"{clock.now() + timedelta(hours=2):%Y-%m}")


async def test_batch_that_is_not_stored_counts_nothing(office: Office, own: Pool) -> None:
    office.epoch -= 1
    with pytest.raises(PartitionFenced):
        await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    assert await load_figures(own, TENANT, date(2000, 1, 1), date(2100, 1, 1)) == []


@pytest.fixture
async def run(office: Office, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Twelve citizens write on a Sunday morning after eight, and six an hour later; the commands
    run with the rights of the router, on the first day on which the month can be published."""
    for citizen in range(1, 19):
        office.start = NIGHT + timedelta(hours=9 if citizen <= 12 else 10)
        words = text("Mijn paspoort is kwijt", f"wamid.{citizen}", citizen)
        await office.takes(office.came(webhook(words)))
    file = tmp_path / "postkamer.toml"
    file.write_text(EXAMPLE.read_text().replace("[[numbers]]", f"{PUBLISHED}[[numbers]]", 1))
    env = SETTINGS | {
        "POSTKAMER_DATABASE_URL": f"{empty}?role=postkamer_router",
        "POSTKAMER_CONFIG": str(file),
    }
    monkeypatch.setattr(clock, "now", lambda: SETTLED)

    async def run(command: str) -> Result:
        words = "figures", command, "--month", "2026-11", "--out", tmp_path / command
        return await asyncio.to_thread(postkamer, *words, "--json", env=env)

    return run


async def test_month_is_published_from_what_was_counted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await run("open-data")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["isNew"] and (await run("open-data")).exit_code == 0
    hours = (tmp_path / "open-data" / "2026-11" / "berichten-per-uur.csv").read_text()
    for row in (
        "burgerzaken,Burgerzaken,zondag,7,<5",
        "burgerzaken,Burgerzaken,totaal,totaal,18",
        "totaal,totaal,zondag,8,12",
        "totaal,totaal,totaal,totaal,x",  # 18 would tell that the others had none
    ):
        assert f"2026-11,{row}\n" in hours
    done = await run("register")
    assert done.exit_code == 0, done.output
    entry = json.loads((tmp_path / "register" / "algoritmeregister.json").read_bytes())
    assert "gesprekken die een afdeling kregen: 18<" in entry["risks"]

    monkeypatch.setattr(clock, "now", lambda: SETTLED - timedelta(hours=1))
    done = await run("register")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "2026-11 can be published from 2026-12-08 on" in done.stderr


async def test_report_is_the_same_by_command_and_over_the_api(
    run: Run, asker: Asker, tmp_path: Path
) -> None:
    done = await run("report")
    assert done.exit_code == 0 and (await run("report")).exit_code == 0, done.output
    sheet, pdf = (tmp_path / "report" / f"whatsapp-2026-11.{end}" for end in ("csv", "pdf"))
    written = sheet.read_bytes()
    assert b'"Per afdeling";"Burgerzaken";"Van inwoners";18\r\n' in written
    assert await asker.report("kcc", "text/csv") == (200, written)
    accepted = "application/pdf, text/csv;q=0.5"
    assert await asker.report("rules", accepted) == (200, pdf.read_bytes())
    assert [(await asker.report(*given))[0] for given in UNREPORTED] == [406, 403, 409, 400, 409]
    sheet.write_bytes(written.replace(b"18", b"17"))
    done = await run("report")
    assert done.exit_code == 1 and "other counts" in done.stderr
