"""A body goes to each partition that has an item of it: every key in exactly one copy."""

import uuid
from collections import Counter
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.receipts import copies
from services.contract import Receipt
from services.topology import partition_of

RECEIPT = Receipt(
    id=uuid.UUID("01a21293-b601-7000-8000-000000000001"),
    received_at=datetime(2026, 11, 25, tzinfo=UTC),
    door="/webhooks/whatsapp",
    proof="meta-sha256",
    signature="sha256=00",
    body=b"{}",
)
KEYS = st.lists(st.from_regex(r"(waba:)?[0-9]{5,15}", fullmatch=True), unique=True, max_size=30)


@given(KEYS, st.integers(1, 64))
def test_every_key_is_in_exactly_one_copy_that_of_its_partition(
    keys: list[str], partitions: int
) -> None:
    made = copies(RECEIPT, keys, str, partitions)
    assert len({partition for partition, _ in made}) == len(made), "two copies for a partition"
    seen = Counter(key for _, copy in made for key in copy.keys)
    if not keys:
        [(partition, copy)] = made
        assert (partition, copy) == (partition_of(str(RECEIPT.id), partitions), RECEIPT)
        return
    assert seen == Counter([*keys, ""])
    for partition, copy in made:
        assert {partition_of(key, partitions) for key in copy.keys if key} == {partition}
        assert "" not in copy.keys or keys[0] in copy.keys
        assert (copy.id, copy.body, copy.received_at, copy.signature) == (
            RECEIPT.id,
            RECEIPT.body,
            RECEIPT.received_at,
            RECEIPT.signature,
        )


def test_the_partition_of_a_number_never_changes_by_itself() -> None:
    assert [partition_of(key, 2) for key in ("106540352242922", "waba:1", "")] == [1, 1, 0]
    assert partition_of("106540352242922", 64) == 59


def test_a_number_keeps_its_partition_whatever_meta_calls_it() -> None:
    ours = {"900000000000001": "106540352242922"}
    made = copies(RECEIPT, ["900000000000001"], lambda id: ours.get(id, id), 64)
    assert [partition for partition, _ in made] == [partition_of("106540352242922", 64)]
    assert made[0][1].keys == ["900000000000001", ""]


@given(KEYS, st.data(), st.integers(1, 8))
def test_what_was_not_proven_is_told_to_the_partition_that_has_it(
    keys: list[str], data: st.DataObject, partitions: int
) -> None:
    doubted = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    receipt = msgspec.structs.replace(RECEIPT, unproven=doubted)
    made = [copy for _, copy in copies(receipt, keys, str, partitions)]
    assert sorted(key for copy in made for key in copy.unproven) == sorted(doubted)
    assert all(set(copy.unproven) <= set(copy.keys) for copy in made)
