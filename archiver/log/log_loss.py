"""Losses of the log: entries that it had, by a head kept outside, and that the database lacks.

A restored database lost its newest entries, and so did one whose administrator removed them. The
two are told apart by the server: a restored one is another, on another time line, or its WAL ends
before it was. Each loss is noted in the object store when it is found, before anything follows.
"""

import enum
import hashlib
import hmac
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from services import clock
from services.files import object_store
from services.files.object_store import ObjectExists, ObjectNotFound, ObjectStore
from services.postgres.database import Connection
from services.transparency.merkle import Tree

LARGEST = 8192
"""Bytes of a noted loss, which has some 500."""
PERSON = b"loss"
"""Keeps the keyed hash of a loss from being that of a head, which is under the same key."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class ServerState(msgspec.Struct, frozen=True):
    """Database that the log stands in: its cluster, time line and number, and how far its WAL has
    come, in bytes."""

    cluster: str
    time_line: int
    database: int
    wal: int

    def is_restored_from(self, before: "ServerState") -> bool:
        """Return True if the database was put back, or another server took its place, since it was
        `before`. Statements never bring that about: they only add WAL, and give another number."""
        was = before.cluster, before.time_line
        return (self.cluster, self.time_line) != was or self.wal < before.wal

    def is_other_than(self, before: "ServerState") -> bool:
        """Return True if this may be another database than `before`."""
        return self.database != before.database or self.is_restored_from(before)


class Cause(enum.Enum):
    """Cause of a loss, as far as the servers show it. Only the first two can be accepted."""

    RESTORED = enum.auto()
    OTHER_NUMBER = enum.auto()
    """The database is another one of the same server. A dump that is read into a new database makes
    it so, and so do statements: a copy from which entries were removed, under the former name."""
    LATE = enum.auto()
    """It came with a restore, but so many entries followed that nobody knows how many are left."""
    REMOVED = enum.auto()
    UNKNOWN = enum.auto()


class LogLoss(msgspec.Struct, frozen=True, kw_only=True):
    """Loss as it is noted outside."""

    size: int
    """Entries that the log had when the loss was found; what was behind them is lost."""
    kept_size: int
    kept_root: bytes
    """The longer log, by the head that was kept of it."""
    at: datetime
    """Time at which the loss was found. What was signed later is of the log that goes on."""
    before: ServerState | None
    """Server on which that head was kept; None if an archiver of an earlier version kept it."""
    after: ServerState
    left_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    """Time of the newest checkpoint that the table had then; None without one, and unset by an
    archiver of an earlier version. Rows that go later are no part of the loss."""
    mac: bytes = b""

    @property
    def cause(self) -> Cause:
        if self.before is None:
            return Cause.UNKNOWN
        if not self.after.is_other_than(self.before):
            return Cause.REMOVED
        if self.size >= self.kept_size:
            return Cause.LATE
        is_restored = self.after.is_restored_from(self.before)
        return Cause.RESTORED if is_restored else Cause.OTHER_NUMBER


async def read_server(connection: Connection) -> ServerState:
    """Return the state of the server."""
    row = await connection.fetchrow(_SERVER)
    assert row is not None  # each database has a row of its own
    return ServerState(row["cluster"], row["time_line"], row["database"], row["wal"])


def encode_loss(loss: LogLoss, key: bytes) -> bytes:
    """Return the object that notes a loss. Pure."""
    return msgspec.json.encode(msgspec.structs.replace(loss, mac=_mac(loss, key)))


def decode_loss(content: bytes, key: bytes) -> LogLoss | None:
    """Return a loss that this installation noted; None for anything else. Pure."""
    with suppress(msgspec.DecodeError):
        loss = msgspec.json.decode(content, type=LogLoss)
        if hmac.compare_digest(loss.mac, _mac(loss, key)):
            return loss
    return None


def _mac(loss: LogLoss, key: bytes) -> bytes:
    unsigned = msgspec.json.encode(msgspec.structs.replace(loss, mac=b""))
    return hashlib.blake2b(unsigned, key=key, digest_size=32, person=PERSON).digest()


SENTENCES = {
    Cause.RESTORED: ", when its database had been restored: postkamer archive accept {} says that"
    " this is known",
    Cause.OTHER_NUMBER: ", when its database was another one of the same server, as after a dump"
    " was read into a new one, or after somebody put a copy in its place: if you read one,"
    " postkamer archive accept {} --only-database-differs says that this is known",
    Cause.LATE: ", when its database had been restored, and others had been added before it was"
    " found: nobody knows how many are left",
    Cause.REMOVED: ", when its database had not been restored: entries were removed or changed",
    Cause.UNKNOWN: "; nobody knows if its database was restored",
}


def describe_loss(loss: LogLoss) -> str:
    """Return the sentence on a loss that nobody accepted. Pure."""
    had = f"the log had {loss.kept_size} entries, and {loss.size} on {loss.at:%Y-%m-%d %H:%M:%S}Z"
    return had + SENTENCES[loss.cause].format(loss.kept_size)


def find_unnoted(loss: LogLoss, seen_at: datetime, noted: Iterable[LogLoss]) -> LogLoss | None:
    """Return what is to be noted of a loss; None if what is noted says it already. Pure.

    `seen_at` is when the longer log was last seen. If another archiver, or the replay, noted later
    that the log was cut, it was cut then: entries that followed are none of those that were left,
    and a shorter head of the same log is no other loss.
    """
    said = [each for each in noted if each.size <= loss.size]
    kept = loss.kept_size, loss.kept_root
    if any((each.kept_size, each.kept_root) == kept for each in said):
        return None
    cuts = [each for each in said if seen_at <= each.at and each.size < loss.kept_size]
    if any(loss.kept_size <= each.kept_size for each in cuts):
        return None
    cut = min(cuts, key=lambda each: each.size, default=loss)
    return msgspec.structs.replace(loss, size=cut.size, at=cut.at)


async def note_loss(store: ObjectStore, loss: LogLoss, seen_at: datetime, key: bytes) -> bool:
    """Note a loss outside, and return True, unless another noted one explains it. Raises
    StoreUnavailable."""
    noted = await read_losses(store, key)
    if unnoted := find_unnoted(loss, seen_at, noted):
        name = object_store.loss_key((clock.now() - EPOCH) // MICROSECOND)
        with suppress(ObjectExists):  # another archiver, in the same microsecond
            await store.create(name, encode_loss(unnoted, key))
        return True
    kept = loss.kept_size, loss.kept_root
    return any((each.kept_size, each.kept_root) == kept for each in noted)


async def read_losses(store: ObjectStore, key: bytes) -> list[LogLoss]:
    """Return the losses that are noted, the oldest first. Raises StoreUnavailable."""
    names = sorted([name async for name in store.keys(object_store.LOSSES)])
    losses = [decode_loss(await _read(store, name), key) for name in names]
    return [loss for loss in losses if loss]


async def _read(store: ObjectStore, name: str) -> bytes:
    content = b""
    with suppress(ObjectNotFound):
        async for piece in await store.read(name):
            content += piece
            if len(content) > LARGEST:
                return b""
    return content


async def read_left_at(connection: Connection, size: int, at: datetime) -> datetime | None:
    """Return the time of the newest checkpoint of what was left, if there is one."""
    left_at: datetime | None = await connection.fetchval(_LEFT_AT, size, at)
    return left_at


def loss_of(
    kept: Tree, found: Tree, at: datetime, before: ServerState | None, after: ServerState
) -> LogLoss:
    """Return the loss of a log of which `kept` is the longer head, and `found` is left. Pure."""
    return LogLoss(
        size=found.size,
        kept_size=kept.size,
        kept_root=kept.root(),
        at=at,
        before=before,
        after=after,
    )


_LEFT_AT = "select max(at) from archiver.checkpoint where size <= $1 and at <= $2"
_SERVER = """
select (select system_identifier::text from pg_control_system()) as cluster,
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer as time_line,
    d.oid::bigint as database, (pg_current_wal_lsn() - '0/0')::bigint as wal
from pg_database d where d.datname = current_database()
"""
