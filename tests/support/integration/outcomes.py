"""Outcomes of messages as the deliverer stored them for the router."""

import msgspec

from services.contract import SendOutcome
from services.postgres.database import Pool
from services.sealing.columns import OUTCOME, bind
from services.sealing.key_ring import RING

_decode = msgspec.msgpack.Decoder(SendOutcome).decode


def open_outcome(id: object, number: str, body: bytes) -> SendOutcome:
    """Return the outcome of a row."""
    return _decode(RING.unseal(body, OUTCOME, bind(id, number)))


async def stored_outcomes(pool: Pool, order: str = "position") -> list[SendOutcome]:
    """Return all outcomes, also those that are published."""
    rows = await pool.fetch(f"select id, number, body from deliverer.outcome order by {order}")
    return [open_outcome(*row) for row in rows]
