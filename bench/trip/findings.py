"""The findings of a trip: all that its tables, its JSON and its pictures are made from. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from bench.trip.histogram import Latency
from bench.trip.lag import Samples, Slope
from bench.trip.rate_search import Try

ENDS = DOOR, CRM, ARCHIVE = "answer", "CRM", "archive"
"""Ends of the trip: the answer 200, accepted by the CRM, committed to the archive."""
BROKER, DATABASE, DESK, LOAD = "rabbitmq", "postgresql", "stand-in CRM", "load"
"""Processes beside the services."""
FASTSTREAM, PLAIN = "FastStream", "plain chain"
"""Peers."""


class HeldRate(msgspec.Struct):
    """The highest rate that a trip held, and its cost at that rate."""

    rate: float
    """Messages/s."""
    seconds: float
    """Time for which it was held."""
    tries: Sequence[Try]
    cost: Mapping[str, float]
    """Process -> CPU microseconds of a message."""
    memory: Mapping[str, float]
    """Process -> most MiB of its own while the rate was held."""
    again: int
    """Events that came to the CRM twice."""
    disorder: int
    """Events that came before an earlier one of their conversation."""


class LatencyAt(msgspec.Struct):
    """Latency to each end at a share of the held rate."""

    share: float
    rate: float
    ends: Mapping[str, Latency]
    losses: Sequence[str] = ()


class Instances(msgspec.Struct):
    """Several instances of each service, with a backlog."""

    count: int
    messages: int
    cost: Mapping[str, float]
    """Service -> CPU microseconds of a message, of all its instances together."""
    losses: Sequence[str] = ()


class Restart(msgspec.Struct):
    """All services, started again on a backlog."""

    backlog: int
    ready: Mapping[str, float]
    """Service -> seconds from the start until it was ready."""
    drained: float
    """Seconds from the start until the last message was at the CRM."""
    memory: Mapping[str, float]
    """Process -> most MiB of its own meanwhile."""
    losses: Sequence[str] = ()


class Storm(msgspec.Struct):
    """Many messages in an hour, then as many in a minute."""

    messages: int
    hour: float
    """Seconds that the hour took here."""
    last: float
    """Seconds from the moment that the last message was due until the last one was at its desk."""
    latency: Latency
    """Latency to the CRM of those in the minute."""
    losses: Sequence[str] = ()


class Soak(msgspec.Struct):
    """Half of the held rate for a long time. Slopes are those of the second half."""

    rate: float
    seconds: float
    memory: Mapping[str, Samples]
    memory_slopes: Mapping[str, Slope]
    """MiB an hour."""
    lags: Mapping[str, Samples]
    lag_slopes: Mapping[str, Slope]
    """Messages an hour."""
    faults: Sequence[str]
    is_balance_closed: bool
    balance: str
    """Last line of `postkamer balance`."""


class Findings(msgspec.Struct):
    """Everything that was measured in one run."""

    held: HeldRate
    latencies: list[LatencyAt] = []
    ceilings: Mapping[str, float] = {}
    """Step -> CPU microseconds of a message."""
    instances: list[Instances] = []
    restart: Restart | None = None
    storm: Storm | None = None
    soak: Soak | None = None
    peers: dict[str, HeldRate] = {}
    disorder: int = 0
    """Events of Postkamer that came before an earlier one of their conversation, in all steps."""
    again: int = 0
    """Events of Postkamer that came twice, in all steps."""

    @property
    def losses(self) -> list[str]:
        """Return the messages that did not get everywhere, of the steps after the held rate."""
        steps = [*self.latencies, *self.instances, self.restart, self.storm]
        return [loss for step in steps if step for loss in step.losses]
