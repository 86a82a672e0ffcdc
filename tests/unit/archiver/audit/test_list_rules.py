"""Lists whose steps agree with their rows are judged by the rules of the procedure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from archiver.audit.rows.list_rules import find_list_faults
from archiver.audit.rows.recorded_lists import RecordedList, RecordedLists
from archiver.destruction.destruction_list import DrawnList, ListEvent
from services import clock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
DRAWN = DrawnList(
    kind="term",
    request=None,
    up_to=NOON.date(),
    waiting_seconds=WEEK.total_seconds(),
    is_joined=False,
    sha256="",
)
LIST = "VL-2026-0001"


def list_of(
    *steps: tuple[str, str, timedelta], drawn: DrawnList | None = DRAWN, id_later: Any = None
) -> RecordedList:
    """A list after steps: event, person and time since noon. `id_later`: time of the last step by
    its id, since noon, if that is another."""
    recorded = RecordedLists()
    for place, (event, by, after) in enumerate((("drawn", "dek", timedelta()), *steps)):
        is_last = place == len(steps)
        of_id = NOON + (id_later if id_later is not None and is_last else after)
        row = {
            "tenant": "almelo",
            "position": place,
            "id": clock.new_id(of_id),
            "at": NOON + after,
        }
        given = drawn if event == "drawn" else None
        recorded.add(row, ListEvent(list=LIST, event=event, by=by, drawn=given))
    return recorded.lists[LIST]


APPROVED = ("reviewed", "smit", timedelta()), ("approved", "yilmaz", timedelta(hours=2))
HALF_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize(
    ("steps", "id_later", "expected"),
    [
        ([], None, ""),
        (APPROVED, None, ""),
        ([*APPROVED, ("begun", "postkamer", WEEK + timedelta(hours=2))], None, ""),
        # The clocks of two services differ by an hour at most.
        ([*APPROVED, ("begun", "postkamer", WEEK + timedelta(hours=1))], None, ""),
        ([*APPROVED, ("begun", "postkamer", WEEK + HALF_HOUR)], None, "had to wait until"),
        ([*APPROVED, ("begun", "postkamer", timedelta(hours=3))], None, "had to wait until"),
        # Its column says that it waited, and its id does not.
        ([*APPROVED, ("begun", "postkamer", WEEK * 2)], timedelta(hours=3), "had to wait until"),
        # It was returned, reviewed and approved again, and waited from the last approval on.
        (
            [*APPROVED, ("returned", "smit", WEEK), ("reviewed", "smit", WEEK),
             ("approved", "yilmaz", WEEK), ("begun", "postkamer", WEEK + timedelta(hours=3))],
            None, "had to wait until",
        ),
        ([("begun", "postkamer", WEEK)], None, "nobody had approved it"),
        ([("reviewed", "smit", WEEK), ("begun", "postkamer", WEEK)], None, "nobody had approved"),
    ],
)  # fmt: skip
def test_list_begins_when_it_was_approved_and_has_waited(
    steps: list[tuple[str, str, timedelta]], id_later: timedelta | None, expected: str
) -> None:
    faults = list(find_list_faults(LIST, list_of(*steps, id_later=id_later)))
    assert len(faults) == bool(expected), faults
    assert not expected or expected in faults[0]


JOINED = msgspec.structs.replace(DRAWN, is_joined=True)


@pytest.mark.parametrize(
    ("drawn", "persons", "expected"),
    [
        (DRAWN, ("smit", "yilmaz"), ""),
        (DRAWN, ("dek", "yilmaz"), "drawn and reviewed by one person"),
        (JOINED, ("dek", "yilmaz"), ""),
        (None, ("dek", "yilmaz"), ""),
        (DRAWN, ("smit", "dek"), "drawn and approved by one person"),
        (JOINED, ("smit", " Dek"), "drawn and approved by one person"),
        (None, ("smit", "dek"), "drawn and approved by one person"),
        (DRAWN, ("smit", "Smit "), "reviewed and approved by one person"),
        (DRAWN, ("", "yilmaz"), "nobody had reviewed it"),
    ],
)
def test_list_is_drawn_reviewed_and_approved_by_others(
    drawn: DrawnList | None, persons: tuple[str, str], expected: str
) -> None:
    reviewer, approver = persons
    reviewed = [("reviewed", reviewer, WEEK)] if reviewer else []
    found = list_of(*reviewed, ("approved", approver, WEEK), drawn=drawn)
    faults = list(find_list_faults(LIST, found))
    assert len(faults) == bool(expected), faults
    assert not expected or expected in faults[0]


def test_reviewer_of_before_a_return_may_approve() -> None:
    steps = ("reviewed", "smit"), ("returned", "yilmaz"), ("reviewed", "dek"), ("approved", "smit")
    found = list_of(*((*step, WEEK) for step in steps), drawn=JOINED)
    assert list(find_list_faults(LIST, found)) == []
