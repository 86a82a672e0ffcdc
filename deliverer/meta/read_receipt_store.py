"""What citizens are to be shown as read, in PostgreSQL: for each of a number's the newest."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from deliverer.meta import ledger_sql
from services.postgres.database import Pool

LEASE_SECONDS = 45
"""For which nobody else takes one that was claimed: longer than an attempt takes (5 s) and its
result takes to be written (30 s)."""
TYPING_SECONDS = 25
"""For which Meta shows that somebody types. Later it would no longer be true."""
TERM_SECONDS = 600
"""For which a mark is tried. Whoever still wonders then is told more by the answer."""


class ReadReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One, claimed for an attempt."""

    number: str
    person: UUID
    id: UUID
    wamid: str
    attempt: int
    typing: bool


class ReadReceiptStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, rooms: Mapping[str, int], limit: int) -> list[ReadReceipt]:
        """Those that are due, of each number at most so many."""
        of_each = list(rooms), list(rooms.values())
        rows = await self._pool.fetch(
            ledger_sql.CLAIM_MARKS, *of_each, LEASE_SECONDS, TYPING_SECONDS, limit
        )
        return [ReadReceipt(**row) for row in rows]

    async def reschedule(self, mark: ReadReceipt, seconds: float) -> None:
        """Try it again, unless a newer one has taken its place."""
        await self._pool.execute(ledger_sql.MARK_LATER, mark.number, mark.person, mark.id, seconds)

    async def delete(self, mark: ReadReceipt) -> None:
        """It is there, or never will be."""
        await self._pool.execute(ledger_sql.MARK_GONE, mark.number, mark.person, mark.id)

    async def overdue(self) -> list[str]:
        """Let go of what nobody needs to be shown any more; the number of each."""
        rows = await self._pool.fetch(ledger_sql.MARKS_OVERDUE, TERM_SECONDS)
        return [row["number"] for row in rows]
