"""Orders of destruction of a test, in a folder of its own."""

import asyncio
from pathlib import Path

from pydantic import SecretStr

from archiver.encryption.key_store import KeyStore
from archiver.log.erasure import Eraser
from archiver.orders import order
from archiver.orders.comparer import Comparer
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import OrderKeeper
from services.config.settings import derive_key
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, Pool
from tests.support import decrypted_record

MASTERS = [SecretStr(decrypted_record.KEY)]
KEY = derive_key(MASTERS, order.PURPOSE)
"""Key of the archiver of an installation in tests, and of the command."""


def book_of(folder: Path, *keys: bytes) -> OrderBook:
    return OrderBook(ObjectStore(folder.as_uri()), keys or [KEY])


class ComparedOrders(OrderKeeper):
    """Compares before its first order, as the archiver does at its start."""

    def __init__(self, pool: Pool, book: OrderBook) -> None:
        super().__init__(book)
        self._comparer, self._is_compared = Comparer(pool, book), False
        self._turn = asyncio.Lock()

    async def next_number(self, connection: Connection) -> int:
        async with self._turn:
            if not self._is_compared:
                await self._comparer.compare()
                self._is_compared = True
        return await super().next_number(connection)


def orders_of(pool: Pool, folder: Path) -> OrderKeeper:
    return ComparedOrders(pool, book_of(folder))


def eraser_of(pool: Pool, keys: KeyStore, folder: Path) -> Eraser:
    return Eraser(pool, keys, orders_of(pool, folder))
