"""Bounds on the connections of a port: on all, and on those that have proven nothing yet, together
and of one address and one network.

A connection counts for its networks until the first request on it is proven, by a signature or a
token. So those of Meta, of a BSP and of a CRM count for some milliseconds, however many they are.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Literal, get_args

import msgspec

from services.http.client_networks import Network, Networks
from services.http.strangers import Connection, Strangers

LOOKED_AT = 64
"""Connections of strangers, the oldest first, among which one is looked for that waits for its
client. The others may be with us."""
FEW = 8
"""Connections of a network or address for which others are closed at any rate. Beyond it others
must have this many more: of equals none gives way, or each would come again and push out another.
"""
SLOW = 4
"""Places that a slow connection takes, of those of unheard ones. In the middle of a request each
takes 17 KiB, of which Python's allocator gives back next to nothing, and the bytes of its body: a
gateway has 89 MiB, and 95 beside a crowd that comes again and again. It had 107 when 512 might be
there, however slow."""

Bound = Literal["all", "unheard", "address", "network"]
"""The bound that one more connection would exceed; a label of the metric."""
REFUSALS = (*get_args(Bound), "made_room", "bodies", "bodies_of_network")
"""All that the metric of refusals counts: these, a connection closed for another, and bodies."""


class UnprovenBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of connections on which nothing is proven."""

    unheard: int = 256
    """Connections on which no whole request has come yet: all of a benchmark, when they are opened
    at the same moment. A request comes within milliseconds, so it is a burst that counts."""
    slow_seconds: float = 1.0
    """Seconds after which a client is slow: several times the way to another continent and back."""
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
    """Seconds from its opening in which no connection is closed for another, unless its address has
    more than FEW unheard: most requests come with the connection. To push out others sooner takes
    2,600 new ones a second, of 32 addresses or more."""
    trusted: tuple[Network, ...] = ()
    """Networks of our proxies: their connections do not count, and are theirs to close."""


class ConnectionCounts:
    """Counts the connections of one port."""

    def __init__(self, limit: int, bounds: UnprovenBounds | None) -> None:
        self.bounds, self._limit = bounds, limit
        self._open = 0
        self._strangers, self._unheard, self._slow = Strangers(), Strangers(), Strangers()

    def refusal(self, networks: Networks) -> Bound | None:
        """Return the bound that one more connection of these networks would exceed."""
        if self.bounds and networks:
            of_address, of_network = self._strangers.count(networks)
            if of_address >= self.bounds.per_address:
                return "address"
            if of_network >= self.bounds.per_network:
                return "network"
            if self._places() >= self.bounds.unheard:
                return "unheard"
        return "all" if self._open >= self._limit else None

    def _places(self) -> int:
        """Return the places that unheard connections take."""
        return self._unheard.total + (SLOW - 1) * self._slow.total

    def make_room(self, bound: Bound, networks: Networks) -> bool:
        """Close the oldest of a crowd that waits for its client, for a newcomer of these networks.

        Returns False if there is none. One that is proven is never closed.
        """
        for connection in self._find_crowd(bound, networks):
            if connection.waits_for_client():
                self._end(connection)
                return True
        for connection in self._find_burst(networks) if bound == "unheard" else ():
            if connection.waits_for_client(spared=False):
                self._end(connection)
                return True
        return False

    def _end(self, connection: Connection) -> None:
        self.prove(connection)
        connection.end()

    def _find_crowd(self, bound: Bound, networks: Networks) -> Iterator[Connection]:
        """Return the connections of which one may be closed for a newcomer, in this order.

        A newcomer whose network has few, or fewer than the one that has most, takes a place there,
        and else the oldest. Any other takes one of its own network, from the address that has most.
        Slow ones give way first, also to a sender who has many at once and none that is slow.
        """
        if bound == "unheard" and _is_small(networks, self._slow):
            yield from islice(self._list_slow(), LOOKED_AT)
        yield from self._find_largest(bound, networks)

    def _find_largest(self, bound: Bound, networks: Networks) -> Iterable[Connection]:
        strangers = self._unheard if bound == "unheard" else self._strangers
        if bound in ("all", "unheard") and _is_small(networks, strangers):
            crowd = strangers.of(strangers.largest_address(None))
            return chain(islice(crowd, LOOKED_AT), islice(strangers.oldest(), LOOKED_AT))
        crowd = strangers.of(strangers.largest_address(networks[-1]))
        of_address, _ = strangers.count(networks)
        has_more = len(crowd) > of_address + min(of_address, FEW)
        return islice(crowd, LOOKED_AT) if has_more and bound != "address" else ()

    def _find_burst(self, networks: Networks) -> Iterable[Connection]:
        """Return the connections of the address that has most unheard ones: it may have taken all
        places within the time in which others are spared."""
        burst = self._unheard.of(self._unheard.largest_address(None))
        has_more = len(burst) > self._unheard.count(networks)[0] + FEW
        return islice(burst, LOOKED_AT) if has_more else ()

    def enter(self, connection: Connection, networks: Networks) -> None:
        self._open += 1
        if networks:
            self._strangers.add(connection, networks)
            self._unheard.add(connection, networks)

    def note_slow(self, connection: Connection, networks: Networks) -> int:
        """Count a connection among the slow ones if it is unheard, and end as many as are too many
        then; return their number."""
        if not self.bounds or connection not in self._unheard.oldest():
            return 0
        self._slow.add(connection, networks)
        ended = 0
        quick = self._list_quick(networks)
        while self._places() > self.bounds.unheard:
            self._end(next(quick, None) or next(self._list_slow()))
            ended += 1
        return ended

    def _list_quick(self, networks: Networks) -> Iterator[Connection]:
        """Return those that give way to a slow one of their address: of a burst the rest, which
        would be slow next. Else a crowd whose slow ones always find the places taken, and end,
        comes again at once, and so keeps all places.
        """
        own, slow = self._unheard.of(networks[0]), self._slow.oldest()
        if len(own) > FEW:
            quick = [each for each in own if each not in slow]  # as those that end leave `own`
            yield from (each for each in quick[:LOOKED_AT] if each.waits_for_client())

    def _list_slow(self) -> Iterator[Connection]:
        """Return the slow connections in the order in which they give way: of a network that has
        more than FEW those of the address that has most, and else the oldest."""
        slow = self._slow
        crowd = slow.of(slow.largest_address(None)) if slow.most > FEW else ()
        return chain(crowd, slow.oldest())

    def hear(self, connection: Connection) -> None:
        """Count a connection no more among those on which no whole request has come."""
        self._unheard.discard(connection)
        self._slow.discard(connection)

    def prove(self, connection: Connection) -> None:
        """Count a connection no more in its networks."""
        self._strangers.discard(connection)
        self.hear(connection)

    def leave(self, connection: Connection) -> None:
        self._open -= 1
        self.prove(connection)


def _is_small(networks: Networks, among: Strangers) -> bool:
    """Return True if the network of a newcomer has few there, or clearly fewer than the largest."""
    of_network = among.count(networks)[1] if networks else 0
    return of_network < FEW or of_network + FEW < among.most
