"""Status of a service, as its operations port shows it. Pure."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from services.amqp.queue_status import ConsumerStatus
from services.config.rules_status import RefusedChange, RulesStatus
from services.disk_space import DiskSpace

STATUS_PATH = "/health/status"


class PartitionStatus(msgspec.Struct, frozen=True):
    partition: int
    epoch: int | None = None
    """Epoch under which this process writes; None until the first message of a channel."""


class DestinationStatus(msgspec.Struct, frozen=True):
    """State of a destination in the process that delivers to it."""

    id: str
    window: int = 0
    """Deliveries that may be in flight at the same time."""
    aside: int = 0
    """Conversations that wait for a message that fails alone."""
    paused_since: datetime | None = None
    """Time at which the destination began to fail; None while it works."""
    reason: str = ""
    """Reason of the last failure, without personal data."""


class ServiceParts(msgspec.Struct, frozen=True):
    """Parts of a service that differ by service."""

    consumers: tuple[ConsumerStatus, ...] = ()
    partitions: tuple[PartitionStatus, ...] = ()
    destinations: tuple[DestinationStatus, ...] = ()
    numbers: tuple[str, ...] = ()
    """Our ids of the numbers that it sends for."""
    lag_seconds: float | None = None
    """Age of the newest record when it was written to the archive."""
    object_store: DiskSpace | None = None
    """Volume of the object store; None if the store is a bucket, or the service uses none."""


class ServiceStatus(msgspec.Struct, frozen=True):
    ready: bool
    obstacles: tuple[str, ...] = ()
    """Obstacles to being ready, a sentence for each."""
    rules: RulesStatus | None = None
    """The rules in force; None in a service that goes by none."""
    version: str = ""
    instance: str = ""
    """Name of the process, such as `web1/2211`."""
    started_at: datetime | None = None
    parts: ServiceParts = ServiceParts()


def first_refusal(statuses: Iterable[ServiceStatus | None]) -> RefusedChange | None:
    """Return the first change that one of the services refused. None is a silent service."""
    rules = (status.rules for status in statuses if status)
    refusals = (each.refused for each in rules if each and each.refused)
    return next((refused for refused in refusals if not refused.in_force), None)
