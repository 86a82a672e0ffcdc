"""Head of the log, kept in the object store each second, where the database's administrator cannot
write.

A checkpoint comes once a minute. After a kill nobody remembers what was written since; the head
outside does. It is no signature: a keyed hash under a key of the master key shows that an archiver
of this installation wrote it.
"""

import asyncio
import hashlib
import hmac
from collections import deque
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import structlog

from archiver.log.known_head import Bending, KnownHead, Seen, continues
from archiver.log.log_loss import (
    LogLoss,
    ServerState,
    loss_of,
    note_loss,
    read_left_at,
    read_server,
)
from services import clock
from services.files import object_store
from services.files.object_store import ObjectExists, ObjectNotFound, ObjectStore, StoreUnavailable
from services.postgres.database import Connection, Pool, is_transient, retry_while_unavailable
from services.tasks import with_timeout
from services.transparency.merkle import Tree, load_tree

WRITE_SECONDS = 1.0
"""Interval between two heads while entries come: the time in which an entry can be removed unseen
together with a kill. Each batch would cost its own write, and there are hundreds in a second."""
KEPT = 10
"""Heads that are kept, so that two archivers which write in turn do not lose the larger one."""
END_SECONDS = 2.0
"""Longest wait for the last head when the process ends."""
COMPARE_SECONDS = 5.0
"""Longest wait for the comparison before anything is written. It reads ten heads and the losses,
each in some 20 ms from a bucket."""
SERVER_SECONDS = 0.5
"""Longest wait for the state of the server, which comes in a millisecond: a head is written each
second."""
LARGEST = 8192
"""Bytes of a head: 64 hashes in base64, and some."""
PURPOSE = "heads"
"""Purpose for which the key of the keyed hash is derived from the master key."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

log = structlog.get_logger()


class OutsideHead(msgspec.Struct, frozen=True):
    """Head as it is kept: the size and right edge of the tree, and when that was so."""

    size: int
    edge: bytes
    at: datetime
    mac: bytes = b""
    server: ServerState | msgspec.UnsetType = msgspec.UNSET
    """Server on which it was so; unset by an archiver of an earlier version."""

    @property
    def tree(self) -> Tree:
        return load_tree(self.size, self.edge)


def encode_head(
    tree: Tree, at: datetime, key: bytes, server: ServerState | msgspec.UnsetType = msgspec.UNSET
) -> bytes:
    """Return the object that keeps a head. Pure."""
    head = OutsideHead(tree.size, tree.edge_bytes(), at, server=server)
    return msgspec.json.encode(msgspec.structs.replace(head, mac=_mac(head, key)))


def decode_head(content: bytes, key: bytes) -> OutsideHead | None:
    """Return a head that an archiver of this installation kept; None for anything else. Pure."""
    with suppress(msgspec.DecodeError, ValueError):
        head = msgspec.json.decode(content, type=OutsideHead)
        if hmac.compare_digest(head.mac, _mac(head, key)) and head.tree.size == head.size:
            return head
    return None


def _mac(head: OutsideHead, key: bytes) -> bytes:
    unsigned = msgspec.json.encode(msgspec.structs.replace(head, mac=b""))
    return hashlib.blake2b(unsigned, key=key, digest_size=32).digest()


async def read_heads(store: ObjectStore, key: bytes) -> list[OutsideHead]:
    """Return the newest heads, the oldest first. Raises StoreUnavailable."""
    return await _decode_all(store, await _list_names(store), key)


async def _list_names(store: ObjectStore) -> "deque[str]":
    return deque([name async for name in store.keys(object_store.HEADS)])


async def _decode_all(store: ObjectStore, names: Iterable[str], key: bytes) -> list[OutsideHead]:
    heads = [decode_head(await _read(store, name), key) for name in [*names][-KEPT:]]
    return [head for head in heads if head]


async def _read(store: ObjectStore, name: str) -> bytes:
    content = b""
    with suppress(ObjectNotFound):  # another archiver deleted it
        async for piece in await store.read(name):
            content += piece
            if len(content) > LARGEST:
                return b""
    return content


def largest_head(heads: Iterable[OutsideHead]) -> OutsideHead | None:
    """Return the largest head, and the newest of those: its server is the last one. Pure."""
    return max(heads, key=lambda each: (each.size, each.at), default=None)


async def find_loss(
    pool: Pool, kept: OutsideHead | None, first: Seen | None = None
) -> LogLoss | None:
    """Return what the log lost, if it does not continue the largest head that was kept. `first` is
    what the database had before this process wrote to it, if it did. Raises DATABASE_ERRORS."""
    if kept is None:
        return None
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow("select size, peaks from archiver.head")
        assert row is not None  # the table was created with this row
        now = Seen(load_tree(row["size"], row["peaks"]), clock.now())
        if await continues(connection, kept.tree, now.tree):
            return None
        found, at = first if first and kept.at <= first.at else now
        before = None if kept.server is msgspec.UNSET else kept.server
        return await _describe(connection, kept.tree, Seen(found, at), before)


async def _describe(
    connection: Connection, kept: Tree, found: Seen, before: ServerState | None
) -> LogLoss:
    """Return a loss with what the database says now of the time at which it was found."""
    loss = loss_of(kept, *found, before, await read_server(connection))
    left_at = await read_left_at(connection, loss.size, loss.at)
    return msgspec.structs.replace(loss, left_at=left_at)


class HeadKeeper:
    """Keeps the head that this process knows outside, and compares what was kept before it."""

    def __init__(self, pool: Pool, known: KnownHead, store: ObjectStore, key: bytes) -> None:
        self._pool, self._known, self._store, self._key = pool, known, store, key
        self._size = -1
        """Size of the last head that this process kept."""
        self._names = deque[str]()
        """Names of those of before and of its own, the oldest first."""
        self._bent = 0
        """Number of these that are of before, if the log does not continue them."""
        self._server: ServerState | msgspec.UnsetType = msgspec.UNSET
        """Server on which the log was last seen to be as this process knows it."""
        self._kept_on: ServerState | msgspec.UnsetType = msgspec.UNSET
        """Server that the last head names which this process kept."""
        self._is_compared = False
        known.is_kept_outside = True

    async def begin(self) -> None:
        """Compare before anything is written, so that what is left is known. A store that is away
        is not waited for: the intake has no other place for what comes, and what the database had
        before the first entry is remembered."""
        try:
            await with_timeout(COMPARE_SECONDS, self._compare_once())
        except TimeoutError:
            log.warning("head.not_compared", seconds=COMPARE_SECONDS)

    async def _compare_once(self) -> None:
        self._is_compared = self._is_compared or await self._attempt(self.compare())

    async def run(self) -> None:
        """Compare unless that is done, then keep heads for as long as the service runs, and the
        last at its end. A store that is away stops nothing."""
        try:
            while True:
                await self._compare_once()
                if self._is_compared:
                    await self._attempt(self.keep())
                await asyncio.sleep(WRITE_SECONDS)
        finally:
            with suppress(TimeoutError):
                await with_timeout(END_SECONDS, self._attempt(self.keep()))

    async def _attempt(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except StoreUnavailable as error:
            log.warning("head.not_outside", reason=str(error))
            return False
        return True

    async def compare(self) -> None:
        """Hold the log against what an earlier process kept. If the log does not continue
        the largest head, that is noted outside, told, and signed with the next checkpoint. Raises
        StoreUnavailable."""
        self._names = await _list_names(self._store)
        kept = largest_head(await _decode_all(self._store, self._names, self._key))
        find = partial(find_loss, self._pool, kept, self._known.first)
        loss = await retry_while_unavailable(find, "heads")
        if loss and kept:
            if await note_loss(self._store, loss, kept.at, self._key):
                self._known.lose(kept.tree, loss.size)
            self._bent = len(self._names)

    async def keep(self) -> None:
        """Keep the head if it has grown or stands on another server, and delete the oldest, and
        those that the log does not continue once that is signed: the next start would tell of them
        again. Raises StoreUnavailable."""
        server = await self._look_at_server()
        while self._known.unnoted:
            bending = self._known.unnoted[0]
            is_loss = await retry_while_unavailable(partial(self._note, bending), "losses")
            self._known.settle(bending, is_loss=is_loss)
        self._server = server
        tree = self._known.tree
        if tree and (tree.size != self._size or _is_other(server, self._kept_on)):
            await self._create(tree)
        # What proves a bending stays until it is signed.
        while not self._known.lost and (self._bent or len(self._names) > KEPT):
            with suppress(ObjectNotFound):
                await self._store.delete(self._names[0])
            self._names.popleft()
            self._bent = max(0, self._bent - 1)

    async def _note(self, bending: Bending) -> bool:
        """Note what was found under this process, as after a failover to a server that lacked
        something. Return False if a loss that another archiver noted explains it."""
        kept, found = bending
        before = None if self._server is msgspec.UNSET else self._server
        async with self._pool.acquire() as connection:
            loss = await _describe(connection, kept.tree, found, before)
        return await note_loss(self._store, loss, kept.at, self._key)

    async def _look_at_server(self) -> ServerState | msgspec.UnsetType:
        """Return the state of the server. If it is another, the log there was held against what
        this process knows: a head says of a server what was there. While the server is away that of
        before holds: its WAL was not longer, and a head does not wait."""
        try:
            server = await with_timeout(SERVER_SECONDS, self._read_server())
            if self._server is not msgspec.UNSET and server.is_other_than(self._server):
                await self._check()
            return server
        except Exception as error:
            if not isinstance(error, TimeoutError) and not is_transient(error):
                raise
        return self._server

    async def _read_server(self) -> ServerState:
        async with self._pool.acquire() as connection:
            return await read_server(connection)

    async def _check(self) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow("select size, peaks from archiver.head for update")
            assert row is not None  # the table was created with this row
            await self._known.check(connection, load_tree(row["size"], row["peaks"]))

    async def _create(self, tree: Tree) -> None:
        at = clock.now()
        name = object_store.head_key((at - EPOCH) // MICROSECOND)
        with suppress(ObjectExists):  # another archiver, in the same microsecond
            await self._store.create(name, encode_head(tree, at, self._key, self._server))
        self._size, self._kept_on = tree.size, self._server
        self._names.append(name)


def _is_other(
    server: ServerState | msgspec.UnsetType, before: ServerState | msgspec.UnsetType
) -> bool:
    """Return True if the server is another than before, or first known now. Pure."""
    if server is msgspec.UNSET:
        return False
    return before is msgspec.UNSET or server.is_other_than(before)
