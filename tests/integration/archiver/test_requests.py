"""`postkamer archive request`: dates, terms, grounds, letters, and the record of them."""

from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.legal_grounds import REFUSALS
from archiver.subject_access.requests.request_metrics import STATES, count
from services import clock, metrics
from services.calendar.opening_hours import AMSTERDAM
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.desk import ANNA, BERT, TENANT, Desk
from tests.support.archiver.orders import eraser_of
from tests.support.decrypted_record import keys_of, rows_of
from tests.support.observer import until

BY = ("--by", "P. Bakker")
TODAY = clock.now().astimezone(AMSTERDAM).date()
DUE = f"{deadlines.due_date(TODAY)}"
in_months = partial(deadlines.add_months, TODAY)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


class Requests:
    """The commands about requests; each prints one."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    async def __call__(self, *arguments: object) -> Any:
        return await self.archive.json("request", *arguments)

    async def open(
        self, kind: str = "erasure", received: date = TODAY, phone: str = ANNA.phone
    ) -> str:
        given = ("--kind", kind, "--received", received, "--phone", f"+{phone}", *BY)
        return str((await self("open", *given))["id"])

    async def decide(self, id: str, decision: str, *arguments: str) -> Any:
        return await self("decide", id, "--decision", decision, *arguments, *BY)

    async def letter(self, id: str) -> str:
        return (await self.archive("request", "letter", id)).stdout


@pytest.fixture
def requests(town_archive: Archive) -> Requests:
    return Requests(town_archive)


async def test_request_is_due_in_a_month_and_each_step_is_on_the_record(
    desk: Desk, requests: Requests, pool: Pool
) -> None:
    [conversation] = await desk.heard((ANNA, "wis alles van mij"))
    await desk.delivered(conversation, "crm")
    id = await requests.open()
    assert [(one["dueOn"], one["state"]) for one in await requests("list")] == [(DUE, "open")]
    until = f"{in_months(3)}"
    await requests("extend", id, "--until", until, "--ground", "ingewikkeld", *BY)
    decided = await requests.decide(id, "refused", "--ground", "archief", "--text", "Tot 2036.")
    assert [decided[name] for name in ("decision", "ground", "dueOn")] == [
        "refused", "archief", until,
    ]  # fmt: skip
    rows = [row for row in await rows_of(pool) if row["kind"] == "request"]
    steps = [msgspec.json.decode(row["data"]) for row in rows]
    assert {row["conversation"] for row in rows} == {conversation}
    assert [(step["event"], step["by"], step["dueOn"]) for step in steps] == [
        ("opened", "P. Bakker", DUE),
        ("extended", "P. Bakker", until),
        ("decided", "P. Bakker", until),
    ]
    shown = await requests("show", id)
    assert [step["event"] for step in shown["steps"]] == ["opened", "extended", "decided"]
    assert shown["steps"][-1]["text"] == "Tot 2036."
    places = [copy["place"] for copy in shown["copies"]]
    assert places[0].startswith("crm, het systeem van") and "Back-ups" in places
    await requests.letter(id)
    sql = "select what, by from access.operation where about = $1 order by id"
    assert [tuple(row) for row in await pool.fetch(sql, id)] == [
        ("archive request open", "P. Bakker"),
        ("archive request extend", "P. Bakker"),
        ("archive request decide", "P. Bakker"),
        ("archive request show", OPERATOR),
        ("archive request letter", OPERATOR),
    ]


async def test_letter_has_the_decision_its_ground_and_the_copies(
    desk: Desk, requests: Requests, pool: Pool
) -> None:
    [conversation] = await desk.heard((ANNA, "wis alles van mij"))
    await desk.delivered(conversation, "crm")
    id = await requests.open()
    for table in ("archiver.request", "access.operation"):
        [row] = await pool.fetch(f"select t::text as whole from {table} t")
        assert not any(mark in row["whole"] for mark in (ANNA.phone, ANNA.bsuid)), "a hash only"
    letter = await requests.letter(id)
    assert "uiterlijk op" in letter and "crm, het systeem van" in letter
    await requests.decide(id, "refused", "--ground", "wettelijke-plicht", "--text", "Zo is het.")
    letter = await requests.letter(id)
    for text in ("artikel 17, lid 3, onder b", "Zo is het.", "bezwaar maken", "Gemeente Almelo"):
        assert text in letter
    assert ANNA.phone not in letter


async def test_refusal_needs_a_ground_of_the_list(
    pool: Pool, requests: Requests, town_archive: Archive
) -> None:
    id = await requests.open()
    grounds = [each for each in REFUSALS if "erasure" in each.kinds]
    for decision in ("refused", "partly"):
        for ground in ((), ("--ground", "geen-zin"), ("--ground", "klopt")):
            command = ("request", "decide", id, "--decision", decision, *ground, *BY)
            error = await town_archive.fails(*command)
            assert all(each.code in error and each.article in error for each in grounds)
            assert "klopt:" not in error, "a ground against another kind of request"
        assert await pool.fetchval("select decision from archiver.request") is None
        with pytest.raises(asyncpg.CheckViolationError):
            change = "update archiver.request set decision = $1, decided_at = now()"
            await pool.execute(change, decision)


async def test_decided_request_is_neither_decided_nor_extended_again(
    pool: Pool, requests: Requests, town_archive: Archive
) -> None:
    id = await requests.open("erasure")
    granted = await town_archive("request", "decide", id, "--decision", "granted", *BY)
    assert granted.stderr.startswith("nothing is erased yet")
    for again in (
        ("decide", id, "--decision", "granted"),
        ("extend", id, "--until", in_months(2), "--ground", "ingewikkeld"),
    ):
        error = await town_archive.fails("request", *again, *BY)
        assert error == f"{id} was decided already: granted\n"
    assert [row["kind"] for row in await rows_of(pool)] == ["request"] * 2


@pytest.mark.parametrize(
    ("received", "until", "ground", "error"),
    [
        (TODAY, in_months(4), "ingewikkeld", "at most two further months"),
        (days_ago(40), in_months(1), "ingewikkeld", "within the first month"),
        (TODAY, in_months(2), "vakantie", "'vakantie' is no ground"),
    ],
)
async def test_wrong_extension_is_refused(
    pool: Pool, requests: Requests, received: date, until: date, ground: str, error: str
) -> None:
    id = await requests.open(received=received)
    given = ("--until", until, "--ground", ground, *BY)
    assert error in await requests.archive.fails("request", "extend", id, *given)
    due = await pool.fetchval("select due_on from archiver.request")
    assert due == deadlines.due_date(received)


OPEN = ("open", "--kind", "access", "--phone", "+31600000011")
UNKNOWN = "there is no request 'AVG-1'"


async def test_wrong_arguments_and_unknown_requests_are_refused(
    pool: Pool, town_archive: Archive
) -> None:
    for code, arguments, error in (
        (2, (*OPEN, "--received", days_ago(-3), *BY), "is yet to come"),
        (2, (*OPEN, "--received", TODAY, "--by", "\n"), "--by: expected a name"),
        (1, ("show", "AVG-1"), UNKNOWN),
        (1, ("letter", "AVG-1"), UNKNOWN),
        (1, ("decide", "AVG-1", "--decision", "granted", *BY), UNKNOWN),
    ):
        assert error in await town_archive.fails("request", *arguments, code=code)
    assert await pool.fetchval("select count(*) from archiver.request") == 0


async def test_open_and_overdue_requests_are_listed_and_counted(
    pool: Pool, requests: Requests, empty: str
) -> None:
    late, new, decided = [await requests.open(received=days_ago(n)) for n in (40, 0, 50)]
    await requests.decide(decided, "granted")
    assert [each["id"] for each in await requests("list")] == [late, new, decided]
    assert [each["id"] for each in await requests("list", "--open")] == [late, new]
    [listed] = await requests("list", "--overdue")
    assert (listed["id"], listed["state"]) == (late, "overdue")
    states = [(tenant, state) for tenant in (TENANT, "borne") for state in STATES]
    expected = dict.fromkeys(states, 0) | {(TENANT, "open"): 2, (TENANT, "overdue"): 1}

    async def counted() -> dict[tuple[str, str], float | None]:
        get = metrics.REGISTRY.get_sample_value
        return {(t, s): get("postkamer_requests", {"tenant": t, "state": s}) for t, s in states}

    async with (
        connection_pool(f"{empty}?role=postkamer_archiver", "test", 1) as own,
        background_task(count(own, [TENANT, "borne"])),
    ):
        await until(counted, lambda found: found == expected, 10)


async def test_report_answers_a_request_of_the_same_person_only(
    desk: Desk, requests: Requests, town_archive: Archive, tmp_path: Path
) -> None:
    await desk.heard((ANNA, "van Anna"), (BERT, "van Bert"))
    id, file = await requests.open("access"), tmp_path / "r.json"
    report = ("subject", "--request", id)
    reason = ("--out", file, "--reason", "inzage")
    error = await town_archive.fails(*report, *reason, "--phone", BERT.phone)
    assert error == f"{id} is about another person\n"
    assert not file.exists()
    former = ("--json", file, "--why", "inzage")
    await town_archive(*report, *former, "--bsuid", ANNA.bsuid)
    answered = msgspec.json.decode(file.read_bytes())["request"]
    assert answered == {"id": id, "receivedOn": f"{TODAY}", "dueOn": DUE}


async def test_request_of_an_unknown_person_is_kept_and_found_again(
    pool: Pool, requests: Requests
) -> None:
    await requests.open("access", phone="31699999999")
    [row] = [row for row in await rows_of(pool) if row["kind"] == "request"]
    assert row["conversation"] == ""
    subject = await pool.fetchrow("select conversation, entry, hash from archiver.subject")
    assert subject and (subject["conversation"], subject["entry"]) == ("", row["id"])
    assert subject["hash"] in await pool.fetchval("select hashes from archiver.request")


async def test_request_is_not_opened_with_another_master_key(
    pool: Pool, requests: Requests, town_archive: Archive
) -> None:
    await requests.open()
    await pool.execute("update archiver.municipality_key set master = 'another'")
    error = await town_archive.fails("request", *OPEN, "--received", TODAY, *BY)
    assert "POSTKAMER_ARCHIVE_KEY" in error
    assert await pool.fetchval("select count(*) from archiver.request") == 1


async def test_person_of_a_request_is_forgotten_with_their_last_conversation(
    desk: Desk, requests: Requests, pool: Pool, tmp_path: Path
) -> None:
    for text in ("een", "twee"):
        await desk.heard((ANNA, text), close=True)
    await requests.open()
    hashes = "select cardinality(hashes) from archiver.request"
    conversations = await pool.fetchval("select conversations from archiver.request")
    assert len(conversations) == 2
    eraser = eraser_of(pool, await keys_of(pool), tmp_path)
    for each in conversations:
        assert await pool.fetchval(hashes) > 0
        await eraser.erase_conversation(TENANT, each, "its time is over")
    assert await pool.fetchval(hashes) == 0
