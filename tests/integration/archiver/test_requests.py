"""`postkamer archive request`, on a real PostgreSQL: dates, terms, grounds, and what is on the
record of them."""

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.legal_grounds import REFUSALS
from archiver.subject_access.requests.request_metrics import STATES, count
from router.store.store import Store
from services import clock, metrics
from services.calendar.opening_hours import AMSTERDAM
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.decrypted_record import rows_of, writer_of
from tests.support.integration.subject_persons import TENANT, Citizen, Desk, day, typed
from tests.support.observer import until
from tests.support.router.batch_office import Office

ANNA, BERT = Citizen("31600000011", "NL.1001"), Citizen("31600000012", "NL.1002")
BY = ("--by", "P. Bakker")
NOW = clock.now()
TODAY = NOW.astimezone(AMSTERDAM).date()


@pytest.fixture
async def desk(empty: str, pool: Pool) -> AsyncIterator[Desk]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        store = Store(own)
        office = Office(store, await store.take_epoch(0))
        yield Desk(office, await writer_of(pool), pool)


async def done(url: str, *arguments: str) -> Any:
    said = await typed(url, "request", *arguments, "--json")
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


async def opened(url: str, kind: str = "erasure", received: date = TODAY, **who: str) -> Any:
    phone = who.get("phone", ANNA.phone)
    given = ("--kind", kind, "--received", f"{received}", "--phone", f"+{phone}", *BY)
    return await done(url, "open", *given)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


async def test_a_request_is_due_a_month_later_and_each_step_is_on_the_record(
    desk: Desk, empty: str, pool: Pool
) -> None:
    [conversation] = await desk.heard((ANNA, "wis alles van mij"))
    await desk.delivered(conversation, "crm")
    request = await opened(empty)
    assert request["dueOn"] == f"{deadlines.due_date(TODAY)}" and request["state"] == "open"
    until = deadlines.add_months(TODAY, 3)
    await done(
        empty, "extend", request["id"], "--until", f"{until}", "--ground", "ingewikkeld", *BY
    )
    refused = ("--decision", "refused", "--ground", "archief", "--text", "Tot 2036.")
    decided = await done(empty, "decide", request["id"], *refused, *BY)
    assert (decided["decision"], decided["ground"], decided["dueOn"]) == (
        "refused",
        "archief",
        f"{until}",
    )
    kept = [row for row in await rows_of(pool) if row["kind"] == "request"]
    steps = [msgspec.json.decode(row["data"]) for row in kept]
    assert [(s["event"], s["by"], s["dueOn"]) for s in steps] == [
        ("opened", "P. Bakker", f"{deadlines.due_date(TODAY)}"),
        ("extended", "P. Bakker", f"{until}"),
        ("decided", "P. Bakker", f"{until}"),
    ]
    assert {row["conversation"] for row in kept} == {conversation}
    shown = await done(empty, "show", request["id"])
    assert [step["event"] for step in shown["steps"]] == ["opened", "extended", "decided"]
    assert shown["steps"][-1]["text"] == "Tot 2036."
    places = [copy["place"] for copy in shown["copies"]]
    assert places[0].startswith("crm, het systeem van") and "Back-ups" in places
    said = await pool.fetch("select what, by, about from access.operation order by id")
    assert [tuple(row) for row in said] == [
        ("archive request open", "P. Bakker", request["id"]),
        ("archive request extend", "P. Bakker", request["id"]),
        ("archive request decide", "P. Bakker", request["id"]),
        ("archive request show", "sanne", request["id"]),
    ]
    assert (await typed(empty, "request", "letter", request["id"])).exit_code == 0
    last = "select what, by from access.operation order by id desc limit 1"
    assert tuple(await pool.fetchrow(last)) == ("archive request letter", "sanne")


async def test_of_whom_it_is_stands_in_the_table_as_a_hash_only(
    desk: Desk, empty: str, pool: Pool
) -> None:
    await desk.heard((ANNA, "hallo"))
    await opened(empty)
    for table in ("archiver.request", "access.operation"):
        [row] = await pool.fetch(f"select t::text as whole from {table} t")
        assert not any(mark in row["whole"] for mark in (ANNA.phone, ANNA.bsuid))


async def test_a_letter_says_what_was_decided_why_and_who_has_copies(
    desk: Desk, empty: str
) -> None:
    [conversation] = await desk.heard((ANNA, "wis alles van mij"))
    await desk.delivered(conversation, "crm")
    request = await opened(empty)
    before = await typed(empty, "request", "letter", request["id"])
    assert "uiterlijk op" in before.stdout and "crm, het systeem van" in before.stdout
    refused = ("--decision", "refused", "--ground", "wettelijke-plicht")
    await done(empty, "decide", request["id"], *refused, "--text", "Zo is het.", *BY)
    letter = (await typed(empty, "request", "letter", request["id"])).stdout
    for said in ("artikel 17, lid 3, onder b", "Zo is het.", "bezwaar maken", "Gemeente Almelo"):
        assert said in letter
    assert ANNA.phone not in letter


@pytest.mark.parametrize("decision", ["refused", "partly"])
@pytest.mark.parametrize("ground", [(), ("--ground", "geen-zin"), ("--ground", "klopt")])
async def test_nothing_is_refused_without_a_ground_of_the_list(
    pool: Pool, empty: str, decision: str, ground: tuple[str, ...]
) -> None:
    request = await opened(empty)
    said = await typed(
        empty, "request", "decide", request["id"], "--decision", decision, *ground, *BY
    )
    assert said.exit_code == 1
    theirs = [each for each in REFUSALS if "erasure" in each.kinds]
    assert all(each.code in said.stderr and each.article in said.stderr for each in theirs)
    assert "klopt:" not in said.stderr, "a ground against another kind of request"
    assert await pool.fetchval("select decision from archiver.request") is None
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "update archiver.request set decision = $1, decided_at = now()", decision
        )


async def test_a_request_is_decided_once_and_not_extended_after(pool: Pool, empty: str) -> None:
    request = await opened(empty, "access")
    await done(empty, "decide", request["id"], "--decision", "granted", *BY)
    later = f"{deadlines.add_months(TODAY, 2)}"
    for again in (
        ("decide", request["id"], "--decision", "granted", *BY),
        ("extend", request["id"], "--until", later, "--ground", "ingewikkeld", *BY),
    ):
        said = await typed(empty, "request", *again)
        assert (said.exit_code, said.stderr) == (
            1,
            f"{request['id']} was decided already: granted\n",
        )
    kept = [row for row in await rows_of(pool) if row["kind"] == "request"]
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("received", "until", "ground", "said"),
    [
        (TODAY, deadlines.add_months(TODAY, 4), "ingewikkeld", "at most two further months"),
        (TODAY, TODAY, "ingewikkeld", "expected a later day"),
        (days_ago(40), deadlines.add_months(TODAY, 1), "ingewikkeld", "within the first month"),
        (TODAY, deadlines.add_months(TODAY, 2), "vakantie", "'vakantie' is no ground"),
    ],
)
async def test_more_time_is_taken_in_time_and_on_a_ground(
    pool: Pool, empty: str, received: date, until: date, ground: str, said: str
) -> None:
    request = await opened(empty, received=received)
    given = ("extend", request["id"], "--until", f"{until}", "--ground", ground, *BY)
    wrong = await typed(empty, "request", *given)
    assert wrong.exit_code == 1 and said in wrong.stderr
    assert await pool.fetchval("select due_on from archiver.request") == deadlines.due_date(
        received
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("open", "--kind", "access", "--received", day(NOW, 3), "--phone", "+31600000011", *BY),
         "is yet to come"),
        (("open", "--kind", "access", "--received", day(NOW), "--phone", "+31600000011", "--by",
          "\n"), "--by: expected a name"),
        (("show", "AVG-1"), "there is no request 'AVG-1'"),
        (("letter", "AVG-1"), "there is no request 'AVG-1'"),
        (("decide", "AVG-1", "--decision", "granted", *BY), "there is no request 'AVG-1'"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_said(
    pool: Pool, empty: str, arguments: tuple[str, ...], said: str
) -> None:
    wrong = await typed(empty, "request", *arguments)
    assert wrong.exit_code in (1, 2) and said in wrong.stderr
    assert await pool.fetchval("select count(*) from archiver.request") == 0


async def test_what_is_open_and_overdue_is_listed_and_counted(pool: Pool, empty: str) -> None:
    late = await opened(empty, received=days_ago(40))
    new = await opened(empty)
    over = await opened(empty, received=days_ago(50))
    await done(empty, "decide", over["id"], "--decision", "granted", *BY)
    assert [each["id"] for each in await done(empty, "list")] == [late["id"], new["id"], over["id"]]
    assert [each["id"] for each in await done(empty, "list", "--open")] == [late["id"], new["id"]]
    [listed] = await done(empty, "list", "--overdue")
    assert (listed["id"], listed["state"]) == (late["id"], "overdue")
    async with (
        connection_pool(f"{empty}?role=postkamer_archiver", "test", 1) as own,
        background_task(count(own, [TENANT, "borne"])),
    ):
        counted = await until(_counted, lambda found: found[TENANT, "open"] == 2, 10)
    assert counted == {
        (TENANT, "open"): 2,
        (TENANT, "soon"): 0,
        (TENANT, "overdue"): 1,
        **{("borne", state): 0 for state in STATES},
    }


async def _counted() -> dict[tuple[str, str], float]:
    get = metrics.REGISTRY.get_sample_value
    whose = [(tenant, state) for tenant in (TENANT, "borne") for state in STATES]
    found = {
        (tenant, state): get("postkamer_requests", {"tenant": tenant, "state": state})
        for tenant, state in whose
    }
    return {key: -1 if value is None else value for key, value in found.items()}


async def test_a_report_answers_a_request_of_the_same_person_only(
    desk: Desk, empty: str, tmp_path: Any
) -> None:
    await desk.heard((ANNA, "van Anna"), (BERT, "van Bert"))
    request = await opened(empty, "access")
    file = tmp_path / "r.json"
    asks = ("subject", "--json", str(file), "--why", "inzage", "--request", request["id"])
    wrong = await typed(empty, *asks, "--phone", BERT.phone)
    assert (wrong.exit_code, wrong.stderr) == (1, f"{request['id']} is about somebody else\n")
    assert not file.exists()
    right = await typed(empty, *asks, "--bsuid", ANNA.bsuid)
    assert right.exit_code == 0, right.output
    assert json.loads(file.read_text())["request"] == {
        "id": request["id"],
        "receivedOn": f"{TODAY}",
        "dueOn": f"{deadlines.due_date(TODAY)}",
    }


async def test_who_is_not_on_the_record_may_ask_too_and_is_found_again(
    pool: Pool, empty: str
) -> None:
    await opened(empty, "access", phone="31699999999")
    [row] = [row for row in await rows_of(pool) if row["kind"] == "request"]
    assert row["conversation"] == ""
    subject = await pool.fetchrow("select conversation, entry, hash from archiver.subject")
    assert subject and (subject["conversation"], subject["entry"]) == ("", row["id"])
    assert subject["hash"] in await pool.fetchval("select hashes from archiver.request")


async def test_with_another_key_nothing_is_written(pool: Pool, empty: str) -> None:
    await opened(empty)
    await pool.execute("update archiver.municipality_key set master = 'another'")
    given = ("--kind", "access", "--received", f"{TODAY}", "--phone", ANNA.phone, *BY)
    said = await typed(empty, "request", "open", *given)
    assert said.exit_code == 1 and "POSTKAMER_ARCHIVE_KEY" in said.stderr
    assert await pool.fetchval("select count(*) from archiver.request") == 1
