"""Read receipts to send, in PostgreSQL: the newest of each citizen of a number."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from deliverer.meta import ledger_sql
from services.postgres.database import Pool
from services.postgres.shut_rows import ShutRows
from services.sealing.columns import WAMID, bind
from services.sealing.key_ring import RING
from services.trial import TrialState

LEASE_SECONDS = 45
"""Lease on a claimed receipt: longer than an attempt (5 s) and writing its result (30 s)."""
TYPING_SECONDS = 25
"""Time that Meta shows a typing indicator. A later one would no longer be true."""
EXPIRY_SECONDS = 600
"""Time during which a receipt is tried. After it, the answer itself tells the citizen more."""


class ReadReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Read receipt claimed for an attempt."""

    number: str
    person: UUID
    id: UUID
    wamid: str
    attempt: int
    typing: bool
    trial: TrialState = ""
    """Trial of its number, on record."""
    is_guest: bool = False
    """True if its citizen is a guest of that trial."""


class ReadReceiptStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._shut = ShutRows("deliverer.mark")

    async def claim(self, rooms: Mapping[str, int], limit: int) -> list[ReadReceipt]:
        """Claim receipts that are due; `rooms` limits those of each number. One that does not open
        stays until it expires."""
        capacities = list(rooms), list(rooms.values())
        rows = await self._pool.fetch(
            ledger_sql.CLAIM_READ_RECEIPTS, *capacities, LEASE_SECONDS, TYPING_SECONDS, limit
        )
        return await self._shut.open_others(rows, _read_row)

    async def reschedule(self, receipt: ReadReceipt, seconds: float) -> None:
        """Retry the receipt later, unless a newer one has replaced it."""
        await self._pool.execute(
            ledger_sql.RESCHEDULE_READ_RECEIPT, receipt.number, receipt.person, receipt.id, seconds
        )

    async def delete(self, receipt: ReadReceipt) -> None:
        """Delete a receipt that was accepted, refused or given up."""
        await self._pool.execute(
            ledger_sql.DELETE_READ_RECEIPT, receipt.number, receipt.person, receipt.id
        )

    async def delete_overdue(self) -> list[str]:
        """Delete expired receipts; return the number of each."""
        rows = await self._pool.fetch(ledger_sql.DELETE_OVERDUE_READ_RECEIPTS, EXPIRY_SECONDS)
        return [row["number"] for row in rows]


def _read_row(row: Any) -> ReadReceipt:
    bound = bind(row["number"], row["person"], row["id"])
    return ReadReceipt(**{**row, "wamid": RING.unseal_text(row["wamid"], WAMID, bound)})
