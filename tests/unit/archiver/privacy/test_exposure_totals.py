"""The exposure of a conversation: messages by ranges and one by one."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.privacy.exposure_totals import (
    ExposureTotals,
    merge_ranges,
    next_slice,
    was_delivered,
)
from services.ids import uuid7

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
IDS = [uuid7(AT, bytes([n] * 10)) for n in range(1, 5)]
POSITIONS = st.integers(0, 40)
RANGES = st.lists(st.tuples(POSITIONS, POSITIONS).map(lambda pair: (min(pair), max(pair))))


@given(RANGES)
def test_merged_ranges_have_the_same_positions_and_do_not_touch(
    ranges: list[tuple[int, int]],
) -> None:
    merged = merge_ranges(ranges)
    positions = {n for first, last in ranges for n in range(first, last + 1)}
    assert {n for first, last in merged for n in range(first, last + 1)} == positions
    assert all(after[0] > before[1] + 1 for before, after in pairwise(merged))


def view(what: str, message: Any = None, **fields: Any) -> dict[str, Any]:
    fields = {"what": what, "from": 2, "to": 6} | fields
    row = {"conversation": "c", "tenant": "almelo", "department": "balie", "at": AT}
    row["position"] = 25
    return row | {"message": message, "fields": fields}


@pytest.mark.parametrize(
    ("views", "count", "kinds"),
    [
        ([view("messages")], 2, ["text"]),
        ([view("messages"), view("messages", **{"from": 0})], 3, ["text"]),
        ([view("search", messages=[str(IDS[0]), str(IDS[3])])], 2, ["text"]),
        ([view("conversation")], 0, ["conversation"]),
        ([view("file", IDS[0])], 1, ["file", "text"]),
        ([view("transcript")], 2, ["conversation", "file", "text"]),
        ([view("report", **{"from": 0, "to": 0})], 3, ["text"]),
        ([view("report"), view("messages", **{"to": 2})], 3, ["text"]),
    ],
)
def test_exposed_messages_are_counted_once(
    views: list[dict[str, Any]], count: int, kinds: list[str]
) -> None:
    totals = ExposureTotals(100)
    for each in views:
        totals.add_view(each)
    exposure = totals.by_conversation["c"]
    sender = {"identities": [{"kind": "phone", "value": "+31600000011"}]}
    for n, department in enumerate(("balie", "balie", "jeugd", "balie")):
        row = {"message": IDS[n], "department": department, "sequence": 2 * n}
        row["position"] = 10 * n  # the last after the views
        exposure.add_message(row | {"fields": {"type": "text", "from": sender}})
    person = exposure.person("c")
    assert (person.messages, person.kinds, person.times) == (count, kinds, len(views))
    assert person.identifiers == [("phone", "31600000011")]


@pytest.mark.parametrize(
    ("state", "status", "delivered"),
    [("settled", 200, True), ("parked", 400, True), ("parked", 0, False), ("dropped", 0, False)],
)
def test_destination_that_answered_had_the_message(
    state: str, status: int, delivered: bool
) -> None:
    fields = {"state": state} | ({"status": status} if state != "dropped" else {})
    assert was_delivered(fields) is delivered


def test_empty_part_of_a_period_is_read_in_ever_larger_parts() -> None:
    days = [timedelta(days=1)]
    for has_rows in (False, False, False, False, False, False, True, False):
        days.append(next_slice(days[-1], has_rows))
    assert [each.days for each in days] == [1, 2, 4, 8, 16, 32, 32, 1, 2]
