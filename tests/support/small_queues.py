"""Queues that hold next to nothing, so that a test can fill them."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from deploy.local.rabbitmq import Broker
from services.amqp import topology

PATTERNS = {
    policy["name"]: policy["pattern"] for policy in topology.policies(topology.queues(1, "x"))
}


@contextmanager
def other_policy(broker: Broker, kind: str, policy: dict[str, Any]) -> Iterator[None]:
    """Let another policy than ours apply to the queues of a kind."""
    where = ("-p", topology.VHOST, "--priority", "50", "--apply-to", "queues")
    pattern = PATTERNS[f"postkamer-{kind}"]
    broker.control("set_policy", *where, f"other-{kind}", pattern, json.dumps(policy))
    try:
        yield
    finally:
        broker.control("clear_policy", "-p", topology.VHOST, f"other-{kind}")


def small_queues(broker: Broker, kind: str, size: int) -> AbstractContextManager[None]:
    """Let the queues of a kind refuse publishes over `size` bytes."""
    return other_policy(broker, kind, {"max-length-bytes": size, "overflow": "reject-publish"})
