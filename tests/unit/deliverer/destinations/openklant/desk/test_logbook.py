"""Entry of ITA's logbook that is about a change of a task."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.destinations.openklant.desk.logbook import (
    ASSIGNMENTS,
    MAX_AUTHOR,
    MAX_NOTE,
    REOPENINGS,
    UNKNOWN,
    LogEntry,
    actor_names,
    pick_entry,
    read_logbook,
)

TASK = UUID(int=7)
EMAIL = "sanne@almelo.nl"
VTH, SANNE = "VTH", str(UUID(int=5))
Json = dict[str, Any]


def identifier(id: str) -> Json:
    return {"codeRegister": "x", "codeObjecttype": "y", "codeSoortObjectId": "z", "objectId": id}


def entry(type: str, minute: int, *about: str, **fields: Any) -> Json:
    """Return an entry as ITA writes it, with seven decimals and an offset."""
    return {
        "datum": f"2026-11-29T12:{minute:02}:00.1234567+01:00",
        "type": type,
        "omschrijving": "doorgestuurd",
        "actor": {"naam": "Sanne", "actoridentificator": identifier(EMAIL)},
        "heeftBetrekkingOp": [identifier(each) for each in about],
        "notitie": f"{type} {minute}",
    } | fields


def page(*entries: Json, task: UUID = TASK, times: int = 1) -> bytes:
    data = {"heeftBetrekkingOp": identifier(str(task)), "activiteiten": entries}
    found = {"url": "u", "uuid": str(UUID(int=1)), "record": {"index": 1, "data": data}}
    return msgspec.json.encode({"count": times, "next": None, "results": [found] * times})


def pick(*entries: Json, types: frozenset[str] = ASSIGNMENTS) -> LogEntry:
    activities = read_logbook(page(*entries), TASK)
    assert activities is not None
    return pick_entry(activities, types, {VTH, SANNE})


FORWARDED = entry("doorsturen", 10, VTH)
TOO_LONG = {"actoridentificator": identifier("e" * (MAX_AUTHOR + 1))}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([FORWARDED], LogEntry(EMAIL, "doorsturen 10")),
        ([FORWARDED, entry("doorsturen", 9, "KCC")], LogEntry(EMAIL, "doorsturen 10")),
        ([FORWARDED, entry("toegewezen", 11, SANNE)], LogEntry(EMAIL, "toegewezen 11")),
        ([FORWARDED, entry("interne-notitie", 11)], LogEntry(EMAIL, "doorsturen 10")),
        ([FORWARDED, entry("doorsturen", 10, VTH, SANNE)], LogEntry(EMAIL, "doorsturen 10")),
        ([entry("doorsturen", 10, VTH, notitie=None, actor=None)], UNKNOWN),
        ([entry("doorsturen", 10, VTH, actor=TOO_LONG)], LogEntry("", "doorsturen 10")),
        ([FORWARDED, entry("doorsturen", 11, "KCC")], UNKNOWN),
        ([FORWARDED, entry("doorsturen", 11, VTH, "jouke")], UNKNOWN),
        ([entry("klantcontact", 10, VTH)], UNKNOWN),
        ([], UNKNOWN),
    ],
)  # fmt: skip
def test_newest_assignment_counts_if_it_is_to_the_actors_of_now(
    entries: list[Json], expected: LogEntry
) -> None:
    assert pick(*entries) == expected


def test_a_reopening_counts_if_it_came_after_the_closing() -> None:
    closed, reopened = entry("verwerkt", 20), entry("heropend", 30)
    assert pick(reopened, closed, types=REOPENINGS) == LogEntry(EMAIL, "heropend 30")
    assert pick(closed, reopened, entry("verwerkt", 40), types=REOPENINGS) == UNKNOWN


def test_a_long_note_is_shortened_visibly_and_has_no_nul() -> None:
    [_, note] = pick(entry("doorsturen", 10, VTH, notitie=" \0" + "n" * 2000))
    assert len(note) == MAX_NOTE and note == "n" * (MAX_NOTE - 1) + "…"


@pytest.mark.parametrize(
    "body",
    [
        page(FORWARDED, times=0),
        page(FORWARDED, times=2),
        page(FORWARDED, task=UUID(int=8)),
        page(FORWARDED | {"datum": "2026-11-29T12:00:00"}),
        page(FORWARDED | {"actor": "Sanne"}),
        page(FORWARDED)[:-40],
        b"<h1>Bad Gateway</h1>",
        b"\xff",
        b"[" * 100_000,
        b'{"results": ' + b"[" * 100_000,
        b'{"results": [{"record": {"data": {"naam": "Vergunningen"}}}]}',
    ],
    ids=range(11),
)  # fmt: skip
def test_anything_but_one_readable_logbook_of_this_task_is_not_known(body: bytes) -> None:
    assert read_logbook(body, TASK) is None


def test_actors_are_named_by_their_id_here_and_in_the_register() -> None:
    actors = [{"uuid": SANNE, "actoridentificator": identifier(VTH)}, {"actoridentificator": None}]
    assert actor_names([*actors, {}]) == {SANNE, VTH, ""}
