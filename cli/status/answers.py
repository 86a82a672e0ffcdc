"""Answers of all sources, as they came. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.amqp.queue_status import QueueLength
from services.disk_space import DiskSpace
from services.http.service_status import ServiceStatus

Rows = list[dict[str, Any]]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Things to ask about, from the configuration or from the services."""

    partitions: int = 0
    destinations: Sequence[str] = ()
    numbers: Sequence[str] = ()


class ServiceAnswer(msgspec.Struct, frozen=True):
    name: str
    address: str
    status: ServiceStatus | None = None
    fault: str = ""
    """Why there is no status."""


class BrokerDisk(msgspec.Struct, frozen=True):
    free: int
    limit: int
    """Free bytes below which the broker takes nothing more in."""


class Answers(msgspec.Struct):
    services: Sequence[ServiceAnswer] = ()
    scope: Scope = Scope()
    queues: dict[str, QueueLength] = {}
    rows: dict[str, Rows] = {}
    """Rows of each query that the database answered."""
    database_disk: DiskSpace | None = None
    broker_disk: BrokerDisk | None = None
    faults: list[str] = []
    """Sources that did not answer, a sentence for each."""
    not_asked: list[str] = []
    """Sources without a setting, a sentence for each."""
