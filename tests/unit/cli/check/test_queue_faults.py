"""Queues of a broker that differ from the table: each difference is named, with what to do."""

from typing import Any

import pytest
from msgspec.structs import replace

from cli.check.queue_faults import (
    Binding,
    BrokerState,
    Policy,
    QueueState,
    find_member_warnings,
    find_queue_faults,
)
from services.amqp import topology

TABLE = topology.queues(1, ["crm"])
POLICIES = [Policy(policy["name"], policy["definition"]) for policy in topology.policies(TABLE)]
NODES = ["rabbit@a", "rabbit@b", "rabbit@c"]
ARCHIVE = topology.ARCHIVE_QUEUE
SOUND = BrokerState(
    [
        QueueState(queue.name, queue.arguments, f"postkamer-{queue.kind}", None, NODES, NODES)
        for queue in TABLE
    ],
    [Binding(queue.exchange, queue.name, queue.name) for queue in TABLE],
    POLICIES,
    [
        Policy("theirs", {"overflow": "drop-head"}),
        Policy("short", {"message-ttl": 60000, "expires": 60000}),
    ],
)


def with_archive(**fields: Any) -> BrokerState:
    """A broker whose queue of the archive is otherwise."""
    queues = [replace(q, **fields) if q.name == ARCHIVE else q for q in SOUND.queues]
    return replace(SOUND, queues=queues)


def with_policy(**definition: Any) -> BrokerState:
    """A broker whose policy of the archive is otherwise; None takes a key out."""
    old = POLICIES[-1]
    new = {k: v for k, v in {**old.definition, **definition}.items() if v is not None}
    return replace(SOUND, policies=[*POLICIES[:-1], Policy(old.name, new)])


def test_queues_as_declared_have_no_faults() -> None:
    assert list(find_queue_faults(TABLE, SOUND)) == []
    assert list(find_member_warnings(TABLE, SOUND, 3)) == []


DIFFERENCES = [
    (with_archive(policy=None), "max-length-bytes is not set"),
    (with_archive(operator_policy="theirs"), "overflow is drop-head and must be reject-publish"),
    (with_archive(operator_policy="short"), "message-ttl is 60000 and must not be set"),
    (with_archive(operator_policy="short"), "expires is 60000 and must not be set"),
    (with_policy(**{"dead-letter-exchange": "x"}), "dead-letter-exchange is x and must not be set"),
    (
        with_archive(arguments=SOUND.queues[-1].arguments | {"x-max-length": 9}),
        "x-max-length is 9 and must not be set",
    ),
    (with_policy(overflow="drop-head"), "overflow is drop-head and must be reject-publish"),
    (with_policy(**{"delivery-limit": None}), "delivery-limit is not set and must be 1000000"),
    (with_policy(**{"max-length-bytes": 5}), "max-length-bytes is 5 and must be 20000000000"),
    (
        with_archive(arguments={"x-queue-type": "classic"}),
        "x-queue-type is classic and must be quorum",
    ),
    (
        with_archive(arguments={"x-queue-type": "quorum", "x-delivery-limit": 20}),
        "x-delivery-limit is 20 and must be 1000000",
    ),
]


@pytest.mark.parametrize(("broker", "fault"), DIFFERENCES)
def test_difference_from_the_table_is_named_with_both_values(
    broker: BrokerState, fault: str
) -> None:
    faults = list(find_queue_faults(TABLE, broker))
    assert any(each.startswith(f"queue {ARCHIVE}: {fault}") for each in faults), faults
    assert all(each.startswith(f"queue {ARCHIVE}: ") for each in faults)


FIRST = "queue router.partition.0"


def test_queue_or_binding_that_is_missing_is_named_with_the_command_that_makes_it() -> None:
    without_queue = replace(SOUND, queues=SOUND.queues[1:])
    without_binding = replace(SOUND, bindings=SOUND.bindings[1:])
    assert list(find_queue_faults(TABLE, without_queue)) == [
        f"{FIRST}: is not there; postkamer topology declare makes it"
    ]
    assert list(find_queue_faults(TABLE, without_binding)) == [
        f"{FIRST}: nothing reaches it; postkamer topology declare binds it"
    ]


def test_queue_with_too_few_members_or_one_that_is_away_is_a_warning() -> None:
    alone = with_archive(members=NODES[:1], online=NODES[:1])
    assert list(find_member_warnings(TABLE, alone, 3)) == [
        f"queue {ARCHIVE}: 1 of 3 nodes hold it; rabbitmq-queues grow adds one"
    ]
    assert list(find_member_warnings(TABLE, alone, 1)) == []
    away = with_archive(online=NODES[1:])
    assert list(find_member_warnings(TABLE, away, 3)) == [
        f"queue {ARCHIVE}: a member is away: rabbit@a"
    ]
