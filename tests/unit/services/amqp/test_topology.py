"""The topology of the broker: complete, consistent, and no right more than is needed."""

import re
from collections import Counter
from typing import Any

import pytest

from services.amqp import topology
from services.amqp.topology import (
    PERMISSIONS,
    definitions,
    destination_queue,
    partition_queue,
    queues,
)
from services.contract import ARCHIVE_BATCH, DELIVERY_BATCH, PARTITION_BATCH

TABLE = queues(3, ["crm", "open-klant"])
PASSWORDS = {service: f"secret of {service}" for service in PERMISSIONS}
DOCUMENT = definitions(TABLE, PASSWORDS)
NAMES = [queue.name for queue in TABLE]

# Read from the code of each service: the exchanges that it publishes to (its Publishers) and
# the queues that it consumes (its Consumers), which it also declares.
PUBLISHES = {
    "gateway": {"partitions"},
    "router": {"partitions", "destinations", "archive"},
    "deliverer": {"partitions", "archive"},
    "archiver": {"partitions"},
    "operator": set[str](),
}
CONSUMES = {
    "gateway": set[str](),
    "router": {partition_queue(n) for n in range(3)},
    "deliverer": {destination_queue("crm"), destination_queue("open-klant")},
    "archiver": {"archiver.records"},
    "operator": set[str](),
}
EVERYTHING = {*NAMES, *topology.EXCHANGES, "amq.default", "", "router.partition", "other"}


def allowed(pattern: str) -> set[str]:
    """RabbitMQ searches; an empty name stands for the default exchange and for server-made names.

    https://www.rabbitmq.com/docs/access-control: `^$` matches nothing but the empty name.
    """
    return {name for name in EVERYTHING - {""} if re.search(pattern, name)}


@pytest.mark.parametrize("service", PERMISSIONS)
def test_service_has_the_rights_that_it_uses_and_no_others(service: str) -> None:
    configure, write, read = map(allowed, PERMISSIONS[service])
    assert write == PUBLISHES[service]
    assert read == CONSUMES[service]
    assert configure == CONSUMES[service], "declaring takes it, but deleting does too"


def test_permission_patterns_match_only_exact_names() -> None:
    for patterns in PERMISSIONS.values():
        for pattern in patterns:
            assert pattern.startswith("^")
            for name in ("xrouter.partition.0", "routerXpartitionX0", "archiverXrecords"):
                assert not re.search(pattern, name)


def test_every_queue_is_bound_once_to_an_existing_exchange() -> None:
    assert Counter(b["destination"] for b in DOCUMENT["bindings"]) == Counter(NAMES)
    exchanges = {exchange["name"] for exchange in DOCUMENT["exchanges"]}
    for binding in DOCUMENT["bindings"]:
        assert binding["source"] in exchanges
        assert binding["routing_key"] == binding["destination"]
    assert {e["type"] for e in DOCUMENT["exchanges"]} == {"direct"}
    assert {b["source"] for b in DOCUMENT["bindings"]} == exchanges, "an exchange leads nowhere"


def test_every_queue_is_a_quorum_queue_that_drops_no_message() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(DOCUMENT["queues"])
    for queue in DOCUMENT["queues"]:
        assert queue["durable"] and not queue["auto_delete"]
        assert queue["arguments"]["x-queue-type"] == "quorum"
        assert queue["arguments"]["x-delivery-limit"] == 1_000_000
    alone = {q["name"] for q in DOCUMENT["queues"] if "x-single-active-consumer" in q["arguments"]}
    assert alone == set(NAMES) - {"archiver.records"}, "order is kept by one consumer at a time"


def test_one_policy_bounds_each_queue_and_rejects_publishes_beyond_it() -> None:
    for queue in TABLE:
        [policy] = [p for p in DOCUMENT["policies"] if re.search(p["pattern"], queue.name)]
        assert policy["definition"]["max-length-bytes"] == queue.max_bytes > 0
        assert policy["definition"]["overflow"] == "reject-publish"
    assert len({p["name"] for p in DOCUMENT["policies"]}) == 3


def test_broker_definitions_use_one_virtual_host() -> None:
    for part in ("permissions", "exchanges", "queues", "bindings", "policies"):
        assert {entry["vhost"] for entry in DOCUMENT[part]} == {topology.VHOST}
    assert [host["name"] for host in DOCUMENT["vhosts"]] == [topology.VHOST]


def test_broker_users_are_services_with_a_password_and_no_administrators() -> None:
    assert [user["name"] for user in DOCUMENT["users"]] == list(PASSWORDS)
    assert all(user["tags"] == [] for user in DOCUMENT["users"])
    none: dict[str, Any] = definitions(TABLE, {})
    assert none["users"] == none["permissions"] == []
    assert "secret of" not in str(DOCUMENT)
    assert definitions(queues(3, ["crm", "open-klant"]), PASSWORDS) == DOCUMENT, "deterministic"


def test_password_is_hashed_as_rabbitmq_documents() -> None:
    """https://www.rabbitmq.com/docs/passwords: its example with salt 908DC60A and `test12`."""
    hash = topology.password_hash("test12", bytes.fromhex("908DC60A"))
    assert hash == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"


def test_topology_is_formatted_with_a_line_for_each_queue() -> None:
    drawn = topology.format_table(TABLE)
    assert len(drawn) == len(TABLE) + 1
    assert drawn[1].split() == ["partitions", "router.partition.0", "yes", "1", "GB"]


def test_every_kind_of_message_has_its_exchange() -> None:
    kinds = {PARTITION_BATCH: "partition", DELIVERY_BATCH: "destination", ARCHIVE_BATCH: "archive"}
    assert {queue.kind for queue in TABLE} == set(kinds.values())
