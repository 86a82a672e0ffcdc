"""Actions of owners by the API (`gateway.destinations`) on their way to the record."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from services.contract import Record
from services.postgres.database import Pool
from services.postgres.outbox import Outbox


def owner_action_outbox(pool: Pool) -> Outbox[Record]:
    """Return the actions that wait; those that were published are deleted."""

    async def fetch(limit: int, suspended: Sequence[str]) -> list[Record]:
        return [owner_record(row) for row in await pool.fetch(_SELECT, limit, suspended)]

    async def delete(records: Sequence[Record]) -> None:
        await pool.execute(_DELETE, [record.id for record in records])

    return Outbox("owner actions", fetch, delete, attrgetter("tenant"), waits=_WAITS)


def owner_record(row: Any) -> Record:
    """Return the record of an action, of the kind that actions of operators have."""
    about = {"what": row["what"], "about": row["destination"]}
    data = msgspec.json.decode(row["data"]) | about
    return Record(
        id=row["id"],
        kind="operation",
        at=row["at"],
        tenant=row["tenant"],
        data=msgspec.json.encode(data),
    )


_SELECT = """
select id, at, tenant, destination, what, data from deliverer.owner_action
where tenant <> all($2::text[]) order by id limit $1
"""
_WAITS = "select true from deliverer.owner_action order by id limit 1"
_DELETE = "delete from deliverer.owner_action where id = any($1::uuid[])"
"""Each with its id, so that an action that comes meanwhile stays."""
