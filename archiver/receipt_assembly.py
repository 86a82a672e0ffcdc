"""Reassemble a webhook body, as it was signed, from its remainder and its segments."""

from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection
from services.whatsapp.segments import CONTACT, ITEM, Gap, SegmentedBody, join_body


class BodyRemainder(msgspec.Struct, frozen=True):
    """Sealed data of a receipt: the webhook body without its segments, and how it arrived."""

    door: str
    proof: str
    signature: str
    holes: list[Gap]


class AssembledBody(msgspec.Struct, frozen=True):
    """Webhook body, and its remainder with the signature."""

    body: bytes
    remainder: BodyRemainder


class SegmentsDestroyed(Exception):
    """The body cannot be reassembled; the message says why."""


NO_RECEIPT = "there is no such receipt, or something of it was destroyed"


async def assemble_body(connection: Connection, keys: KeyStore, receipt: UUID) -> AssembledBody:
    """Reassemble the body of a receipt. Raises SegmentsDestroyed if any part was destroyed or there
    is no such receipt."""
    rows = list(decrypt_rows(await connection.fetch(_PIECES, receipt), keys))
    row = next((row for row in rows if row["id"] == receipt), None)
    if row is None:
        raise SegmentsDestroyed(NO_RECEIPT)
    remainder = msgspec.json.decode(row["data"], type=BodyRemainder)
    body = join_body(SegmentedBody(row["raw"], remainder.holes), _pieces(rows, receipt))
    if body is None:
        raise SegmentsDestroyed("not every piece of it is there")
    return AssembledBody(body, remainder)


async def find_places(connection: Connection, receipt: UUID) -> list[tuple[str, str]]:
    """Return the municipality and department of each item that came in a receipt."""
    return [tuple(row) for row in await connection.fetch(_PLACES, receipt)]


def _pieces(rows: list[dict[str, Any]], receipt: UUID) -> dict[tuple[int, str], bytes]:
    pieces: dict[tuple[int, str], bytes] = {}
    for row in rows:
        if row["id"] != receipt:
            pieces[row["item"], ITEM] = row["raw"]
            pieces[row["item"], CONTACT] = row["contact"]
    return pieces


_PIECES = f"""{RECORDS}
where (e.id = $1 and e.kind = 'receipt') or (e.receipt = $1 and e.item is not null)
"""
_PLACES = """
select distinct tenant, department from archiver.entry where receipt = $1 and item is not null
"""
