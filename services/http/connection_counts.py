"""Bounds on the connections of a port: on all, and on those of one address and one network that
have proven nothing yet.

A connection counts for its networks until the first request on it is proven, by a signature or a
token. So those of Meta, of a BSP and of a CRM count for some milliseconds, however many they are.
"""

from collections.abc import Iterable
from itertools import chain, islice
from typing import Literal, get_args

import msgspec

from services.http.client_networks import Network, Networks
from services.http.strangers import Connection, Strangers

LOOKED_AT = 64
"""Connections of strangers, the oldest first, among which one is looked for that waits for its
client. The others may be with us."""


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
    spared_seconds: float = 0.25
    """Seconds from its opening in which no connection is closed for another: most requests come
    with the connection. Whoever wants to push out others sooner makes 10,000 a second, and is the
    firewall's."""
    trusted: tuple[Network, ...] = ()
    """Networks of our proxies: their connections do not count, and are theirs to close."""


class ConnectionCounts:
    """Counts the connections of one port."""

    def __init__(self, limit: int, bounds: UnprovenBounds | None) -> None:
        self.bounds, self._limit = bounds, limit
        self._open = 0
        self._strangers = Strangers()

    def refusal(self, networks: Networks) -> Bound | None:
        """Return the bound that one more connection of these networks would exceed."""
        if self.bounds and networks:
            of_address, of_network = self._strangers.count(networks)
            if of_address >= self.bounds.per_address:
                return "address"
            if of_network >= self.bounds.per_network:
                return "network"
        return "all" if self._open >= self._limit else None

    def make_room(self, bound: Bound, networks: Networks) -> bool:
        """Close the oldest of a crowd that waits for its client, for a newcomer of these networks.

        Returns False if there is none. One that is proven is never closed.
        """
        for connection in self._find_crowd(bound, networks):
            if connection.waits_for_client():
                self._strangers.discard(connection)
                connection.end()
                return True
        return False

    def _find_crowd(self, bound: Bound, networks: Networks) -> Iterable[Connection]:
        """Return the connections of which one may be closed for a newcomer, in this order.

        In a full network: of the address that has most there, if it has more than the newcomer's.
        When all are taken: of the network that has most, and then the oldest.
        """
        strangers = self._strangers
        crowd = strangers.of(strangers.largest_address(None if bound == "all" else networks[-1]))
        if bound == "all":
            return chain(islice(crowd, LOOKED_AT), islice(strangers.oldest(), LOOKED_AT))
        of_address, _ = strangers.count(networks)
        return islice(crowd, LOOKED_AT) if len(crowd) > of_address else ()

    def enter(self, connection: Connection, networks: Networks) -> None:
        self._open += 1
        if networks:
            self._strangers.add(connection, networks)

    def prove(self, connection: Connection) -> None:
        """Count a connection no more in its networks."""
        self._strangers.discard(connection)

    def leave(self, connection: Connection) -> None:
        self._open -= 1
        self._strangers.discard(connection)
