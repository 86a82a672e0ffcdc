"""What was signed of the log: in the table, and as it is kept where the database's administrator
cannot write. A signature each, held against its row and against its copy; memory stays flat."""

import asyncio
import re
from array import array
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from archiver.audit.log_walk import Finding, SignedState
from archiver.encryption import signed_note
from archiver.encryption.signed_note import InvalidNote
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Connection

NAME = re.compile(r"[0-9]{20}")
"""Of one that is kept outside; whatever else lies there is somebody's."""
SECOND = timedelta(seconds=1)
"""A note says when it was signed to the second."""
AT_ONCE, READ = 1000, 16
"""In memory, some 1 KB each; and read at a time from outside."""
GONE = 1000
"""Of those that are kept outside alone, that are looked at."""
FIRST, LAST = -(2**63), 2**63 - 1
"""Whatever sizes somebody may have put into the table."""


class Trust(msgspec.Struct, frozen=True):
    """Whose signature counts."""

    origin: str
    public_key: bytes


class Checkpoints:
    """`outside` is where copies are kept, if it is to be looked at."""

    def __init__(self, connection: Connection, trust: Trust, outside: ObjectStore | None) -> None:
        self._connection, self._trust, self._first = connection, trust, FIRST
        self._outside = outside
        self._names = array("q")
        """Sizes of those that are kept outside."""

    async def list_outside(self) -> None:
        """Before anything is asked of the database: what is signed after that moment is not missed
        there. 8 bytes each. Away."""
        if self._outside is None:
            return
        async for key in self._outside.keys("checkpoint"):
            name = key.rpartition("/")[2]
            if NAME.fullmatch(name) and (size := int(name)) <= LAST:
                self._names.append(size)

    def since(self, first: int) -> None:
        """From this size on only."""
        self._first = first

    async def between(self, first: int, last: int = LAST) -> AsyncIterator[SignedState | Finding]:
        """Of these sizes, in order: each that is signed as it should be, and what is wrong. Away
        where the store outside does not answer."""
        first = max(first, self._first)
        while rows := await self._connection.fetch(_ROWS, first, last, AT_ONCE):
            for start in range(0, len(rows), READ):
                some = rows[start : start + READ]
                for row, copy in zip(some, await self._copies(some), strict=True):
                    for one in self._held(row, copy):
                        yield one
            if (first := rows[-1]["size"] + 1) > last:
                return

    async def gone(self) -> AsyncIterator[SignedState | Finding]:
        """Those that are kept outside and are not in the table. Away."""
        for size in await self._without_a_row():
            sentence = f"the checkpoint of {size} entries is kept outside and gone from its table"
            yield Finding("checkpoint", sentence, size)
            if note := await self._copy(size):
                yield self._trusted(note, size, "kept outside")

    async def _without_a_row(self) -> list[int]:
        found: list[int] = []
        for start in range(0, len(self._names), AT_ONCE):
            some = [n for n in self._names[start : start + AT_ONCE] if n >= self._first]
            found += await self._missing(some)
        return sorted(found)[:GONE]

    async def _missing(self, sizes: Sequence[int]) -> list[int]:
        return [row["size"] for row in await self._connection.fetch(_MISSING, sizes)]

    def _held(self, row: Any, copy: str | None) -> list[SignedState | Finding]:
        """A row against what it says itself, and against its copy."""
        size = row["size"]
        made = self._trusted(row["note"], size, "in the table")
        found: list[SignedState | Finding] = [made]
        if isinstance(made, SignedState) and abs(row["at"] - made.at) >= SECOND:
            sentence = f"the checkpoint of {size} entries was not signed when its row says"
            found.append(Finding("checkpoint", sentence, size))
        if self._outside and copy is None:
            sentence = f"the checkpoint of {size} entries is not kept outside"
            found.append(Finding("outside", sentence, size))
        elif copy is not None and copy != row["note"]:
            found.append(self._trusted(copy, size, "kept outside"))
        return found

    async def _copies(self, rows: Sequence[Any]) -> list[str | None]:
        return await asyncio.gather(*(self._copy(row["size"]) for row in rows))

    async def _copy(self, size: int) -> str | None:
        """None where there is none."""
        if self._outside is None:
            return None
        try:
            pieces = [
                piece async for piece in await self._outside.read(object_store.checkpoint_key(size))
            ]
        except ObjectNotFound:
            return None
        return b"".join(pieces).decode(errors="replace")

    def _trusted(self, note: str, size: int, where: str) -> SignedState | Finding:
        try:
            made = signed_note.verify_note(note, self._trust.origin, self._trust.public_key)
        except InvalidNote as error:
            return Finding("checkpoint", f"the checkpoint of {size} entries {where}: {error}", size)
        if made.size != size:
            sentence = f"the checkpoint of {size} entries {where} is one of {made.size}"
            return Finding("checkpoint", sentence, size)
        return SignedState(size, made.root, f"{where}, {made.at:%Y-%m-%d %H:%M:%S}Z", made.at)


_ROWS = """
select size, at, note from archiver.checkpoint where size between $1 and $2 order by size limit $3
"""

_MISSING = """
select size from unnest($1::bigint[]) as kept (size)
where not exists (select from archiver.checkpoint c where c.size = kept.size)
"""
