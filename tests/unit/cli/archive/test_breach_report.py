"""What was seen, added up: places in as few pieces as they take, and messages among them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.archive.breach_report import (
    ExposureTotals,
    SubjectExposure,
    merge_ranges,
    time_slices,
    was_delivered,
)
from services.ids import uuid7

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
IDS = [uuid7(AT, bytes([n] * 10)) for n in range(1, 5)]
places = st.integers(0, 40)
ranges = st.lists(st.tuples(places, places).map(lambda pair: (min(pair), max(pair))))


@given(ranges)
def test_joined_pieces_hold_the_same_places_and_do_not_touch(some: list[tuple[int, int]]) -> None:
    found = merge_ranges(some)
    held = {n for first, last in some for n in range(first, last + 1)}
    assert {n for first, last in found for n in range(first, last + 1)} == held
    assert all(b[0] > a[1] + 1 for a, b in pairwise(found))


def view(what: str, **said: Any) -> dict[str, Any]:
    row = {"conversation": "c", "tenant": "almelo", "department": "balie", "at": AT}
    return row | {"message": None, "fields": {"what": what, "from": 2, "to": 6} | said}


def message(n: int, department: str = "balie", **said: Any) -> dict[str, Any]:
    told = {"type": "text", "from": {"identities": [{"kind": "phone", "value": "+31600000011"}]}}
    return {"message": IDS[n], "department": department, "sequence": 2 * n, "fields": told | said}


def seen(*views: dict[str, Any]) -> SubjectExposure:
    exposed = ExposureTotals()
    for one in views:
        exposed.add_view(one)
    citizen = exposed.by_conversation["c"]
    for n, department in enumerate(("balie", "balie", "jeugd", "balie")):
        citizen.add_message(message(n, department))
    return citizen


@pytest.mark.parametrize(
    ("views", "count", "kinds"),
    [
        ([view("messages")], 2, ["text"]),
        ([view("messages"), view("messages", **{"from": 0})], 3, ["text"]),
        ([view("search", messages=[str(IDS[0]), str(IDS[3])])], 2, ["text"]),
        ([view("conversation")], 0, ["conversation"]),
        ([view("file") | {"message": IDS[0]}], 1, ["file", "text"]),
    ],
)
def test_of_what_was_seen_messages_are_counted_once(
    views: list[dict[str, Any]], count: int, kinds: list[str]
) -> None:
    person = seen(*views).person("c")
    assert (person.messages, person.kinds, person.times) == (count, kinds, len(views))
    assert person.identifiers == [("phone", "31600000011")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"state": "settled", "status": 200}, True),
        ({"state": "parked", "status": 400}, True),
        ({"state": "parked", "status": 0}, False),
        ({"state": "dropped"}, False),
    ],
)
def test_what_a_destination_answered_it_had(said: dict[str, Any], expected: bool) -> None:
    assert was_delivered(said) is expected


def test_a_period_is_looked_through_in_days_without_a_gap() -> None:
    end = AT + timedelta(days=2, hours=1)
    found = list(time_slices(AT, end))
    assert [a for a, _ in found[1:]] == [b for _, b in found[:-1]]
    assert (found[0][0], found[-1][1], len(found)) == (AT, end, 3)
