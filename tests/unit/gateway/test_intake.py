"""A body is safe when all of it is, and every other outcome has its word."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.admission import REQUESTS, STALLED
from gateway.intake import Intake, NotAccepted
from services.amqp.batcher import BatchQueueFull, BatchTimeout
from services.amqp.publisher import PublishUnconfirmed
from services.contract import Receipt

RECEIPT = Receipt(
    id=uuid.UUID("01a21293-b601-7000-8000-000000000001"),
    received_at=datetime(2026, 11, 25, tzinfo=UTC),
    door="/webhooks/whatsapp",
    proof="meta-sha256",
    signature="sha256=00",
    body=b"x" * 1000,
)


class Batcher:
    """Puts nothing anywhere and says what it is told to say."""

    task = None

    def __init__(
        self,
        answer: Exception | None = None,
        unanswered: int = 0,
        seconds_since_progress: float = 0.0,
    ) -> None:
        self.answer, self.unanswered, self.seconds_since_progress = (
            answer,
            unanswered,
            seconds_since_progress,
        )
        self.bytes = 0
        self.sizes: list[int] = []

    async def put(self, entry: object, size: int) -> None:
        self.sizes.append(size)
        if self.answer:
            raise self.answer


class Link:
    def __init__(self, *obstacles: str) -> None:
        self._obstacles = list(obstacles)
        self.can_publish = not obstacles

    def obstacles(self) -> list[str]:
        return self._obstacles


CONNECTED = Link()
AWAY = Link("the broker does not answer")


def intake(*batchers: Batcher, link: object = CONNECTED) -> Intake:
    given: Any = (link, list(batchers))
    return Intake(*given)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (BatchQueueFull(), "too much is waiting"),
        (PublishUnconfirmed("the queue is full", rejected=True), "the queue is full"),
        (BatchTimeout(), "no confirm in time"),
    ],
)
async def test_body_is_not_accepted_when_one_of_its_copies_fails(
    answer: Exception, reason: str
) -> None:
    with pytest.raises(NotAccepted, match=reason):
        await intake(Batcher(), Batcher(answer)).put([(0, RECEIPT), (1, RECEIPT)])


async def test_a_body_is_safe_when_all_its_copies_are() -> None:
    one, other = Batcher(), Batcher()
    await intake(one, other).put([(0, RECEIPT), (1, RECEIPT)])
    assert one.sizes == other.sizes and one.sizes[0] > 1000


async def test_a_body_of_one_partition_is_safe_or_not_as_that_is() -> None:
    await intake(Batcher()).put([(0, RECEIPT)])
    with pytest.raises(NotAccepted, match="too much"):
        await intake(Batcher(BatchQueueFull())).put([(0, RECEIPT)])


async def test_intake_refuses_at_once_without_a_broker() -> None:
    batcher = Batcher()
    door = intake(batcher, link=AWAY)
    assert door.refusal() == "the broker does not answer"
    with pytest.raises(NotAccepted, match="the broker does not answer"):
        await door.put([(0, RECEIPT)])
    assert batcher.sizes == []


def test_intake_counts_unanswered_bodies_of_all_partitions() -> None:
    one, other = Batcher(unanswered=500), Batcher(unanswered=500)
    door = intake(one, other)
    assert door.refusal() is None
    other.unanswered = 524
    assert door.refusal() == REQUESTS.reason
    other.unanswered = 300
    assert door.refusal() == REQUESTS.reason, "it opens later than it closes"
    one.unanswered = 400
    assert door.refusal() is None


async def test_a_partition_that_stands_still_refuses_its_own_and_no_others() -> None:
    still, other = (
        Batcher(unanswered=10, seconds_since_progress=STALLED.closes),
        Batcher(unanswered=10),
    )
    door = intake(still, other)
    assert door.refusal() is None
    with pytest.raises(NotAccepted, match=STALLED.reason):
        await door.put([(0, RECEIPT), (1, RECEIPT)])
    assert (still.sizes, other.sizes) == ([], [])
    await door.put([(1, RECEIPT)])
    still.unanswered = 0
    await door.put([(0, RECEIPT)])
    assert len(still.sizes) == 1, "one finds out whether it moves again"
