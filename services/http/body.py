"""Request bodies with a bound on each body and on all bodies together."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Literal

from aiohttp import StreamReader, web

from services.http.client_networks import Networks


class BodyBudgetExceeded(Exception):
    """Bodies together hold as many bytes as they may: `all`, or those of one `network`."""

    def __init__(self, of: Literal["all", "network"]) -> None:
        super().__init__(of)
        self.of = of


SMALL_BYTES = 64 * 1024
"""Size that nearly every request stays under: Meta's webhooks of a few messages, a CRM's commands.
"""


class BodyBudget:
    """Bytes that all requests together may hold, counted as they arrive and not as announced.

    `reserved` of them are only for the first SMALL_BYTES of each request, so that a sender of large
    bodies leaves room for the small bodies of others. Bodies of one network hold `per_network` at
    most (None: no less than all). When all is taken, the network that holds most gives up its
    oldest body for one of another network.
    """

    def __init__(self, size: int, reserved: int = 0, per_network: int | None = None) -> None:
        self.available, self.reserved = size, reserved
        self.per_network = size if per_network is None else per_network
        self.by_network: Counter[str] = Counter()
        self.leases: dict[str, dict[BudgetLease, None]] = {}
        """Network -> the leases that hold bytes for it, the oldest first."""

    def share(self) -> "BudgetLease":
        """Return the lease of one request."""
        return BudgetLease(self)

    def make_room(self, newcomer: Networks, size: int) -> bool:
        """End the oldest body of the network that holds most; False if the newcomer's network
        would hold as much."""
        largest = max(self.by_network, key=self.by_network.__getitem__, default="")
        if self.by_network[largest] <= size + sum(self.by_network[each] for each in newcomer):
            return False
        next(iter(self.leases[largest])).end()
        return True


def _end_nothing() -> None:
    """End nothing: a lease that counts for no network is never ended."""


class BudgetLease:
    """Takes bytes as they arrive, or raises BodyBudgetExceeded; returns them when it is left."""

    __slots__ = ("_budget", "_end", "_has_ended", "_networks", "_taken")

    def __init__(self, budget: BodyBudget) -> None:
        self._budget, self._taken, self._has_ended = budget, 0, False
        self._networks: Networks = ()
        self._end: Callable[[], None] = _end_nothing

    def __enter__(self) -> "BudgetLease":
        return self

    def count_for(self, networks: Networks, end: Callable[[], None] = _end_nothing) -> None:
        """Count what arrives from now on for the widest of the client's networks too.

        `end` is called when the bytes are needed for the body of another network.
        """
        self._networks, self._end = networks[-1:], end

    def take(self, size: int) -> None:
        budget = self._budget
        if not size:
            return
        for network in self._networks:
            if budget.by_network[network] + size > budget.per_network:
                raise BodyBudgetExceeded("network")
        reserved = budget.reserved if self._taken + size > SMALL_BYTES else 0
        if self._has_ended:
            raise BodyBudgetExceeded("all")
        while size > budget.available - reserved:
            if not budget.make_room(self._networks, size):
                raise BodyBudgetExceeded("all")
        budget.available -= size
        self._taken += size
        for network in self._networks:
            budget.by_network[network] += size
            budget.leases.setdefault(network, {})[self] = None

    def end(self) -> None:
        """Return all bytes, and take none again."""
        self._has_ended = True
        self.give_back()
        self._end()

    def give_back(self) -> None:
        """Return all bytes."""
        budget = self._budget
        budget.available += self._taken
        for network in self._networks if self._taken else ():
            budget.by_network[network] -= self._taken
            del budget.leases[network][self]
            if not budget.leases[network]:
                del budget.by_network[network], budget.leases[network]
        self._taken = 0

    def __exit__(self, *_: object) -> None:
        self.give_back()


def _count_nothing(_: int) -> None:
    """Count nothing, for an endpoint with small bodies."""


async def read_body(
    request: web.Request,
    limit: int,
    seconds: float,
    *,
    take: Callable[[int], None] = _count_nothing,
) -> bytes | None:
    """Return the body as received, or None if it is over `limit` bytes; `take` counts the bytes.

    Raises TimeoutError if it has not arrived within `seconds`. It never holds more than limit +
    64 KiB.
    """
    if request.content_length is not None and request.content_length > limit:
        return None
    if request.content.is_eof():  # it came in one go, as most do: no timer needed
        body = request.content.read_nowait()
        if len(body) > limit:
            return None
        take(len(body))
        return body
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(seconds):
            return await _join_chunks(request.content, chunks, limit, take)
    finally:
        # The stream keeps the error that ended it, and so this frame. That is a reference cycle,
        # and the cyclic garbage collector counts objects, not bytes.
        chunks.clear()


async def _join_chunks(
    content: StreamReader, chunks: list[bytes], limit: int, take: Callable[[int], None]
) -> bytes | None:
    size = 0
    async for chunk in content.iter_any():
        size += len(chunk)
        if size > limit:
            return None
        take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)
