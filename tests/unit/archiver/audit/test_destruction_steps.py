"""A destruction is judged by the steps of its list and of the holds of its municipality."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from archiver.audit.rows.destruction_records import RecordedDestruction
from archiver.audit.rows.destruction_steps import RecordedSteps, is_untold, step_faults
from archiver.audit.rows.hold_rows import RecordedHolds
from archiver.audit.rows.recorded_lists import RecordedLists
from archiver.destruction.destruction_list import DrawnList, ListEvent
from archiver.index.record_fields import Destruction
from archiver.retention.hold import HoldEvent
from services import clock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = 7 * DAY
TENANT, LIST, CONVERSATION, HOLD = "almelo", "VL-2026-0001", "c1", "BW-2026-0001"


def row_at(position: int, at: datetime, tenant: str = TENANT) -> dict[str, Any]:
    return {"tenant": tenant, "position": position, "id": clock.new_id(at), "at": at}


def destroyed(position: int, at: datetime, list: str = LIST) -> RecordedDestruction:
    row = row_at(position, at) | {"conversation": CONVERSATION}
    return RecordedDestruction(Destruction("term", TENANT, CONVERSATION, None, list), row)


def steps_of(*events: tuple[str, timedelta]) -> RecordedSteps:
    """A list that waits for a week, after these steps since noon."""
    drawn = DrawnList(
        kind="term", request=None, up_to=NOON.date(), waiting_seconds=WEEK.total_seconds(),
        is_joined=True, sha256="",
    )  # fmt: skip
    steps = RecordedSteps(RecordedLists(), RecordedHolds())
    for place, (event, after) in enumerate((("drawn", timedelta()), *events)):
        step = ListEvent(list=LIST, event=event, by="x", drawn=drawn if not place else None)
        steps.lists.add(row_at(place, NOON + after), step)
    return steps


@pytest.mark.parametrize(
    ("events", "after", "expected"),
    [
        ([("approved", DAY), ("begun", DAY + WEEK)], DAY + WEEK, ""),
        ([("approved", DAY), ("begun", DAY + WEEK)], 2 * DAY, "which had to wait until"),
        ([("approved", DAY)], 2 * DAY, "which had to wait until"),
        ([], 9 * DAY, "nobody had approved it"),
        ([("reviewed", DAY)], 9 * DAY, "nobody had approved it"),
        # The list itself is a finding then, and not each conversation on it.
        ([("approved", DAY), ("begun", DAY)], DAY, ""),
        ([("begun", DAY)], DAY, ""),
    ],
)
def test_destruction_is_after_the_waiting_time_of_its_list(
    events: list[tuple[str, timedelta]], after: timedelta, expected: str
) -> None:
    steps = steps_of(*events)
    faults = list(step_faults(destroyed(50, NOON + after), steps))
    assert len(faults) == bool(expected), faults
    assert not expected or expected in faults[0]
    assert list(step_faults(destroyed(50, NOON + after, ""), steps)) == [], "without a list"


def hold_steps(kind: str, *events: tuple[str, int], **extent: Any) -> RecordedSteps:
    """A hold after these steps, at their positions."""
    steps = RecordedSteps(RecordedLists(), RecordedHolds())
    for event, position in events:
        step = HoldEvent(
            hold=HOLD, event=event, by="x", ground="woo", kind=kind, review_on=date(2026, 6, 1),
            **extent,
        )  # fmt: skip
        steps.holds.add(row_at(position, NOON), step)
    return steps


PLACED, REVIEWED, LIFTED = ("placed", 10), ("reviewed", 20), ("lifted", 30)


@pytest.mark.parametrize(
    ("events", "position", "is_found"),
    [
        ([PLACED], 9, False),
        ([PLACED], 11, True),
        ([PLACED, REVIEWED], 15, True),
        ([PLACED, REVIEWED, LIFTED], 29, True),
        ([PLACED, REVIEWED, LIFTED], 31, False),
        # After it was lifted nothing of it is changed.
        ([PLACED, LIFTED, ("reviewed", 40)], 50, False),
    ],
)
def test_hold_stands_from_its_place_in_the_log_on_until_it_is_lifted(
    events: list[tuple[str, int]], position: int, is_found: bool
) -> None:
    gone = destroyed(position, NOON)
    steps = hold_steps("conversation", *events, conversation=CONVERSATION)
    assert [HOLD in each for each in step_faults(gone, steps)] == [True] * is_found
    assert not is_untold(gone, steps.holds)
    other = hold_steps("conversation", *events, conversation="c2")
    assert list(step_faults(gone, other)) == []
    person = hold_steps("person", *events)
    assert list(step_faults(gone, person)) == []
    assert is_untold(gone, person.holds) is is_found


def test_selection_with_words_is_untold_and_one_without_is_not() -> None:
    steps = hold_steps("selection", PLACED, departments=("balie",))
    assert is_untold(destroyed(11, NOON), steps.holds)
    steps.holds.wordless.add(HOLD)
    assert not is_untold(destroyed(11, NOON), steps.holds)


def test_hold_of_another_municipality_does_not_stand() -> None:
    steps = hold_steps("person", PLACED)
    gone = destroyed(11, NOON)
    elsewhere = Destruction("term", "hengelo", CONVERSATION, None, LIST)
    assert not is_untold(RecordedDestruction(elsewhere, gone.row), steps.holds)
