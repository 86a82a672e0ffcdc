"""The consumer's watchdog: when a channel that looks alive is given up."""

from typing import Any

import pytest

from services.amqp.consumer import IDLE_SECONDS, DrainWatch, Inbox, _suspicion

NOW = 1000.0
LONG = IDLE_SECONDS + 1
ABSENT = "the broker knows no consumer of this queue"
IDLE = "messages wait and none comes"


@pytest.mark.parametrize(
    ("ready", "consumers", "quiet_seconds", "unacked", "reason"),
    [
        pytest.param(0, 1, 1.0, 0, "", id="in order"),
        pytest.param(0, 0, 1.0, 0, ABSENT, id="not at the broker"),
        pytest.param(5, 0, None, 3, ABSENT, id="not at the broker, with work in hand"),
        pytest.param(5, 1, LONG, 0, IDLE, id="idle while messages wait"),
        pytest.param(5, 1, IDLE_SECONDS, 0, "", id="idle for exactly as long as allowed"),
        pytest.param(0, 1, LONG, 0, "", id="idle with an empty queue"),
        pytest.param(5, 1, LONG, 1, "", id="silent with a message in hand"),
        pytest.param(5, 1, None, 0, IDLE, id="silent since its start"),
    ],
)
def test_watchdog_doubts_a_consumer_that_is_absent_or_idle(
    ready: int, consumers: int, quiet_seconds: float | None, unacked: int, reason: str
) -> None:
    channel: Any = None
    inbox = Inbox(channel)
    inbox._unacked, inbox.opened = dict.fromkeys(range(unacked), NOW), NOW - LONG
    inbox.last_delivery = None if quiet_seconds is None else NOW - quiet_seconds
    assert _suspicion(inbox, ready, consumers, NOW) == reason


@pytest.mark.parametrize(
    ("checks", "drained_at"),
    [
        ([(1, True, 0, set())], None),  # a delivery may be on its way to us
        ([(1, True, 0, set()), (2, True, 0, set())], 1),
        ([(1, True, 0, set()), (2, True, 3, {1, 2, 3})], None),  # these may be of before
        ([(1, True, 0, set()), (2, True, 3, {2}), (3, False, 9, {5, 9})], 1),  # and later ones not
        ([(1, True, 0, set()), (2, True, 3, {2}), (3, True, 9, {2, 9})], None),
        ([(1, False, 0, set()), (2, False, 3, set())], None),
        ([(n, True, 9 * n, {9 * n}) for n in range(1, 6)], 3),  # it is never idle
    ],
)
def test_queue_was_drained_at_a_check_once_all_of_then_is_acknowledged(
    checks: list[tuple[float, bool, int, set[int]]], drained_at: float | None
) -> None:
    channel: Any = None
    watch, inbox = DrainWatch(), Inbox(channel)
    for at, is_empty, last_tag, unacked in checks:
        inbox.last_tag, inbox._unacked = last_tag, dict.fromkeys(sorted(unacked), at)
        watch.check(at, inbox, is_empty=is_empty)
    assert watch.drained_at == drained_at
