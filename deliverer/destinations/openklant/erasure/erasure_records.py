"""Erasures in Open Klant that ended, on their way to the record: the declaration of their list was
made before, and named them as waiting."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from services.contract import Record
from services.ids import uuid7
from services.postgres.database import Pool
from services.postgres.outbox import Outbox

KIND = "destruction-list"
"""Kind of the records of a list."""
MACHINE = "postkamer"


class ContactsDestroyed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Step of a list: an Open Klant has no more of it than what is named here."""

    list: str
    event: str = "contacts_destroyed"
    by: str = MACHINE
    destination: str
    contacts: int
    conversations: int
    kept: Sequence[str] = ()
    """At most 100 objects that stay there, as `resource/uuid reason`."""
    kept_count: int = 0


def erasure_outbox(pool: Pool) -> Outbox[Record]:
    """Return the ends that the record lacks, one for each list and Open Klant."""

    async def fetch(limit: int, suspended: Sequence[str]) -> list[Record]:
        rows = await pool.fetch(_ENDED, limit)
        return [erasure_record(row) for row in rows if row["tenant"] not in suspended]

    async def mark(records: Sequence[Record]) -> None:
        for record in records:
            step = msgspec.json.decode(record.data, type=ContactsDestroyed)
            await pool.execute(_TOLD, record.tenant, step.list, step.destination, record.at)

    return Outbox("contact erasures", fetch, mark, _tenant, POLL_SECONDS, _WAITS)


POLL_SECONDS = 10.0
"""Interval of looks: erasures that ended wait for the others of their list."""


def _tenant(record: Record) -> str:
    return record.tenant


def erasure_record(row: Any) -> Record:
    """Return the record of an end. Its id is the same however often it is published."""
    name = f"{row['tenant']} {row['list']} {row['destination']}"
    chance = hashlib.blake2b(name.encode(), digest_size=10).digest()
    step = ContactsDestroyed(
        list=row["list"],
        destination=row["destination"],
        contacts=row["contacts"],
        conversations=row["conversations"],
        kept=row["kept"] or [],
        kept_count=row["kept_count"],
    )
    return Record(
        id=uuid7(row["ended_at"], chance),
        kind=KIND,
        at=row["ended_at"],
        tenant=row["tenant"],
        data=msgspec.json.encode(step),
    )


_ENDED = "select * from deliverer.ended_contact_erasures($1)"
_WAITS = (
    "select true from deliverer.contact_erasure where ended_at is not null and not told limit 1"
)
_TOLD = """
update deliverer.contact_erasure set told = true
where tenant = $1 and list = $2 and destination = $3 and ended_at <= $4
"""
