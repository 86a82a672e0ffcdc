"""Bounds on the connections of a port: on all, and on those of one address and one network that
have proven nothing yet.

A connection counts for its networks until the first request on it is proven, by a signature or a
token. So those of Meta, of a BSP and of a CRM count for some milliseconds, however many they are.
"""

from collections import Counter
from itertools import islice
from typing import Literal, Protocol, get_args

import msgspec

from services.http.client_networks import Network, Networks

LOOKED_AT = 64
"""Unproven connections, the oldest first, among which an idle one is looked for when all are taken.
The others may be in a request."""


Bound = Literal["all", "address", "network"]
"""The bound that one more connection would exceed; a label of the metric."""


REFUSALS = (*get_args(Bound), "made_room", "bodies", "bodies_of_network")
"""All that the metric of refusals counts: these, a connection closed for another, and bodies."""


class UnprovenBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of connections on which nothing is proven."""

    per_address: int = 512
    """Connections of an IPv4 address or IPv6 /64: twice the busy ones of a benchmark (256), so that
    a burst is let in; less than a fifth of all."""
    per_network: int = 1024
    """Connections of an IPv4 /24 or IPv6 /48: less than half of all, so that one network leaves
    room for others."""
    seconds: float = 10.0
    """Seconds for the first byte and the whole header of the first request, and then between
    requests. A client that has something to say sends it in one go; the slowest line needs 3 s."""
    trusted: tuple[Network, ...] = ()
    """Networks of our proxies: their connections do not count, and are theirs to close."""


class Connection(Protocol):
    def is_idle(self) -> bool: ...
    def force_close(self) -> None: ...


class ConnectionCounts:
    """Counts the connections of one port."""

    def __init__(self, limit: int, bounds: UnprovenBounds | None) -> None:
        self.bounds, self._limit = bounds, limit
        self._open = 0
        self._unproven: dict[Connection, Networks] = {}
        self._by_network: Counter[str] = Counter()

    def refusal(self, networks: Networks) -> Bound | None:
        """Return the bound that one more connection of these networks would exceed."""
        if self.bounds and networks:
            address, network = networks
            if self._by_network[address] >= self.bounds.per_address:
                return "address"
            if self._by_network[network] >= self.bounds.per_network:
                return "network"
        return "all" if self._open >= self._limit else None

    def make_room(self) -> bool:
        """Close an old idle connection that has proven nothing; False if there is none."""
        for connection in islice(self._unproven, LOOKED_AT):
            if connection.is_idle():
                self._forget(connection)
                connection.force_close()
                return True
        return False

    def enter(self, connection: Connection, networks: Networks) -> None:
        self._open += 1
        if networks:
            self._unproven[connection] = networks
            self._by_network.update(networks)

    def prove(self, connection: Connection) -> None:
        """Count a connection no more in its networks."""
        self._forget(connection)

    def leave(self, connection: Connection) -> None:
        self._open -= 1
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        for network in self._unproven.pop(connection, ()):
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]
