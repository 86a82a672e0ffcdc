"""Orders of destruction in the object store, where the database's administrator cannot write."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TypeVar

from archiver.orders.comparison import Outside
from archiver.orders.order import Order, Outcome, Unreadable, open_sealed, seal
from services.files import object_store
from services.files.object_store import (
    ObjectNotFound,
    ObjectStore,
    StoreUnavailable,
)
from services.sealing.wrapping import NONCE_BYTES
from services.tasks import with_timeout

WRITE_SECONDS = 8.0
"""Longest wait for an object within a transaction: the server ends a session that stands still in
one for 15 s. What was not confirmed may stand outside all the same."""
LARGEST = 1024 * 1024
"""Bytes of an order: 250 conversations are 13 KB."""
AT_ONCE = 16
"""Objects that are read at once; a bucket answers in some 20 ms each."""
T = TypeVar("T", Order, Outcome)


class OrderBook:
    """Book of all orders and outcomes. `keys` are those of the master keys, the newest first.
    `is_read_only` leaves what lies under an older key as it lies."""

    def __init__(
        self, store: ObjectStore, keys: Sequence[bytes], *, is_read_only: bool = False
    ) -> None:
        self._store, self._keys, self._is_read_only = store, keys, is_read_only

    def seal(self, item: Order | Outcome) -> bytes:
        """Return the object of an order or an outcome under the newest key."""
        return seal(item, self._keys[0], os.urandom(NONCE_BYTES))

    async def write(self, item: Order | Outcome) -> bytes:
        """Write an order or an outcome and return its object. Raises ObjectExists or
        StoreUnavailable, after which it may stand there or not."""
        sealed = self.seal(item)
        try:
            await with_timeout(
                WRITE_SECONDS, self._store.create(_key(type(item), item.number), sealed)
            )
        except TimeoutError:
            raise StoreUnavailable("it did not answer in time") from None
        return sealed

    async def write_again(self, item: Order | Outcome) -> None:
        """Write over what stands there: under a new key, or what was damaged. Raises
        StoreUnavailable."""
        sealed = self.seal(item)

        async def pieces() -> AsyncIterator[bytes]:
            yield sealed

        await self._store.put(_key(type(item), item.number), pieces())

    async def read_order(self, number: int) -> Order | None:
        """Return an order; None if there is none. Raises Unreadable and StoreUnavailable."""
        return await self._read(Order, number)

    async def read_outcome(self, number: int) -> Outcome | None:
        """Return an outcome; None if there is none. Raises Unreadable and StoreUnavailable."""
        return await self._read(Outcome, number)

    def open_order(self, sealed: bytes, number: int) -> Order:
        """Return an order that the database keeps. Raises Unreadable."""
        return open_sealed(sealed, Order, number, self._keys)[0]

    async def load(self, last_known: int = -1) -> Outside:
        """Read all that stands outside, and write what lies under an older key under the newest, so
        that the older one can be taken away. Only orders behind `last_known` are kept whole. Raises
        StoreUnavailable."""
        outside = Outside()
        for kind in (Order, Outcome):
            shares = _shares(await self._numbers(kind))
            await asyncio.gather(
                *(self._load(outside, kind, share, last_known) for share in shares)
            )
        return outside

    async def _numbers(self, kind: type[Order] | type[Outcome]) -> list[int]:
        folder = object_store.ORDERS if kind is Order else object_store.OUTCOMES
        names = [name.rpartition("/")[2] async for name in self._store.keys(folder)]
        return [int(name) for name in names if name.isdecimal()]

    async def _load(
        self,
        outside: Outside,
        kind: type[Order] | type[Outcome],
        numbers: Sequence[int],
        last_known: int,
    ) -> None:
        for number in numbers:
            try:
                if kind is Order:
                    if order := await self.read_order(number):
                        outside.digests[number] = order.digest
                        outside.orders |= {number: order} if number > last_known else {}
                elif outcome := await self.read_outcome(number):
                    outside.outcomes[number] = outcome
            except Unreadable:
                outside.damaged.add(number)

    async def _read(self, kind: type[T], number: int) -> T | None:
        content = b""
        try:
            async for piece in await self._store.read(_key(kind, number)):
                content += piece
                if len(content) > LARGEST:
                    raise Unreadable
        except ObjectNotFound:
            return None
        item, place = open_sealed(content, kind, number, self._keys)
        if place and not self._is_read_only:
            await self.write_again(item)
        return item


def _key(kind: type[Order] | type[Outcome], number: int) -> str:
    if kind is Order:
        return object_store.order_key(number)
    return object_store.outcome_key(number)


def _shares(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    """Divide numbers among those that read at once."""
    return (numbers[start::AT_ONCE] for start in range(min(AT_ONCE, len(numbers))))
