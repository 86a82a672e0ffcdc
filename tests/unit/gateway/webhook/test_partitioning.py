"""A body goes to each partition that has an item of it: every key in exactly one share."""

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhook.partitioning import concerns, split_by_partition
from services.amqp.topology import partition_of

ID = UUID(int=7)
KEYS = st.lists(st.from_regex(r"(waba:)?[0-9]{5,15}", fullmatch=True), unique=True, max_size=30)


@pytest.mark.slow
@given(KEYS, st.integers(1, 64))
def test_every_key_is_in_exactly_one_share_that_of_its_partition(
    keys: list[str], partitions: int
) -> None:
    made = split_by_partition(keys, str, partitions, ID)
    assert len({partition for partition, _ in made}) == len(made), "two shares for a partition"
    if not keys:
        assert made == [(partition_of(str(ID), partitions), [])]
        return
    assert Counter(key for _, own in made for key in own) == Counter([*keys, ""])
    for partition, own in made:
        assert {partition_of(key, partitions) for key in own if key} == {partition}
        assert "" not in own or keys[0] in own


def test_the_partition_of_a_number_never_changes_by_itself() -> None:
    assert [partition_of(key, 2) for key in ("106540352242922", "waba:1", "")] == [1, 1, 0]
    assert partition_of("106540352242922", 64) == 59


def test_a_number_keeps_its_partition_whatever_meta_calls_it() -> None:
    ours = {"900000000000001": "106540352242922"}
    made = split_by_partition(["900000000000001"], lambda id: ours.get(id, id), 64, ID)
    assert made == [(partition_of("106540352242922", 64), ["900000000000001", ""])]


@pytest.mark.parametrize(
    ("keys", "does"),
    [
        ([], False),
        (["900"], True),
        (["901"], False),
        (["901", "900"], True),
        (["waba:7"], True),
        (["waba:8"], False),
        (["1"], True),
    ],
    ids=["none", "ours", "another", "both", "its account", "another account", "our own id"],
)
def test_body_concerns_a_number_by_any_of_its_keys(keys: list[str], does: bool) -> None:
    """`900` is what Meta calls our number 1. A key that is nobody's stands for itself: the number
    may have left the configuration."""
    owners = {"900": frozenset(["1"]), "901": frozenset(["2"]), "waba:7": frozenset(["1", "2"])}
    owners["waba:8"] = frozenset(["2"])
    assert concerns(keys, owners, {"1"}) is does
