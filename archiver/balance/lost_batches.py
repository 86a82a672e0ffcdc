"""The last batches of a source that ended: published with a confirm, and not come to the router.

A batch is lost if the queue of its partition was drained after the source had told of it, and the
router knows of fewer. The router itself finds those before a batch that came (`router.gap`).
"""

from services.postgres.database import Connection


async def find_lost_batches(connection: Connection, consumer_seconds: float) -> None:
    """Mark the sources of which batches are lost, and clear those of which all came. A consumer
    that is silent for `consumer_seconds` has ended."""
    await connection.execute(_CLEAR)
    await connection.execute(_FORGET, KEEP_DAYS)
    await connection.execute(_MARK, consumer_seconds)


KEEP_DAYS = 7
"""Days after its last batch for which a source is compared. The router forgets it after eight."""

_NEXT = """
coalesce((select s.next from router.source s
    where (s.partition, s.source) = (p.partition, p.source)), 0)
"""
_CLEAR = f"""
update balance.published p set lost_at = null, lost_from = null
where lost_at is not null and next <= {_NEXT}
"""
_FORGET = """
delete from balance.published where lost_at is null and at < now() - make_interval(days => $1)
"""
_MARK = f"""
update balance.published p set lost_at = now(), lost_from = {_NEXT}
where lost_at is null and next > {_NEXT} and at < (
    select min(coalesce(c.drained_at, '-infinity')) from balance.consumer c
    where c.queue = 'router.partition.' || p.partition
        and c.seen_at > now() - make_interval(secs => $1))
"""
