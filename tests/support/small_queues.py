"""Queues that hold next to nothing, so that a test can fill them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.rabbitmq import Broker
from services.amqp import topology

PATTERNS = {
    policy["name"]: policy["pattern"] for policy in topology.policies(topology.queues(1, "x"))
}


@contextmanager
def small_queues(broker: Broker, kind: str, size: int) -> Iterator[None]:
    """Let the queues of a kind refuse publishes over `size` bytes."""
    policy = {"max-length-bytes": size, "overflow": "reject-publish"}
    where = ("-p", topology.VHOST, "--priority", "50", "--apply-to", "queues")
    pattern = PATTERNS[f"postkamer-{kind}"]
    broker.control("set_policy", *where, f"small-{kind}", pattern, json.dumps(policy))
    try:
        yield
    finally:
        broker.control("clear_policy", "-p", topology.VHOST, f"small-{kind}")
