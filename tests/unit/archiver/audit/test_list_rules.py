"""Lists whose steps agree with their rows are judged by the rules of the procedure."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from archiver.audit.rows.list_rules import find_list_faults, item_fault
from archiver.audit.rows.recorded_lists import RecordedList, RecordedLists
from archiver.destruction.destruction_list import DrawnList, ListEvent, ListItem
from services import clock
from services.retention.selection_list import RESULTS

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


REQUEST = msgspec.structs.replace(DRAWN, kind="request", up_to=None)
CLOSED, DUE = date(2024, 5, 6), date(2025, 5, 6)
"""6.1.3 keeps for a year, and 6.1.4 for ever."""
WITH_BEGIN = next(each.code for each in RESULTS.values() if each.term and each.begins)


@pytest.mark.parametrize(
    ("drawn", "code", "closed_on", "kept_until", "has_valuation", "expected"),
    [
        (DRAWN, "6.1.3", CLOSED, DUE, False, ""),
        (DRAWN, "6.1.3", CLOSED, DUE - timedelta(days=1), False, "6.1.3 keeps it until 2025-05-06"),
        (DRAWN, "6.1.3", CLOSED, DUE + timedelta(days=1), False, "6.1.3 keeps it until 2025-05-06"),
        (DRAWN, "6.1.3", CLOSED, DUE - timedelta(days=1), True, ""),
        (DRAWN, "6.1.3", date(2024, 2, 29), date(2025, 2, 28), False, ""),
        (DRAWN, "15.1", CLOSED, DUE, False, "15.1 keeps it until 2029-05-06"),
        (DRAWN, "6.1.4", CLOSED, DUE, True, "is kept for ever"),
        (DRAWN, "99.9", CLOSED, DUE, True, "has no result '99.9'"),
        (DRAWN, "", CLOSED, DUE, True, "has no result ''"),
        (DRAWN, WITH_BEGIN, CLOSED, DUE, False, "nothing began the term"),
        (DRAWN, WITH_BEGIN, CLOSED, DUE, True, ""),
        (DRAWN, "6.1.3", None, DUE, True, "was not closed"),
        (DRAWN, "6.1.3", CLOSED, None, True, "had no end"),
        (DRAWN, "6.1.3", CLOSED, NOON.date(), True, "what was due before"),
        (REQUEST, "", None, None, False, ""),
        (None, "6.1.4", CLOSED, DUE, False, ""),
    ],
)
def test_item_of_a_list_was_due_by_its_result(
    drawn: DrawnList | None,
    code: str,
    closed_on: date | None,
    kept_until: date | None,
    has_valuation: bool,
    expected: str,
) -> None:
    item = ListItem(
        conversation="c", department="balie", code=code, closed_on=closed_on, state="destroyed",
        kept_until=kept_until, reason="", until=None, changed_by="", changed_at=None,
    )  # fmt: skip
    fault = item_fault(drawn, item, has_valuation=has_valuation)
    assert bool(fault) == bool(expected) and expected in fault
