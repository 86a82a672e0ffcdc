"""Whose data a leaked token saw, and a destination was given: exactly those, and on the record; by
the real commands on a real PostgreSQL."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from cli.archive import breach_report
from services import clock
from services.postgres.database import Pool
from tests.support.decrypted_record import writer_of
from tests.support.integration.archive_readers import (
    AT,
    Said,
    delivered,
    id_of,
    looker,
    opening,
    said,
    told,
    typed,
)

PHONES = {"een": "31600000011", "twee": "31600000012", "drie": "31600000013", "vier": "31600000014"}
WHY = ("--why", "datalek 7", "--json")


@pytest.fixture
async def messages(pool: Pool) -> dict[str, list[Said]]:
    """Four conversations of four messages, of which the last two are another department's, and the
    last one is a photograph."""
    kinds = [("balie", "text"), ("balie", "text"), ("jeugd", "text"), ("jeugd", "image")]
    made = {
        name: [
            said(name, department, 2 + 2 * n, f"+{phone}", type)
            for n, (department, type) in enumerate(kinds)
        ]
        for name, phone in PHONES.items()
    }
    await (await writer_of(pool)).add(
        [opening(name, "balie") for name in made]
        + [one.record for theirs in made.values() for one in theirs]
    )
    return made


async def exposed(url: str, *arguments: str, since: datetime, until: datetime) -> dict[str, Any]:
    period = ("--from", since.isoformat(), "--to", until.isoformat())
    (found,) = told(await typed(url, "exposure", *arguments, *period, *WHY))
    return dict(found)


def brief(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("conversation", "departments", "kinds", "messages", "identifiers")
    return sorted(tuple(person[name] for name in names) for person in found["persons"])


def person(name: str, departments: list[str], kinds: list[str], messages: int) -> tuple[Any, ...]:
    return id_of(name), departments, kinds, messages, [["phone", PHONES[name]]]


async def test_what_a_leaked_token_saw_and_a_destination_got_is_told_exactly(
    pool: Pool, messages: dict[str, list[Said]], empty: str
) -> None:
    """The token reads parts of three, the destination gets of two others of the four."""
    before = clock.now()
    async with looker(pool, name="gelekt", departments=frozenset(["balie"])) as leaked:
        await leaked.get(f"conversations/{id_of('een')}/messages")
        await leaked.get(f"conversations/{id_of('een')}/messages?limit=1")
        await leaked.get(f"messages/{messages['twee'][0].id}")
        await leaked.get(f"conversations/{id_of('drie')}")
        assert (await leaked.get(f"messages/{messages['vier'][2].id}"))[0] == 404
    async with looker(pool, name="ander") as other:
        await other.get(f"conversations/{id_of('vier')}/messages")
    after = clock.now() + timedelta(milliseconds=1)
    of_token = await exposed(empty, "--token", "gelekt", since=before, until=after)
    assert brief(of_token) == [
        person("drie", ["balie"], ["conversation"], 0),
        person("een", ["balie"], ["text"], 2),
        person("twee", ["balie"], ["text"], 1),
    ]
    numbers = [of_token[name] for name in ("conversations", "messages", "times", "destroyed")]
    assert (of_token["token"], numbers) == ("gelekt", [3, 3, 4, 0])
    assert before <= datetime.fromisoformat(of_token["firstAt"]) < after

    given = [
        delivered(messages["drie"][3], "crm", AT),
        delivered(messages["vier"][0], "crm", AT + timedelta(days=2)),
        delivered(messages["vier"][0], "crm", AT + timedelta(days=3)),
        delivered(messages["een"][0], "ander", AT),
        delivered(messages["twee"][0], "crm", AT - timedelta(seconds=1)),
        delivered(messages["twee"][1], "crm", AT, state="parked", status=0, attempts=3),
        delivered(messages["twee"][2], "crm", AT + timedelta(days=4)),
    ]
    await (await writer_of(pool)).add(given)
    week = {"since": AT, "until": AT + timedelta(days=4)}
    of_crm = await exposed(empty, "--destination", "crm", **week)
    assert brief(of_crm) == [
        person("drie", ["jeugd"], ["image"], 1),
        person("vier", ["balie"], ["text"], 1),
    ]
    assert (of_crm["times"], datetime.fromisoformat(of_crm["firstAt"])) == (3, AT)


async def test_who_read_as_an_employee_is_told_the_same_way(
    pool: Pool, messages: dict[str, list[Said]], empty: str
) -> None:
    before = clock.now()
    async with looker(pool, people=True) as looks:
        for employee, name in (("m.devries", "een"), ("j.bakker", "twee")):
            path = f"conversations/{id_of(name)}/messages"
            await looks.get(path, **{"Postkamer-Employee": employee})
    period = {"since": before, "until": clock.now() + timedelta(milliseconds=1)}
    found = await exposed(empty, "--employee", "m.devries", **period)
    assert brief(found) == [person("een", ["balie", "jeugd"], ["image", "text"], 4)]


async def test_what_was_destroyed_since_is_counted(
    pool: Pool, messages: dict[str, list[Said]], empty: str
) -> None:
    before = clock.now()
    async with looker(pool) as looks:
        await looks.get(f"messages/{messages['een'][0].id}")
    await pool.execute(
        "delete from archiver.conversation_key where conversation = $1", id_of("een")
    )
    period = {"since": before, "until": clock.now() + timedelta(milliseconds=1)}
    found = await exposed(empty, "--token", "crm", **period)
    assert (found["persons"], found["destroyed"]) == ([], 1)


async def test_that_somebody_asked_is_on_the_record(
    pool: Pool, messages: dict[str, list[Said]], empty: str
) -> None:
    await exposed(empty, "--token", "crm", since=AT, until=clock.now())
    (row,) = await pool.fetch("select by, what, about, data from access.operation")
    assert tuple(row)[:3] == ("S. Jansen", "archive exposure", "crm")
    assert msgspec.json.decode(row["data"])["why"] == "datalek 7"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--token", "a", "--employee", "b"),
        ("--token", "a", "--to", "2026-11-19"),
        ("--token", "a", "--from", "2999-01-01", "--to", "2999-01-02"),
        ("--token", "a", "--why", " "),
    ],
)
async def test_what_was_not_asked_as_it_should_be_is_refused(
    arguments: tuple[str, ...],
) -> None:
    given = ("--from", "2026-11-20", "--to", "2026-11-21", "--why", "x", *arguments)
    assert (await typed("postgresql://nowhere", "exposure", *given)).exit_code == 2


async def test_of_too_many_a_part_of_the_period_is_asked_for(
    pool: Pool,
    messages: dict[str, list[Said]],
    empty: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breach_report, "MAX_CONVERSATIONS", 1)
    await (await writer_of(pool)).add(
        [delivered(messages[name][0], "crm", AT) for name in ("een", "twee")]
    )
    period = ("--from", AT.isoformat(), "--to", (AT + timedelta(days=1)).isoformat())
    refused = await typed(empty, "exposure", "--destination", "crm", *period, *WHY)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "ask for a part of the period" in refused.stderr
    assert await pool.fetchval("select count(*) from access.operation") == 0
