"""Queues of a running broker, compared with the table that they are declared from. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from services.amqp import topology

MEMBERS = 3
"""Nodes that hold each queue in production: one of them may be lost."""

LOSING = (
    "message-ttl",
    "expires",
    "max-length",
    "max-length-bytes",
    "overflow",
    "delivery-limit",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
)
"""Settings of a queue by which messages are dropped or moved, or the queue ends: as policies name
them, and with `x-` before as arguments. Where the table has none, none may be set."""


class QueueState(msgspec.Struct, frozen=True):
    """A queue, as the broker's management API describes it."""

    name: str
    arguments: dict[str, Any] = {}
    policy: str | None = None
    """Name of the one policy that applies."""
    operator_policy: str | None = None
    """Name of the one that the broker's operator has put over it."""
    members: list[str] = []
    """Nodes that hold the queue."""
    online: list[str] = []
    """Those of them that run."""


class Binding(msgspec.Struct, frozen=True):
    """A way from an exchange to a queue."""

    source: str
    destination: str
    routing_key: str


class Policy(msgspec.Struct, frozen=True):
    """A policy, of ours or over ours."""

    name: str
    definition: dict[str, Any]


class BrokerState(msgspec.Struct, frozen=True):
    """Queues, bindings and policies of a running broker."""

    queues: list[QueueState]
    bindings: list[Binding]
    policies: list[Policy]
    operator_policies: list[Policy]

    def limits(self, queue: QueueState) -> dict[str, Any]:
        """Return what the policies of a queue set together."""
        ours, over = (
            next((policy.definition for policy in policies if policy.name == name), {})
            for policies, name in (
                (self.policies, queue.policy),
                (self.operator_policies, queue.operator_policy),
            )
        )
        return {**ours, **over}


def find_queue_faults(table: Sequence[topology.Queue], broker: BrokerState) -> Iterator[str]:
    """Yield the ways in which the queues of the broker are not those of the table."""
    found = {state.name: state for state in broker.queues}
    rules = {policy["name"]: policy["definition"] for policy in topology.policies(table)}
    for queue in table:
        if Binding(queue.exchange, queue.name, queue.name) not in broker.bindings:
            yield f"queue {queue.name}: nothing reaches it; postkamer topology declare binds it"
        if state := found.get(queue.name):
            yield from _differences(
                queue.name, state.arguments, queue.arguments, "it must be deleted and made again"
            )
            policy = f"postkamer topology declare sets it (now by policy {state.policy})"
            wanted = rules[f"postkamer-{queue.kind}"]
            yield from _differences(queue.name, broker.limits(state), wanted, policy)
        else:
            yield f"queue {queue.name}: is not there; postkamer topology declare makes it"


def _differences(
    queue: str, given: Mapping[str, Any], wanted: Mapping[str, Any], remedy: str
) -> Iterator[str]:
    for name, value in wanted.items():
        if (found := given.get(name)) != value:
            is_not = f"is {found}" if name in given else "is not set"
            yield f"queue {queue}: {name} {is_not} and must be {value}; {remedy}"
    for name in sorted(given.keys() - wanted.keys()):
        if name.removeprefix("x-") in LOSING:
            yield f"queue {queue}: {name} is {given[name]} and must not be set: messages would go"


def find_member_warnings(
    table: Sequence[topology.Queue], broker: BrokerState, least: int
) -> Iterator[str]:
    """Yield the queues with fewer than `least` members, and those of which a member is away."""
    names = {queue.name for queue in table}
    for state in (each for each in broker.queues if each.name in names):
        if len(state.members) < least:
            held = f"{len(state.members)} of {least} nodes hold it"
            yield f"queue {state.name}: {held}; rabbitmq-queues grow adds one"
        if away := sorted(set(state.members) - set(state.online)):
            yield f"queue {state.name}: a member is away: {', '.join(away)}"
