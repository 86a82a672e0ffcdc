"""Losses of the log that a person accepted: an entry of the log says so, and for ever.

`archive verify` expects nothing of the log that a restore took away, once its owner has accepted
that. The entry has a keyed hash under a key of the archive, since whoever can publish records could
have one sealed that says the same.
"""

import hashlib
import hmac
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import NOWHERE, KeyStore
from archiver.log.log_loss import LogLoss
from services.contract import Record
from services.postgres.database import Connection

KIND = "loss"
"""Kind of the entry."""
PERSON = b"accepted loss"
SECOND = timedelta(seconds=1)
"""Precision of the time in a note."""
AT_ONCE = 200
"""Entries of this kind in memory at once. A town has a few in its life, and whoever can publish
records has as many sealed as he likes."""


class LogState(Protocol):
    """State of the log by a checkpoint or a head."""

    @property
    def size(self) -> int: ...
    @property
    def root(self) -> bytes: ...
    @property
    def at(self) -> datetime: ...


class LongerLog(msgspec.Struct, frozen=True):
    """Largest state of the log that was lost: by a checkpoint, or by a head that nobody signed."""

    size: int
    root: bytes
    at: datetime
    is_signed: bool


class AcceptedLoss(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Data of the entry."""

    size: int
    """Entries that were left: those from this position to that before `to` are lost."""
    to: int
    root: bytes
    """Root of the longer log, of `to` entries."""
    signed_at: datetime | None
    """Time of the signature on its checkpoint; None for a head that was kept and not signed."""
    kept_size: int
    kept_root: bytes
    """Head by which the loss was found. The archiver signs it after that."""
    left_at: datetime | None
    """Time of the newest checkpoint that the restored table had; None without one."""
    found_at: datetime
    accepted_at: datetime
    by: str
    identified: str
    reason: str
    mac: bytes = b""

    def covers(self, state: LogState) -> bool:
        """Return True for a state of the log that was lost. All that was signed before the loss was
        found and is longer than what was left is of that log; what is signed later is of the log
        that goes on, but for the two that name the loss."""
        if (state.size, state.root) in ((self.to, self.root), (self.kept_size, self.kept_root)):
            return True
        return self.size < state.size <= self.to and state.at <= self.found_at

    def lacks(self, at: datetime) -> bool:
        """Return True for a row that was lost: of what was signed, co-signed or stamped then."""
        return (self.left_at or at) - SECOND <= at <= self.found_at

    def is_of(self, loss: LogLoss) -> bool:
        kept = loss.size, loss.kept_size, loss.kept_root, loss.at
        return (self.size, self.kept_size, self.kept_root, self.found_at) == kept


def accept_loss(
    loss: LogLoss,
    longer: LongerLog,
    left_at: datetime | None,
    who: tuple[str, str],
    reason: str,
    at: datetime,
) -> AcceptedLoss:
    """Return what is accepted. `who` is the name of the person, and how it is known. Pure."""
    by, identified = who
    return AcceptedLoss(
        size=loss.size,
        to=longer.size,
        root=longer.root,
        signed_at=longer.at if longer.is_signed else None,
        kept_size=loss.kept_size,
        kept_root=loss.kept_root,
        left_at=left_at,
        found_at=loss.at,
        accepted_at=at,
        by=by,
        identified=identified,
        reason=reason,
    )


def find_longer(loss: LogLoss, signed: Sequence[LongerLog]) -> LongerLog:
    """Return the largest state of the log that was lost: of its checkpoints or, if it is larger,
    the head by which the loss was found. Pure."""
    kept = LongerLog(loss.kept_size, loss.kept_root, loss.at, is_signed=False)
    lost = [
        each
        for each in signed
        if each.at <= loss.at or (each.size, each.root) == (kept.size, kept.root)
    ]
    return max([*lost, kept], key=lambda each: (each.size, each.is_signed))


def loss_record(accepted: AcceptedLoss, key: bytes, id: UUID) -> Record:
    """Return the record of an accepted loss. `key` is that of NOWHERE. Pure."""
    data = msgspec.json.encode(msgspec.structs.replace(accepted, mac=_mac(accepted, key)))
    return Record(id=id, kind=KIND, at=accepted.accepted_at, data=data)


def _mac(accepted: AcceptedLoss, key: bytes) -> bytes:
    unsigned = msgspec.json.encode(msgspec.structs.replace(accepted, mac=b""))
    return hashlib.blake2b(unsigned, key=key, digest_size=32, person=PERSON).digest()


async def load_accepted(connection: Connection, keys: KeyStore) -> list[AcceptedLoss]:
    """Return the losses that were accepted, in the order of the log."""
    accepted = list[AcceptedLoss]()
    key, after = None, -1
    while rows := await connection.fetch(_ACCEPTED, KIND, after, AT_ONCE):
        after = rows[-1]["position"]
        key = key or (await keys.existing_conversation_keys({NOWHERE})).get(NOWHERE)
        if key is None:
            break
        accepted += [each for row in decrypt_rows(rows, keys) if (each := _read(row["data"], key))]
    return accepted


def _read(data: bytes | None, key: bytes) -> AcceptedLoss | None:
    """Return the loss of an entry that the command wrote; None for another's. Pure."""
    with suppress(msgspec.DecodeError):
        each = msgspec.json.decode(data or b"", type=AcceptedLoss)
        if hmac.compare_digest(each.mac, _mac(each, key)):
            return each
    return None


_ACCEPTED = f"{RECORDS} where e.kind = $1 and e.position > $2 order by e.position limit $3"
