"""What comes in is safe when all of it is, and every way of not being safe has its word."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.intake import Intake, NotDurable
from services.batcher import Full, Late
from services.broker import Unconfirmed
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

    def __init__(self, answer: Exception | None = None) -> None:
        self.answer = answer
        self.sizes: list[int] = []

    async def put(self, entry: object, size: int) -> None:
        self.sizes.append(size)
        if self.answer:
            raise self.answer


class Connected:
    connected = True


class Away:
    connected = False


def intake(*batchers: Batcher, link: object = Connected) -> Intake:
    given: Any = (link, list(batchers))
    return Intake(*given)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Full(), "too much is waiting"),
        (Unconfirmed("the queue is full", certain=True), "the queue is full"),
        (Late(), "no confirm in time"),
    ],
)
async def test_one_copy_that_is_not_safe_makes_the_whole_body_unsafe(
    answer: Exception, reason: str
) -> None:
    with pytest.raises(NotDurable, match=reason):
        await intake(Batcher(), Batcher(answer)).put([(0, RECEIPT), (1, RECEIPT)])


async def test_a_body_is_safe_when_all_its_copies_are() -> None:
    one, other = Batcher(), Batcher()
    await intake(one, other).put([(0, RECEIPT), (1, RECEIPT)])
    assert one.sizes == other.sizes and one.sizes[0] > 1000


async def test_a_body_of_one_partition_is_safe_or_not_as_that_is() -> None:
    await intake(Batcher()).put([(0, RECEIPT)])
    with pytest.raises(NotDurable, match="too much"):
        await intake(Batcher(Full())).put([(0, RECEIPT)])


async def test_without_a_broker_nobody_waits() -> None:
    batcher = Batcher()
    with pytest.raises(NotDurable, match="cannot be reached"):
        await intake(batcher, link=Away).put([(0, RECEIPT)])
    assert batcher.sizes == []
