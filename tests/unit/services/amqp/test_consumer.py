"""The consumer's watchdog: when a channel that looks alive is given up."""

from typing import Any

import pytest

from services.amqp.consumer import IDLE_SECONDS, Inbox, _suspicion

NOW = 1000.0
ABSENT = "the broker knows no consumer of this queue"
IDLE = "messages wait and none comes"


@pytest.mark.parametrize(
    ("ready", "consumers", "quiet_seconds", "unacked", "reason"),
    [
        (0, 1, 1.0, 0, ""),
        (0, 0, 1.0, 0, ABSENT),
        (5, 0, None, 3, ABSENT),
        (5, 1, IDLE_SECONDS + 1, 0, IDLE),
        (5, 2, IDLE_SECONDS + 1, 0, IDLE),
        (5, 1, IDLE_SECONDS, 0, ""),
        (0, 1, IDLE_SECONDS + 1, 0, ""),
        (5, 1, IDLE_SECONDS + 1, 1, ""),
        (5, 1, None, 0, ""),
    ],
    ids=[
        "in order",
        "not at the broker",
        "not at the broker, with work in hand",
        "idle while messages wait",
        "idle beside another consumer",
        "idle for exactly as long as allowed",
        "idle with an empty queue",
        "silent with a message in hand",
        "silent since its start",
    ],
)
def test_watchdog_doubts_a_consumer_that_is_absent_or_idle(
    ready: int, consumers: int, quiet_seconds: float | None, unacked: int, reason: str
) -> None:
    channel: Any = None
    inbox = Inbox(channel)
    inbox.unacked = unacked
    inbox.last_delivery = None if quiet_seconds is None else NOW - quiet_seconds
    assert _suspicion(inbox, ready, consumers, NOW) == reason
