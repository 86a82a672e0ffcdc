"""Obstacles to another number of partitions."""

import pytest

from cli.repartition import obstacles
from services.amqp.queue_lengths import NO_QUEUE
from services.amqp.queue_status import QueueLength

NOTHING = {"processes": 0, "lines": 0}
QUEUE = "router.partition.0"


@pytest.mark.parametrize(
    ("counts", "length", "sentence"),
    [
        ({"processes": 2}, QueueLength(QUEUE), "2 processes run"),
        ({}, QueueLength(QUEUE, ready=1), "router.partition.0: 1 message waits"),
        ({}, QueueLength(QUEUE, consumers=1), "router.partition.0: 0 messages wait"),
        ({"lines": 1}, QueueLength(QUEUE), "events wait for a destination"),
    ],
)
def test_anything_under_way_is_an_obstacle(
    counts: dict[str, int], length: QueueLength, sentence: str
) -> None:
    [found] = obstacles(NOTHING | counts, [length])
    assert found.startswith(sentence)


def test_empty_or_missing_queues_are_none() -> None:
    assert [*obstacles(NOTHING, [QueueLength(QUEUE), QueueLength(QUEUE, fault=NO_QUEUE)])] == []
