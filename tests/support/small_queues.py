"""Queues that hold next to nothing, so that a test can fill them."""

import json
from collections.abc import Iterator, Mapping
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
    with policy_of(broker, f"other-{kind}", PATTERNS[f"postkamer-{kind}"], policy):
        yield


@contextmanager
def policy_of(broker: Broker, name: str, pattern: str, policy: Mapping[str, Any]) -> Iterator[None]:
    """Let a policy apply to the queues whose names have a pattern, before those of ours."""
    vhost, named = _binary(topology.VHOST), _binary(name)
    what = f"{named}, {_binary(pattern)}, {_binary(json.dumps(policy))}"
    done = broker.evaluate(
        f'rabbit_policy:parse_set({vhost}, {what}, 50, <<"queues">>, <<"test">>).'
    )
    assert done == "ok", done
    try:
        yield
    finally:
        done = broker.evaluate(f'rabbit_policy:delete({vhost}, {named}, <<"test">>).')
        assert done == "ok", done


def _binary(text: str) -> str:
    """Return a text as Erlang writes its bytes."""
    return f"<<{','.join(map(str, text.encode()))}>>"


def small_queues(broker: Broker, kind: str, size: int) -> AbstractContextManager[None]:
    """Let the queues of a kind refuse publishes over `size` bytes."""
    return other_policy(broker, kind, {"max-length-bytes": size, "overflow": "reject-publish"})
