"""Refusals of tokens of the table where nobody can read the record: in the gateway.

The archiver, which can, writes the names of those that it refuses: in rows, for people, and in a
list with its time and a keyed hash. Somebody who may write the database can keep both from
arriving. So a list that is old means that nobody looked, and then no token counts that is new
since. The others go on, because an archiver that is down for hours must not shut out the CRMs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any, NamedTuple, TypeAlias

import msgspec
import structlog

from services import clock, metrics
from services.http.token_mac import is_genuine
from services.postgres.database import Pool
from services.postgres.times import clamp_time
from services.sealing.key_ring import RING, KeyRing

LIST_SECONDS = 120
"""Age from which a list says nothing of tokens that came after it: the archiver writes one each
TELL_SECONDS, and starts again within a minute."""
TELL_SECONDS = 10.0
"""Interval between two lists of the same names: a small row."""
SETTLED_SECONDS = 90
"""Time after which a token was looked at: the archiver waits a minute for an entry that is on its
way, and its clock may differ."""
USE = "told tokens"

log = structlog.get_logger()


Row: TypeAlias = Any
"""Row by column name."""


class Standing(NamedTuple):
    """Names of tokens of the table that are refused, and of those that are told."""

    refused: Set[str]
    told: Set[str]


Judge = Callable[[Sequence[Mapping[str, Any]]], Awaitable[Standing]]
"""Function that says which rows of the table are refused."""


class ToldTokens(msgspec.Struct, frozen=True):
    """Names of tokens that the archiver refused at a time."""

    at: datetime
    names: frozenset[str]


def told_mac(told: ToldTokens, ring: KeyRing) -> bytes:
    """Return the keyed hash of a list, 32 bytes. Raises NoWorkingKey."""
    return ring.hash(msgspec.json.encode((told.at.timestamp(), sorted(told.names, key=str))), USE)


def read_told(row: Row, ring: KeyRing) -> ToldTokens | None:
    """Return the list of a row; None if no archiver of this installation wrote it. Raises
    NoWorkingKey."""
    told = ToldTokens(row["at"], frozenset(row["names"]))
    return told if compare_digest(row["mac"], told_mac(told, ring)) else None


class TableJudge:
    """Judges tokens by their rows and by the newest list that it saw."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._started = clock.now()
        self._told: ToldTokens | None = None
        self._seen: Mapping[bytes, datetime] | None = None
        """Keyed hash of a token's row -> when it was seen first; None before the first look."""
        self._is_old = False

    async def judge(self, rows: Sequence[Mapping[str, Any]]) -> Standing:
        """Refuse rows that a hand made, those that the archiver does not find on the record, and
        new ones while it says nothing."""
        await self._read_list()
        genuine = [row for row in rows if is_genuine(row, RING)]
        refused = {row["name"] for row in rows if row["is_refused"]}
        refused |= {row["name"] for row in rows} - {row["name"] for row in genuine}
        if self._told:
            refused |= self._told.names & {row["name"] for row in rows}
        self._note_seen(genuine)
        self._watch_age()
        return Standing(refused | self._find_unsettled(genuine), refused)

    async def _read_list(self) -> None:
        """Take the list of the table if it is newer: one of before can be put back."""
        row = await self._pool.fetchrow(READ_LIST)
        told = read_told(row, RING) if row else None
        if told and (self._told is None or told.at > self._told.at):
            self._told = told

    def _note_seen(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note new rows, and forget those that are gone: a revoked one that comes back is new.
        Those of the first look are none, or a gateway that starts without an archiver admits
        nobody."""
        seen, now = self._seen, clock.now()
        known, first = ({}, LONG_AGO) if seen is None else (seen, now)
        self._seen = {row["mac"]: known.get(row["mac"], first) for row in rows}

    def _watch_age(self) -> None:
        age = (clock.now() - (self._told.at if self._told else self._started)).total_seconds()
        metrics.token_list_age.set(max(age, 0))
        is_old = age > LIST_SECONDS
        if is_old and not self._is_old:
            log.error("tokens.list_old", seconds=round(age), reason=OLD)
        self._is_old = is_old

    def _find_unsettled(self, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return the names of tokens that nobody has looked at, if nobody looks any more."""
        if self._told is None or not self._is_old:
            return set()
        before, seen = self._told.at - timedelta(seconds=SETTLED_SECONDS), self._seen or {}
        return {row["name"] for row in rows if seen[row["mac"]] > before}


LONG_AGO = datetime.min.replace(tzinfo=UTC)
OLD = "no new list of refused tokens comes from the archiver"
READ_LIST = f"select {clamp_time('at')} as at, names, mac from access.told_tokens"
