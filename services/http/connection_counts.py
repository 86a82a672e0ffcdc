"""Bounds on the connections of a port: on all, and on those that have proven nothing yet, together
and of one address and one network.

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
FEW = 8
"""Connections of a network for which others are closed at any rate. Beyond it others have to have
more than this network: of equals none gives way, or each would come again and push out another."""

Bound = Literal["all", "unheard", "address", "network"]
"""The bound that one more connection would exceed; a label of the metric."""
REFUSALS = (*get_args(Bound), "made_room", "bodies", "bodies_of_network")
"""All that the metric of refusals counts: these, a connection closed for another, and bodies."""


class UnprovenBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of connections on which nothing is proven."""

    unheard: int = 512
    """Connections on which no whole request has come yet: twice the busy ones of a benchmark (256).
    A request comes within milliseconds, so it is a burst that counts. In the middle of one a
    connection takes 17 KiB, of which Python's allocator gives back next to nothing: 7 MiB stay of
    all, and a gateway has 90."""
    per_address: int = 512
    """Connections of an IPv4 address or IPv6 /64: as many, so that a burst is let in; less than a
    fifth of all."""
    per_network: int = 1024
    """Connections of an IPv4 /24 or IPv6 /48: less than half of all, so that one network leaves
    room for others."""
    seconds: float = 10.0
    """Seconds for the first byte and the whole header of the first request, and then between
    requests. A client that has something to say sends it in one go; the slowest line needs 3 s."""
    spared_seconds: float = 0.1
    """Seconds from its opening in which no connection is closed for another: most requests come
    with the connection. To push out others sooner takes 5,000 new ones a second."""
    trusted: tuple[Network, ...] = ()
    """Networks of our proxies: their connections do not count, and are theirs to close."""


class ConnectionCounts:
    """Counts the connections of one port."""

    def __init__(self, limit: int, bounds: UnprovenBounds | None) -> None:
        self.bounds, self._limit = bounds, limit
        self._open = 0
        self._strangers, self._unheard = Strangers(), Strangers()

    def refusal(self, networks: Networks) -> Bound | None:
        """Return the bound that one more connection of these networks would exceed."""
        if self.bounds and networks:
            of_address, of_network = self._strangers.count(networks)
            if of_address >= self.bounds.per_address:
                return "address"
            if of_network >= self.bounds.per_network:
                return "network"
            if self._unheard.total >= self.bounds.unheard:
                return "unheard"
        return "all" if self._open >= self._limit else None

    def make_room(self, bound: Bound, networks: Networks) -> bool:
        """Close the oldest of a crowd that waits for its client, for a newcomer of these networks.

        Returns False if there is none. One that is proven is never closed.
        """
        for connection in self._find_crowd(bound, networks):
            if connection.waits_for_client():
                self.prove(connection)
                connection.end()
                return True
        return False

    def _find_crowd(self, bound: Bound, networks: Networks) -> Iterable[Connection]:
        """Return the connections of which one may be closed for a newcomer, in this order.

        A newcomer whose network has few, or fewer than the one that has most, takes a place there,
        and else the oldest. Any other takes one of its own network, from the address that has most.
        """
        strangers = self._unheard if bound == "unheard" else self._strangers
        of_address, of_network = strangers.count(networks) if networks else (0, 0)
        is_small = of_network < FEW or of_network + 1 < strangers.most
        if is_small and bound in ("all", "unheard"):
            crowd = strangers.of(strangers.largest_address(None))
            return chain(islice(crowd, LOOKED_AT), islice(strangers.oldest(), LOOKED_AT))
        crowd = strangers.of(strangers.largest_address(networks[-1]))
        has_more = not of_address or len(crowd) > of_address + 1
        return islice(crowd, LOOKED_AT) if has_more and bound != "address" else ()

    def enter(self, connection: Connection, networks: Networks) -> None:
        self._open += 1
        if networks:
            self._strangers.add(connection, networks)
            self._unheard.add(connection, networks)

    def hear(self, connection: Connection) -> None:
        """Count a connection no more among those on which no whole request has come."""
        self._unheard.discard(connection)

    def prove(self, connection: Connection) -> None:
        """Count a connection no more in its networks."""
        self._strangers.discard(connection)
        self._unheard.discard(connection)

    def leave(self, connection: Connection) -> None:
        self._open -= 1
        self.prove(connection)
