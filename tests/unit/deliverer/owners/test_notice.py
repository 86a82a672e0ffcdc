"""States of a destination become notices to its owner: each once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from deliverer.crm.condition_store import SAME_FAILURE_SECONDS
from deliverer.owners.notice import (
    AGAIN_AFTER,
    WORKS_AFTER,
    DestinationFailure,
    DestinationState,
    Notice,
    Pause,
    Told,
    due_notices,
    is_parked_due,
    parked_notice,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
QUIET = DestinationState("crm", None, None, None, {})
EARLIER = NOON - timedelta(days=3)


def after(**time: float) -> datetime:
    return NOON + timedelta(**time)


def fails(
    status: int = 503, *, refuses: bool = False, ended_at: datetime | None = None
) -> DestinationFailure:
    return DestinationFailure(
        since=NOON,
        ended_at=ended_at,
        refuses=refuses,
        status=status,
        failure="",
        whose="destination",
        reason=f"the destination answered {status}",
    )


FAILS, REFUSES = fails(), fails(401, refuses=True)


def states(state: DestinationState, now: datetime) -> list[str]:
    return [notice.state for notice in due_notices(state, now)]


@pytest.mark.parametrize(
    ("failure", "told", "now", "expected"),
    [
        (FAILS, {}, after(minutes=4, seconds=59), []),
        (FAILS, {}, after(minutes=5), ["failing"]),
        (FAILS, {"failing": NOON}, after(hours=9), []),
        (FAILS, {"refusing": NOON}, after(hours=9), []),
        (REFUSES, {}, after(seconds=9), []),
        (REFUSES, {}, after(seconds=10), ["refusing"]),
        (REFUSES, {"failing": NOON}, after(minutes=6), ["refusing"]),
        (REFUSES, {"refusing": NOON}, after(hours=9), []),
        # It ended: told if its beginning was.
        (fails(ended_at=after(minutes=4)), {}, after(minutes=9), []),
        (fails(ended_at=after(minutes=9)), {"failing": NOON}, after(minutes=10), []),
        (fails(ended_at=after(minutes=9)), {"failing": NOON}, after(minutes=11), ["works"]),
        (fails(ended_at=after(minutes=9)), {"refusing": NOON}, after(minutes=11), ["works"]),
        (fails(ended_at=after(minutes=9)), {"failing": NOON, "works": NOON}, after(hours=1), []),
        # Also if it worked meanwhile, too shortly to be told, and another one ended.
        (fails(ended_at=after(minutes=9)), {"failing": EARLIER}, after(hours=1), ["works"]),
        # Another failure than the one that was told.
        (FAILS, {"failing": EARLIER, "works": EARLIER}, after(minutes=5), ["failing"]),
        (REFUSES, {"refusing": EARLIER, "works": EARLIER}, after(minutes=1), ["refusing"]),
    ],
)
def test_failure_is_told_once_and_so_is_its_end(
    failure: DestinationFailure, told: dict[str, datetime], now: datetime, expected: list[str]
) -> None:
    before = {state: Told(since, since) for state, since in told.items()}
    assert states(QUIET._replace(failure=failure, told=before), now) == expected


@pytest.mark.parametrize(
    ("failure", "told", "expected"),
    [
        (REFUSES, "refusing", []),
        (REFUSES, "failing", ["refusing"]),
        (FAILS, "failing", []),
        (FAILS, "refusing", []),
    ],
)
def test_destination_that_fails_and_works_in_turn_is_told_of_once_an_hour(
    failure: DestinationFailure, told: str, expected: list[str]
) -> None:
    now = after(minutes=6)
    recent = {told: Told(after(minutes=-30), now - AGAIN_AFTER + timedelta(seconds=1))}
    state = QUIET._replace(failure=failure, told=recent)
    assert states(state, now) == expected
    assert states(state, now + timedelta(seconds=1)) != []


def test_end_is_that_of_the_failure_that_was_told() -> None:
    told = {"failing": Told(EARLIER, EARLIER), "works": Told(EARLIER, EARLIER - AGAIN_AFTER)}
    state = QUIET._replace(failure=fails(ended_at=after(minutes=2)), told=told)
    [notice] = due_notices(state, after(minutes=4))
    assert (notice.state, notice.since, notice.until) == ("works", EARLIER, after(minutes=2))


def test_failure_that_goes_on_after_a_moment_has_no_end_to_tell() -> None:
    assert timedelta(seconds=SAME_FAILURE_SECONDS) < WORKS_AFTER


def test_pause_is_told_at_once_with_its_reason_and_so_is_its_end() -> None:
    paused = QUIET._replace(pause=Pause(NOON, "verhuizing"))
    [notice] = due_notices(paused, NOON)
    assert (notice.state, notice.reason, notice.since) == ("paused", "verhuizing", NOON)
    told = {"paused": Told(NOON, NOON)}
    assert states(paused._replace(told=told), after(days=9)) == []
    [end] = due_notices(QUIET._replace(told=told), after(hours=1))
    assert (end.state, end.since) == ("resumed", NOON)
    told["resumed"] = Told(NOON, after(hours=1))
    assert states(QUIET._replace(told=told), after(hours=2)) == []
    again = QUIET._replace(pause=Pause(after(hours=2), "weer"), told=told)
    assert states(again, after(hours=2)) == ["paused"]


def test_first_refused_message_is_told_at_once_and_others_in_an_hour() -> None:
    assert is_parked_due({}, NOON)
    told = {"parked": Told(NOON, NOON)}
    assert not is_parked_due(told, after(minutes=59))
    assert is_parked_due(told, after(hours=1))


def test_notice_of_refused_messages_names_some_and_counts_all() -> None:
    events, kept = [UUID(int=n) for n in range(9)], timedelta(days=90)
    notice = parked_notice("crm", 9, NOON, events, "refused: 422", kept)
    assert notice.until == NOON + kept
    assert (notice.parked, len(notice.events)) == (9, 5)
    assert notice.command == "postkamer parked list --destination crm"


@pytest.mark.parametrize(
    ("days", "told", "expected"),
    [
        (31, None, []),
        (30, None, [30]),
        (29, 30, []),
        (7, 30, [7]),
        (3, None, [7]),  # both terms have begun: the shorter one is enough
        (3, 7, []),
        (-1, 7, []),
    ],
)
def test_end_of_a_certificate_is_told_at_each_term_once(
    days: int, told: int | None, expected: list[int]
) -> None:
    ends = NOON + timedelta(days=days)
    terms = {} if told is None else {"certificate-ending": ends - timedelta(days=told)}
    before = {state: Told(since, since) for state, since in terms.items()}
    notices = due_notices(QUIET._replace(certificate_ends=ends, told=before), NOON)
    assert [(n.until, n.since) for n in notices] == [
        (ends, ends - timedelta(days=term)) for term in expected
    ]


def test_next_certificate_has_terms_of_its_own_and_an_older_one_none() -> None:
    told = {"certificate-ending": Told(NOON, NOON)}
    for days, expected in ((300, ["certificate-ending"]), (-300, [])):
        ends = NOON + timedelta(days=days)
        assert states(QUIET._replace(certificate_ends=ends, told=told), ends) == expected


def test_all_that_is_new_is_told_together() -> None:
    state = DestinationState("crm", REFUSES, Pause(NOON, "x"), after(days=2), {})
    assert states(state, after(minutes=1)) == ["refusing", "paused", "certificate-ending"]
    assert all(isinstance(each, Notice) for each in due_notices(state, after(minutes=1)))
