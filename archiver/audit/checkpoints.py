"""Check the checkpoints in the table, and their copies where the database's administrator cannot
write. Each signature is checked against its row and its copy; memory use is constant."""

import asyncio
import re
from array import array
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from archiver.audit.log_walk import Finding, SignedState
from archiver.log.accepted_loss import AcceptedLoss
from archiver.signing.signer import is_signed_with
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Connection
from services.postgres.times import in_utc
from services.transparency import signed_note
from services.transparency.signed_note import Checkpoint, InvalidNote

NAME = re.compile(r"[0-9]{20}")
"""Name of a copy outside. Other objects in the store are ignored."""
SECOND = timedelta(seconds=1)
"""Precision of the time in a note."""
AT_ONCE, READS = 1000, 16
"""Checkpoints in memory, some 1 KB each; and copies read from outside at a time."""
MAX_MISSING = 1000
"""Checkpoints without a row that are reported. A lost day has more, which are read one by one."""
FIRST, LAST = -(2**63), 2**63 - 1
"""Smallest and largest size that a row can contain; a forged row may contain any."""


class Trust(msgspec.Struct, frozen=True):
    """Signer whose signatures count."""

    origin: str
    public_key: bytes
    earlier: tuple[bytes, ...] = ()
    """Keys that signed before this one. They count only for a smaller log than this one signed."""


class Outside(msgspec.Struct, frozen=True):
    """Store outside the database, and the sizes of the checkpoints that have a copy there."""

    store: ObjectStore
    sizes: Sequence[int]


async def list_outside(store: ObjectStore) -> Outside:
    """List the copies outside, 8 bytes each. Call it before the transaction that reads the
    database, or a checkpoint that is signed in between would seem to be missing from the table.
    Raises StoreUnavailable."""
    sizes = array("q")
    async for key in store.keys("checkpoint"):
        name = key.rpartition("/")[2]
        if NAME.fullmatch(name) and (size := int(name)) <= LAST:
            sizes.append(size)
    return Outside(store, sizes)


class Checkpoints:
    """Checkpoints of the table and their copies outside, if those are to be checked."""

    def __init__(
        self,
        connection: Connection,
        trust: Trust,
        outside: Outside | None,
        accepted: Sequence[AcceptedLoss] = (),
    ) -> None:
        self._connection, self._trust, self._first = connection, trust, FIRST
        self._accepted = accepted
        self._outside = outside.store if outside else None
        self._sizes = outside.sizes if outside else ()
        self.first_of_key: int | None = None
        """Smallest size seen that is signed with the key of now."""

    def start_at(self, first: int) -> None:
        """Ignore checkpoints smaller than this size."""
        self._first = first

    async def read_range(
        self, first: int, last: int = LAST
    ) -> AsyncIterator[SignedState | Finding]:
        """Yield the checkpoints in a range of sizes, in order: the signed states, and what is
        wrong. Raises StoreUnavailable."""
        first = max(first, self._first)
        while rows := await self._connection.fetch(_ROWS, first, last, AT_ONCE):
            for start in range(0, len(rows), READS):
                chunk = rows[start : start + READS]
                for row, copy in zip(chunk, await self._read_copies(chunk), strict=True):
                    for result in self._check_row(row, copy):
                        if not self._is_lost(result):
                            yield result
            if (first := rows[-1]["size"] + 1) > last:
                return

    async def missing_from_table(self) -> AsyncIterator[SignedState | Finding]:
        """Yield the checkpoints that have a copy outside and no row in the table. Raises
        StoreUnavailable."""
        reported = 0
        for size in await self._sizes_without_row():
            note = await self._read_copy(size)
            state = self._verify_note(note, size, "kept outside") if note else None
            if self._is_lost(state):
                continue
            if state and self._is_row_lost(state):
                yield state  # the table was restored to before it, and the log was not
                continue
            sentence = f"the checkpoint of {size} entries is kept outside and gone from its table"
            yield Finding("checkpoint", sentence, size)
            if state:
                yield state
            if (reported := reported + 1) == MAX_MISSING:
                return

    async def copies_from(self, first: int) -> AsyncIterator[SignedState]:
        """Yield the copies outside of this size and larger that are signed. Raises
        StoreUnavailable."""
        for size in sorted(size for size in self._sizes if size >= first):
            note = await self._read_copy(size)
            state = self._verify_note(note, size, "kept outside") if note else None
            if isinstance(state, SignedState):
                yield state

    def _is_lost(self, state: SignedState | Finding | None) -> bool:
        """Return True for a checkpoint of a log of which the loss was accepted."""
        return isinstance(state, SignedState) and any(each.covers(state) for each in self._accepted)

    def _is_row_lost(self, state: SignedState | Finding) -> bool:
        return isinstance(state, SignedState) and any(e.lacks(state.at) for e in self._accepted)

    async def _sizes_without_row(self) -> list[int]:
        sizes: list[int] = []
        for start in range(0, len(self._sizes), AT_ONCE):
            chunk = [n for n in self._sizes[start : start + AT_ONCE] if n >= self._first]
            sizes += await self._missing(chunk)
        return sorted(sizes)

    async def _missing(self, sizes: Sequence[int]) -> list[int]:
        return [row["size"] for row in await self._connection.fetch(_MISSING, sizes)]

    def _check_row(self, row: Any, copy: str | None) -> list[SignedState | Finding]:
        """Check the note of a row, its time, and its copy."""
        size = row["size"]
        state = self._verify_note(row["note"], size, "in the table")
        results: list[SignedState | Finding] = [state]
        if isinstance(state, SignedState) and abs(in_utc(row["at"]) - state.at) >= SECOND:
            sentence = f"the checkpoint of {size} entries was not signed when its row says"
            results.append(Finding("checkpoint", sentence, size))
        if self._outside and copy is None:
            sentence = f"the checkpoint of {size} entries is not kept outside"
            results.append(Finding("outside", sentence, size))
        elif copy is not None and copy != row["note"]:
            results.append(self._verify_note(copy, size, "kept outside"))
        return results

    async def _read_copies(self, rows: Sequence[Any]) -> list[str | None]:
        return await asyncio.gather(*(self._read_copy(row["size"]) for row in rows))

    async def _read_copy(self, size: int) -> str | None:
        """Return the copy of a checkpoint; None if there is none. A forged row may be of a size
        that no object can have."""
        if self._outside is None or size < 0:
            return None
        try:
            pieces = [
                piece async for piece in await self._outside.read(object_store.checkpoint_key(size))
            ]
        except ObjectNotFound:
            return None
        return b"".join(pieces).decode(errors="replace")

    def _verify_note(self, note: str, size: int, where: str) -> SignedState | Finding:
        try:
            checkpoint = self._verify_signature(note, size)
        except InvalidNote as error:
            return Finding("checkpoint", f"the checkpoint of {size} entries {where}: {error}", size)
        if checkpoint.size != size:
            sentence = f"the checkpoint of {size} entries {where} is one of {checkpoint.size}"
            return Finding("checkpoint", sentence, size)
        return SignedState(
            size, checkpoint.root, f"{where}, {checkpoint.at:%Y-%m-%d %H:%M:%S}Z", checkpoint.at
        )

    def _verify_signature(self, note: str, size: int) -> Checkpoint:
        """Read a note that is signed with the key of now, or with an earlier one where that had
        not signed yet. Raises InvalidNote."""
        origin, current = self._trust.origin, self._trust.public_key
        if not self._trust.earlier or is_signed_with(note, origin, current):
            checkpoint = signed_note.verify_note(note, origin, current)
            if self.first_of_key is None or size < self.first_of_key:
                self.first_of_key = size
            return checkpoint
        for key in self._trust.earlier:
            if is_signed_with(note, origin, key):
                if self.first_of_key is not None and size > self.first_of_key:
                    raise InvalidNote("it is signed with an earlier key, after a newer one was")
                return signed_note.read_note(note)
        raise InvalidNote("no signature on it is of these keys")


_ROWS = """
select size, at, note from archiver.checkpoint where size between $1 and $2 order by size limit $3
"""

_MISSING = """
select size from unnest($1::bigint[]) as kept (size)
where not exists (select from archiver.checkpoint c where c.size = kept.size)
"""
