"""`postkamer archive exposure`: the persons whose data a token saw or a destination received."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from archiver.api.viewer import EMPLOYEE
from cli.archive import exposure
from services import clock
from services.contract import Record
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.records import NOON, delivery, id_of, message, opening
from tests.support.decrypted_record import writer_of

PHONES = {"een": "31600000011", "twee": "31600000012", "drie": "31600000013", "vier": "31600000014"}
WHY = ("--reason", "datalek 7")


@pytest.fixture
async def messages(pool: Pool) -> dict[str, list[Record]]:
    """Four conversations of four messages: the last two of each are of another department, and the
    last one is a photograph."""
    kinds = [("balie", "text"), ("balie", "text"), ("jeugd", "text"), ("jeugd", "image")]
    made = {
        name: [
            message("x", name, department, phone=f"+{phone}", type=type, sequence=2 + 2 * n)
            for n, (department, type) in enumerate(kinds)
        ]
        for name, phone in PHONES.items()
    }
    openings = [opening(name, "balie") for name in made]
    await (await writer_of(pool)).add([*openings, *(one for some in made.values() for one in some)])
    return made


def period(since: datetime, until: datetime | None = None) -> tuple[str, ...]:
    end = until or clock.now() + timedelta(milliseconds=1)
    return ("--since", since.isoformat(), "--until", end.isoformat())


def persons(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("conversation", "departments", "kinds", "messages", "identifiers")
    return sorted(tuple(person[name] for name in names) for person in report["persons"])


def person(name: str, departments: list[str], kinds: list[str], count: int) -> tuple[Any, ...]:
    return id_of(name), departments, kinds, count, [["phone", PHONES[name]]]


async def test_views_of_a_leaked_token_are_reported_exactly(
    pool: Pool, messages: dict[str, list[Record]], archive: Archive
) -> None:
    before = clock.now()
    async with archive_api(pool, name="gelekt", departments=frozenset(["balie"])) as leaked:
        await leaked.get(f"conversations/{id_of('een')}/messages")
        await leaked.get(f"conversations/{id_of('een')}/messages?limit=1")
        await leaked.get(f"messages/{messages['twee'][0].message}")
        await leaked.get(f"conversations/{id_of('drie')}")
        assert (await leaked.get(f"messages/{messages['vier'][2].message}"))[0] == 404
    async with archive_api(pool, name="ander") as other:
        await other.get(f"conversations/{id_of('vier')}/messages")
    report = await archive.json("exposure", "--token", "gelekt", *period(before), *WHY)
    assert persons(report) == [
        person("drie", ["balie"], ["conversation"], 0),
        person("een", ["balie"], ["text"], 2),
        person("twee", ["balie"], ["text"], 1),
    ]
    counts = [report[name] for name in ("conversations", "messages", "times", "destroyed")]
    assert (report["token"], counts) == ("gelekt", [3, 3, 4, 0])
    assert before <= datetime.fromisoformat(report["firstAt"]) < clock.now()
    [row] = await pool.fetch("select by, what, about, data from access.operation")
    assert tuple(row)[:3] == (OPERATOR, "archive exposure", "gelekt")
    assert msgspec.json.decode(row["data"])["why"] == "datalek 7"


async def test_events_for_a_destination_in_a_period_are_reported_exactly(
    pool: Pool, messages: dict[str, list[Record]], archive: Archive
) -> None:
    end = NOON + timedelta(days=4)
    events = [
        delivery(messages["drie"][3], "crm", NOON),
        delivery(messages["vier"][0], "crm", NOON + timedelta(days=2)),
        delivery(messages["vier"][0], "crm", NOON + timedelta(days=3)),
        delivery(messages["een"][0], "ander", NOON),
        delivery(messages["twee"][0], "crm", NOON - timedelta(seconds=1)),
        delivery(messages["twee"][1], "crm", NOON, state="parked", status=0, attempts=3),
        delivery(messages["twee"][2], "crm", end),
    ]
    await (await writer_of(pool)).add(events)
    report = await archive.json("exposure", "--destination", "crm", *period(NOON, end), *WHY)
    assert persons(report) == [
        person("drie", ["jeugd"], ["image"], 1),
        person("vier", ["balie"], ["text"], 1),
    ]
    assert (report["times"], datetime.fromisoformat(report["firstAt"])) == (3, NOON)


async def test_views_of_an_employee_are_reported_and_destroyed_conversations_counted(
    pool: Pool, messages: dict[str, list[Record]], archive: Archive
) -> None:
    before = clock.now()
    async with archive_api(pool, people=True) as api:
        for employee, name in (("m.devries", "een"), ("j.bakker", "twee")):
            await api.get(f"conversations/{id_of(name)}/messages", **{EMPLOYEE: employee})
    asked = ("exposure", "--employee", "m.devries", *period(before), *WHY)
    report = await archive.json(*asked)
    assert persons(report) == [person("een", ["balie", "jeugd"], ["image", "text"], 4)]
    await pool.execute("delete from archiver.conversation_key where conversation <> ''")
    report = await archive.json(*asked)
    assert (report["persons"], report["destroyed"]) == ([], 4)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--token", "a", "--employee", "b"),
        ("--token", "a", "--until", "2026-11-19"),
        ("--token", "a", "--since", "2999-01-01", "--until", "2999-01-02"),
        ("--token", "a", "--reason", " "),
    ],
)
async def test_wrong_options_of_exposure_are_refused(arguments: tuple[str, ...]) -> None:
    given = ("--since", "2026-11-20", "--until", "2026-11-21", "--reason", "x", *arguments)
    await Archive("postgresql://nowhere")("exposure", *given, code=2)


async def test_exposure_of_too_many_conversations_is_refused(
    pool: Pool, messages: dict[str, list[Record]], archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(exposure, "MAX_CONVERSATIONS", 1)
    events = [delivery(messages[name][0], "crm", NOON) for name in ("een", "twee")]
    await (await writer_of(pool)).add(events)
    day = period(NOON, NOON + timedelta(days=1))
    error = await archive.fails("exposure", "--destination", "crm", *day, *WHY)
    assert "ask for a part of the period" in error
    assert await pool.fetchval("select count(*) from access.operation") == 0
