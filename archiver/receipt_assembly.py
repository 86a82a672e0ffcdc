"""Reassemble a webhook body, as it was signed, from its remainder and its segments."""

from collections import defaultdict
from collections.abc import Sequence
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
    rows = list(decrypt_rows(await connection.fetch(_PIECES, [receipt]), keys))
    if not any(row["id"] == receipt for row in rows):
        raise SegmentsDestroyed(NO_RECEIPT)
    body = _assemble(rows, receipt)
    if body is None:
        raise SegmentsDestroyed("not every piece of it is there")
    return body


async def assemble_bodies(
    connection: Connection, keys: KeyStore, receipts: Sequence[UUID]
) -> dict[UUID, AssembledBody]:
    """Reassemble the bodies of these receipts; those of which a part was destroyed are left out."""
    rows = list(decrypt_rows(await connection.fetch(_PIECES, receipts), keys))
    of_receipt: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        of_receipt[row["id"] if row["kind"] == "receipt" else row["receipt"]].append(row)
    found = ((receipt, _assemble(of_receipt[receipt], receipt)) for receipt in receipts)
    return {receipt: body for receipt, body in found if body is not None}


def _assemble(rows: Sequence[dict[str, Any]], receipt: UUID) -> AssembledBody | None:
    """Join the pieces of a body; None if the remainder or a piece is missing."""
    row = next((row for row in rows if row["id"] == receipt), None)
    if row is None:
        return None
    remainder = msgspec.json.decode(row["data"], type=BodyRemainder)
    body = join_body(SegmentedBody(row["raw"], remainder.holes), _pieces(rows, receipt))
    return AssembledBody(body, remainder) if body is not None else None


async def find_places(connection: Connection, receipt: UUID) -> list[tuple[str, str]]:
    """Return the municipality and department of each item that came in a receipt."""
    return [tuple(row) for row in await connection.fetch(_PLACES, receipt)]


def _pieces(rows: Sequence[dict[str, Any]], receipt: UUID) -> dict[tuple[int, str], bytes]:
    pieces: dict[tuple[int, str], bytes] = {}
    for row in rows:
        if row["id"] != receipt:
            pieces[row["item"], ITEM] = row["raw"]
            pieces[row["item"], CONTACT] = row["contact"]
    return pieces


_PIECES = f"""{RECORDS}
where (e.id = any($1::uuid[]) and e.kind = 'receipt')
    or (e.receipt = any($1::uuid[]) and e.item is not null)
"""
_PLACES = """
select distinct tenant, department from archiver.entry where receipt = $1 and item is not null
"""
