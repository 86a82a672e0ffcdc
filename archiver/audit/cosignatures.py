"""Check the co-signatures of witnesses: in the table, outside, and what a witness says itself.

A witness never co-signs two logs. So a co-signed checkpoint that is no beginning of this log shows
that somebody rewrote it, even with the signing key in hand; and where co-signatures are missing,
somebody has kept a witness from seeing the log.
"""

import asyncio
import re
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from archiver.audit.checkpoints import FIRST, LAST, READS
from archiver.audit.log_walk import Finding, SignedState
from archiver.log.accepted_loss import AcceptedLoss
from archiver.log.consistency_proof import root_of
from archiver.log.inclusion_proof import NotProvable
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Connection
from services.transparency.cosignature import Witness, verify_cosignature
from services.transparency.signed_note import (
    COSIGNATURE,
    InvalidNote,
    Key,
    TreeHead,
    read_head,
    read_key,
)

NAME = re.compile(r"([0-9]{20})-([0-9a-f]{8})")
"""Name of a copy outside: the size, and the id of the witness's key."""
MAX_WITNESSES = 256
"""Witnesses that are told apart in the list of copies."""
LARGEST = LAST // MAX_WITNESSES
WITNESSED_MINUTES = 15
"""Time within which witnesses normally co-sign, with ample margin."""
AT_ONCE = 1000
UNWATCHED = "unwatched"
"""Kind of a finding that accuses nobody: witnesses that are away may not have been reached."""


class Seen(msgspec.Struct, frozen=True):
    """Newest checkpoint of this log that a witness says it co-signed."""

    witness: Witness
    note: str


class WitnessOptions(msgspec.Struct, frozen=True):
    """Witnesses whose co-signatures are demanded."""

    witnesses: tuple[Witness, ...] = ()
    quorum: int = 0
    """Number of them that must have co-signed; 0 for all."""
    seen: tuple[Seen, ...] = ()
    away: tuple[Witness, ...] = ()
    """Those that did not answer, or have no address."""
    copies: "array[int]" = array("q")
    """Copies outside, from `list_copies`."""


async def list_copies(outside: ObjectStore, witnesses: Sequence[Witness]) -> "array[int]":
    """List the copies outside, 8 bytes each, in order of size. Call it before the database is read,
    or what is co-signed in between would seem to be missing there. Raises StoreUnavailable."""
    places = {each.key.id.hex(): n for n, each in enumerate(witnesses[:MAX_WITNESSES])}
    found = array("q")
    async for key in outside.keys("cosignature"):
        match = NAME.fullmatch(key.rpartition("/")[2])
        if match and match[2] in places and int(match[1]) < LARGEST:
            found.append(int(match[1]) * MAX_WITNESSES + places[match[2]])
    return array("q", sorted(found))


class Cosignatures:
    """Co-signatures on the checkpoints of a log, in a transaction that reads one snapshot."""

    def __init__(
        self,
        connection: Connection,
        origin: str,
        options: WitnessOptions,
        outside: ObjectStore | None,
        accepted: Sequence[AcceptedLoss] = (),
    ) -> None:
        self._connection, self._origin = connection, origin
        self._accepted = accepted
        self._options, self._outside = options, outside
        self._first = FIRST
        self._covered = dict.fromkeys(options.witnesses, -1)
        """Size up to which each witness co-signed this log."""

    def start_at(self, first: int) -> None:
        """Ignore co-signatures on checkpoints smaller than this size."""
        self._first = first

    async def read_range(
        self, first: int, last: int = LAST
    ) -> AsyncIterator[SignedState | Finding]:
        """Yield what is wrong with the co-signatures in a range of sizes, and the states that were
        co-signed and are not those of the table. Raises StoreUnavailable."""
        first = max(first, self._first)
        async for result in self._read_rows(first, last):
            yield result
        copies = self._options.copies
        start = bisect_left(copies, max(first, 0) * MAX_WITNESSES)
        end = len(copies) if last >= LARGEST else bisect_left(copies, (last + 1) * MAX_WITNESSES)
        for at in range(start, end, READS):
            async for result in self._check_copies(copies[at : min(at + READS, end)]):
                yield result

    async def _read_rows(self, first: int, last: int) -> AsyncIterator[SignedState | Finding]:
        start = (first, "")
        while rows := await self._connection.fetch(_ROWS, *start, last, AT_ONCE):
            for row in rows:
                if finding := self._check_row(row):
                    yield finding
            start = (rows[-1]["size"], rows[-1]["witness"])

    def _check_row(self, row: Any) -> Finding | None:
        """Check a row with the key that it names. Only those of witnesses that are given count."""
        size, key = row["size"], read_key(row["witness"], COSIGNATURE)
        what = f"the co-signature on {size} entries in the table"
        if row["note"] is None:
            return Finding("witness", f"{what}: the checkpoint is gone", size)
        try:
            self._count(row["note"] + row["line"], key, size)
        except InvalidNote as error:
            return Finding("witness", f"{what}: {error}", size)
        return None

    def _count(self, note: str, key: Key | None, size: int) -> TreeHead:
        """Check a co-signed note and count it. Raises InvalidNote."""
        if key is None:
            raise InvalidNote("its row names no key of a witness")
        verify_cosignature(note, key)
        head = read_head(note)
        if (head.origin, head.size) != (self._origin, size):
            raise InvalidNote("it is on another checkpoint")
        for witness in self._covered:
            if witness.key == key:
                self._covered[witness] = max(self._covered[witness], size)
        return head

    async def _check_copies(self, copies: Sequence[int]) -> AsyncIterator[SignedState | Finding]:
        sizes = [copy // MAX_WITNESSES for copy in copies]
        witnesses = [self._options.witnesses[copy % MAX_WITNESSES] for copy in copies]
        notes = await asyncio.gather(*map(self._read_copy, sizes, witnesses))
        verifiers = [each.verifier for each in witnesses]
        rows = await self._connection.fetch(_OF_COPIES, sizes, verifiers)
        for size, witness, note, row in zip(sizes, witnesses, notes, rows, strict=True):
            for result in self._check_copy(size, witness, note, row):
                yield result

    def _check_copy(
        self, size: int, witness: Witness, note: str, row: Any
    ) -> list[SignedState | Finding]:
        what = f"the checkpoint of {size} entries, co-signed by {witness.name} and kept outside"
        try:
            head = self._count(note, witness.key, size)
            at = verify_cosignature(note, witness.key)
        except InvalidNote as error:
            return [Finding("witness", f"{what}: {error}", size)]
        where = f"co-signed by {witness.name}, kept outside, {at:%Y-%m-%d %H:%M:%S}Z"
        state = SignedState(size, head.root, where, at, is_ours=False)
        if any(each.covers(state) for each in self._accepted):
            return []
        is_lost = any(each.lacks(at) for each in self._accepted)
        states: list[SignedState | Finding] = []
        if not row["is_there"] and not is_lost:
            states.append(Finding("witness", f"{what}, is gone from its table", size))
        if row["note"] is None or _root(row["note"]) != head.root:
            states.append(state)
        return states

    async def _read_copy(self, size: int, witness: Witness) -> str:
        """Return a copy; '' if it is gone since it was listed."""
        assert self._outside is not None  # or no copy is listed
        key = object_store.cosignature_key(size, witness.key.id.hex())
        try:
            pieces = [piece async for piece in await self._outside.read(key)]
        except ObjectNotFound:
            return ""
        return b"".join(pieces).decode(errors="replace")

    async def check_seen(self, log_size: int) -> AsyncIterator[SignedState | Finding]:
        """Hold the log against the newest checkpoint that each witness says it co-signed."""
        for seen in self._options.seen:
            name = seen.witness.name
            try:
                at = verify_cosignature(seen.note, seen.witness.key)
                head = read_head(seen.note)
                if head.origin != self._origin:
                    raise InvalidNote("it is of another log")
            except InvalidNote as error:
                yield Finding("witness", f"what {name} says it co-signed: {error}")
                continue
            if head.size > log_size:
                sentence = f"{name} co-signed {head.size} entries, and this log has {log_size}"
                yield Finding("witness", f"{sentence}: entries were removed", log_size)
            elif not await self._is_root(head):
                when = f"{at:%Y-%m-%d %H:%M:%S}Z"
                sentence = f"{name} co-signed another log of {head.size} entries on {when}"
                yield Finding("witness", f"{sentence}: this one was rewritten", head.size)
            else:
                self._count(seen.note, seen.witness.key, head.size)
            yield SignedState(head.size, head.root, f"as {name} says", at, is_ours=False)

    async def _is_root(self, head: TreeHead) -> bool:
        try:
            return await root_of(self._connection, head.size) == head.root
        except NotProvable:  # named as such by the walk
            return False

    async def check_covered(self) -> AsyncIterator[Finding]:
        """Report that too few witnesses co-signed what is older than a quarter of an hour. It is
        of the kind `UNWATCHED` if those that are away would make it enough."""
        size = await self._connection.fetchval(_OLDER, WITNESSED_MINUTES)
        missing = [each for each, covered in self._covered.items() if covered < (size or 0)]
        needed = self._options.quorum or len(self._covered)
        count = len(self._covered) - len(missing)
        if size and count < needed:
            sentence = f"{count} of {len(self._covered)} witnesses co-signed {size} entries"
            names = ", ".join(each.name for each in missing)
            away = sum(each in self._options.away for each in missing)
            kind = UNWATCHED if count + away >= needed else "unwitnessed"
            yield Finding(kind, f"{sentence}, {needed} must; not {names}", size)


def _root(note: str) -> bytes | None:
    try:
        return read_head(note).root
    except InvalidNote:
        return None


_ROWS = """
select s.size, s.witness, s.line, c.note
from archiver.cosignature s left join archiver.checkpoint c using (size)
where (s.size, s.witness) > ($1, $2) and s.size <= $3 order by s.size, s.witness limit $4
"""

_OF_COPIES = """
select c.note, exists (
    select from archiver.cosignature s where (s.size, s.witness) = (kept.size, kept.witness)
) as is_there
from unnest($1::bigint[], $2::text[]) with ordinality as kept (size, witness, n)
left join archiver.checkpoint c on c.size = kept.size order by kept.n
"""

# By the time of the row as well as by that of its entries: one of them may be forged.
_OLDER = """
select greatest(
    (select max(size) from archiver.checkpoint where at < now() - make_interval(mins => $1)),
    (select position + 1 from archiver.entry
        where written_at < now() - make_interval(mins => $1) order by position desc limit 1))
"""
