"""Outbox of destroyed conversations. Their receivers hear of it through the partition of the
number, behind everything else of the conversation."""

import hashlib
from collections.abc import Sequence
from typing import Any

from services.contract import ConversationDestroyed
from services.ids import uuid7
from services.postgres.database import Pool
from services.postgres.outbox import Outbox


def notice_outbox(pool: Pool) -> Outbox[ConversationDestroyed]:
    """Return the outbox, for a relay to the partitions."""

    async def fetch(limit: int, suspended: Sequence[str]) -> list[ConversationDestroyed]:
        return [_read_notice(row) for row in await pool.fetch(_UNPUBLISHED, limit, suspended)]

    async def mark(notices: Sequence[ConversationDestroyed]) -> None:
        places = [each.tenant for each in notices], [each.conversation for each in notices]
        await pool.execute(_DELETE, *places)

    return Outbox("destroyed", fetch, mark, waits=_WAITS)


def _read_notice(row: Any) -> ConversationDestroyed:
    """Return a notice. Its id is the same however often it is published."""
    name = f"{row['tenant']} {row['conversation']} {row['list']}"
    chance = hashlib.blake2b(name.encode(), digest_size=10).digest()
    return ConversationDestroyed(id=uuid7(row["at"], chance), **row)


_UNPUBLISHED = """
select tenant, conversation, number, departments, sequence, list, ground, at
from archiver.destruction_notice where number <> all($2::text[]) order by at, conversation limit $1
"""
_WAITS = "select true from archiver.destruction_notice order by at limit 1"
_DELETE = """
delete from archiver.destruction_notice n using unnest($1::text[], $2::text[]) d (tenant, id)
where n.tenant = d.tenant and n.conversation = d.id
"""
