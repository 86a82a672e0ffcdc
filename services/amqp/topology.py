"""Queues, exchanges and permissions: one table, from which everything is declared.

    exchange       keys = queues                 written by                   read by
    partitions     router.partition.N            gateway, deliverer, archiver router
    destinations   deliverer.destination.ID      router                       deliverer
    archive        archiver.records              router, deliverer            archiver

Each exchange is direct and each key is the name of the one queue bound to it. If a queue is gone,
publishes to it are unroutable, and `mandatory` returns them. The default exchange would work as
well, but a user that may write to it may write to every queue.
"""

import base64
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

VHOST = "postkamer"
PARTITIONS, DESTINATIONS, ARCHIVE = "partitions", "destinations", "archive"
EXCHANGES = (PARTITIONS, DESTINATIONS, ARCHIVE)
ARCHIVE_QUEUE = "archiver.records"

DELIVERY_LIMIT = 1_000_000
"""Redeliveries of one message. The default of 20 deletes silently after 20 crashes; -1 reorders."""
GIGABYTE = 1_000_000_000
CONSUMER_TIMEOUT = 24 * 3600 * 1000
"""Milliseconds: a paused destination keeps messages unacknowledged for up to a day."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """One quorum queue. Over `max_bytes` of ready messages the broker refuses publishes."""

    name: str
    exchange: str
    kind: Literal["partition", "destination", "archive"]
    single_active_consumer: bool
    max_bytes: int

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments that are fixed at declaration; the rest is policy and can change live."""
        fixed: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
        return fixed | {"x-single-active-consumer": True} if self.single_active_consumer else fixed


def partition_queue(partition: int) -> str:
    return f"router.partition.{partition}"


def destination_queue(destination: str) -> str:
    return f"deliverer.destination.{destination}"


def queues(partitions: int, destinations: Iterable[str]) -> list[Queue]:
    """Return every queue of an installation."""
    table: list[Queue] = [
        Queue(
            name=partition_queue(n),
            exchange=PARTITIONS,
            kind="partition",
            single_active_consumer=True,
            max_bytes=1 * GIGABYTE,
        )
        for n in range(partitions)
    ]
    table += [
        Queue(
            name=destination_queue(destination),
            exchange=DESTINATIONS,
            kind="destination",
            single_active_consumer=True,
            max_bytes=1 * GIGABYTE,
        )
        for destination in destinations
    ]
    # 72 hours of the sized peak: the one queue that may stop the routers.
    table.append(
        Queue(
            name=ARCHIVE_QUEUE,
            exchange=ARCHIVE,
            kind="archive",
            single_active_consumer=False,
            max_bytes=20 * GIGABYTE,
        )
    )
    return table


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a number's id (or of `waba:<id>`, or of a receipt's id)."""
    return zlib.crc32(key.encode()) % partitions


# service -> (configure, write, read), as RabbitMQ's regular expressions over resource names.
# Declaring a queue with its arguments is the only check of them that the broker offers. It needs
# `configure`, which also permits deleting the queue: each service has it for the queues that it
# reads, and the gateway has it for none. Only `postkamer topology declare` makes exchanges and
# bindings.
PERMISSIONS: dict[str, tuple[str, str, str]] = {
    "gateway": (r"^$", r"^partitions$", r"^$"),
    "router": (
        r"^router\.partition\.",
        r"^(partitions|destinations|archive)$",
        r"^router\.partition\.",
    ),
    "deliverer": (
        r"^deliverer\.destination\.",
        r"^(partitions|archive)$",
        r"^deliverer\.destination\.",
    ),
    "archiver": (r"^archiver\.records$", r"^partitions$", r"^archiver\.records$"),
    # The commands ask for the length of each queue, which needs no right.
    "operator": (r"^$", r"^$", r"^$"),
}


def policies(table: Iterable[Queue]) -> list[dict[str, Any]]:
    """Return one complete policy per kind of queue (only one policy applies to a queue)."""
    patterns = {
        "partition": r"^router\.partition\.",
        "destination": r"^deliverer\.destination\.",
        "archive": r"^archiver\.records$",
    }
    limits = {queue.kind: queue.max_bytes for queue in table}
    return [
        {
            "vhost": VHOST,
            "name": f"postkamer-{kind}",
            "pattern": patterns[kind],
            "apply-to": "queues",
            "priority": 10,
            "definition": {
                "max-length-bytes": max_bytes,
                "overflow": "reject-publish",
                "delivery-limit": DELIVERY_LIMIT,
                "consumer-timeout": CONSUMER_TIMEOUT,
                "queue-leader-locator": "balanced",
            },
        }
        for kind, max_bytes in limits.items()
    ]


def password_hash(password: str, salt: bytes) -> str:
    """Return RabbitMQ's salted SHA-256: base64(salt + sha256(salt + password)), salt of 4 bytes."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()


def definitions(table: list[Queue], passwords: Mapping[str, str]) -> dict[str, Any]:
    """Return RabbitMQ's definitions: vhost, users, permissions, exchanges, queues, policies.

    `passwords` maps service name to password; the user of a service has its name. The same input
    gives the same document, so a restart imports nothing new.
    """
    return {
        "vhosts": [{"name": VHOST, "default_queue_type": "quorum"}],
        "users": [_user(service, password) for service, password in passwords.items()],
        "permissions": [_permission(name) for name in PERMISSIONS if name in passwords],
        "exchanges": [_exchange(name) for name in EXCHANGES],
        "queues": [_queue(queue) for queue in table],
        "bindings": [_binding(queue) for queue in table],
        "policies": policies(table),
    }


def _user(service: str, password: str) -> dict[str, Any]:
    salt = hashlib.sha256(f"{service}:{password}".encode()).digest()[:4]
    return {
        "name": service,
        "password_hash": password_hash(password, salt),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


def _permission(service: str) -> dict[str, Any]:
    rights = zip(("configure", "write", "read"), PERMISSIONS[service], strict=True)
    return {"user": service, "vhost": VHOST} | dict(rights)


def _exchange(name: str) -> dict[str, Any]:
    kind = {"type": "direct", "durable": True, "auto_delete": False, "internal": False}
    return {"name": name, "vhost": VHOST, "arguments": {}} | kind


def _queue(queue: Queue) -> dict[str, Any]:
    kind = {"durable": True, "auto_delete": False, "arguments": queue.arguments}
    return {"name": queue.name, "vhost": VHOST} | kind


def _binding(queue: Queue) -> dict[str, Any]:
    return {
        "source": queue.exchange,
        "vhost": VHOST,
        "destination": queue.name,
        "destination_type": "queue",
        "routing_key": queue.name,
        "arguments": {},
    }


def format_table(table: Iterable[Queue]) -> list[str]:
    """Return the table as text, as ARCHITECTURE.md shows and `postkamer topology show` prints
    it."""
    rows = [("exchange", "queue", "one consumer", "limit")]
    rows += [
        (
            queue.exchange,
            queue.name,
            "yes" if queue.single_active_consumer else "no",
            f"{queue.max_bytes // GIGABYTE} GB",
        )
        for queue in table
    ]
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
