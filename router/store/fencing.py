"""Fencing: only the router with the newest epoch of a partition writes for it, and nothing about a
conversation that was destroyed meanwhile."""

from router.model.snapshot import Relied
from services.postgres.database import Connection


class PartitionFenced(Exception):
    """Another router has taken over the partition: nothing was written."""


class ConversationForgotten(Exception):
    """A conversation or a person on which a decision rests was destroyed since they were read:
    nothing was written. Decide again."""


async def check_relied(connection: Connection, relied: Relied) -> None:
    """Keep what the decisions rest on from being destroyed until the transaction ends. A
    destruction in progress is waited for. Raises ConversationForgotten."""
    if not (relied.conversations or relied.people):
        return
    counts = await connection.fetchrow(LOCK_RELIED, relied.conversations, relied.people)
    assert counts
    if tuple(counts) != (len(relied.conversations), len(relied.people)):
        raise ConversationForgotten


async def check_epoch(connection: Connection, partition: int, epoch: int) -> int:
    """Keep the epoch from changing until the transaction ends, and return the transaction's id.

    Raises PartitionFenced when this router has lost the partition.
    """
    lease = await connection.fetchrow(SELECT_LEASE, partition)
    if lease is None or lease["epoch"] != epoch:
        raise PartitionFenced
    return int(lease["transaction"])


# In the order in which router.forget locks them. Others may change the rows, and none deletes them.
LOCK_RELIED = """
with conversations as materialized (
    select id from router.conversation where id = any($1::text[]) order by id for key share
), names as materialized (
    select person from router.identity where person = any($2::uuid[]) and valid_to is null
    order by person, kind, hash for key share
)
select (select count(*) from conversations), (select count(distinct person) from names)
"""

SELECT_LEASE = """
select epoch, pg_current_xact_id()::text::bigint as transaction
from router.lease where partition = $1 for share
"""
