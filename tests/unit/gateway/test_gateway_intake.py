"""A body goes to each partition that has an item of it: every key in exactly one copy."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intake import Intake, NotDurable, copies, new_receipt
from services.batcher import Full, Late
from services.broker import Unconfirmed
from services.topology import partition_of

KEYS = st.lists(st.from_regex(r"(waba:)?[0-9]{5,15}", fullmatch=True), unique=True, max_size=30)


@given(KEYS, st.integers(1, 64))
def test_every_key_is_in_exactly_one_copy_that_of_its_partition(
    keys: list[str], partitions: int
) -> None:
    receipt = new_receipt(b"{}", "/webhooks/whatsapp", "meta-sha256", "sha256=00")
    made = copies(receipt, keys, partitions)
    assert len({partition for partition, _ in made}) == len(made), "two copies for a partition"
    seen = Counter(key for _, copy in made for key in copy.keys)
    if not keys:
        [(partition, copy)] = made
        assert (partition, copy) == (partition_of(str(receipt.id), partitions), receipt)
        return
    assert seen == Counter([*keys, ""])
    for partition, copy in made:
        assert {partition_of(key, partitions) for key in copy.keys if key} == {partition}
        assert "" not in copy.keys or keys[0] in copy.keys
        assert (copy.id, copy.body, copy.received_at, copy.signature) == (
            receipt.id,
            receipt.body,
            receipt.received_at,
            receipt.signature,
        )


def test_the_partition_of_a_number_never_changes_by_itself() -> None:
    assert [partition_of(key, 2) for key in ("106540352242922", "waba:1", "")] == [1, 1, 0]
    assert partition_of("106540352242922", 64) == 59


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


RECEIPT = new_receipt(b"x" * 1000, "/", "meta-sha256", "")


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
