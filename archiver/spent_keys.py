"""Working keys under which nothing lies any more are destroyed.

The broker's files and the back-ups of the database have what was sealed under them for longer. The
key of a queue goes once every queue was empty after the last day on which it could seal, the key of
a table once no row is sealed under it. Every queue is one of the configuration, or one that
reported before: messages stay in the queue of a removed destination, and a new destination may not
be known here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import msgspec
import structlog

from services import clock, metrics
from services.amqp.queue_status import QueueLength
from services.config.terms import Terms
from services.keys.working_keys import rewrap
from services.postgres.database import RAISED, Pool, retry_while_unavailable
from services.sealing.key_ring import DAILY, SEALS_DAYS, Kind

LOOK_SECONDS = 6 * 3600.0
"""Pause between looks. Keys end by the day, and a term by the round of clearing, which is as long.
"""
AGAIN_SECONDS = 300.0
"""Pause after a look that failed: a database that starts again takes less."""
READ_SECONDS = 600.0
"""Time limit of reading all sealed columns: 2 s for 400,000 conversations."""
STATUS_DAYS = 90
"""Days after which no citizen reads a message any more: the term of a conversation counts from the
last status of its messages."""
LASTING = frozenset({"router.consent", "deliverer.secret", "deliverer.internetaak"})
"""Tables with rows that are sealed once, and needed for as long as they are in force."""

log = structlog.get_logger()


class Key(msgspec.Struct, frozen=True):
    """Working key of a day that is not destroyed."""

    id: bytes
    kind: Kind
    day: date


AskLengths = Callable[[Sequence[str]], Awaitable[Sequence[QueueLength]]]
"""Asks the broker for the lengths of these queues."""
Holders = Mapping[bytes, Collection[str]]
"""Tables by the id of the key of which they have rows."""


async def keep_working_keys(
    pool: Pool,
    masters: Sequence[bytes],
    queues: Callable[[], Collection[str]],
    ask_lengths: AskLengths,
    terms: Terms,
) -> None:
    """Put all keys under the newest master, and destroy spent ones, for as long as the service
    runs. `queues` returns all that hold messages by the configuration in force. A look that
    fails does not end the archiver: an alarm sees that keys grow old."""
    while True:
        if count := await retry_while_unavailable(partial(rewrap, pool, masters), "working keys"):
            log.info("keys.rewrapped", count=count)
        try:
            await look_at_removed_queues(pool, queues(), ask_lengths)
            await destroy_spent_keys(pool, queues(), clock.now().date(), terms)
        except Exception as error:
            metrics.working_key_failures.inc()
            log.error("keys.not_destroyed", exc_info=error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            await asyncio.sleep(LOOK_SECONDS)


async def look_at_removed_queues(
    pool: Pool, configured: Collection[str], ask_lengths: AskLengths
) -> None:
    """Note which of the queues that are not in the configuration are empty, and forget those that
    the broker does not have. Nobody else may report them, and they would hold keys for ever."""
    now = await pool.fetchval("select now()")  # before the broker is asked
    names = [row["queue"] for row in await pool.fetch(_REMOVED, list(configured))]
    lengths = await ask_lengths(names) if names else []
    gone = [each.name for each in lengths if each.fault]
    # Without a consumer no message is in hand.
    empty = [each.name for each in lengths if not (each.fault or each.ready or each.consumers)]
    await pool.execute(_FORGET, gone, now)
    await pool.execute(_NOTE_EMPTY, empty, now)


async def destroy_spent_keys(pool: Pool, queues: Collection[str], today: date, terms: Terms) -> int:
    """Destroy the keys that nothing needs, and tell how old the others are; return how many."""
    keys = [Key(**dict(row)) for row in await pool.fetch(_KEYS)]
    old = [key for key in keys if _last_use(key.day) <= _midnight(today)]
    drained = await pool.fetchval(_DRAINED, list(queues))
    holders = await _find_holders(pool, [key.id for key in old if key.kind == "table"])
    spent = spent_keys(old, drained, holders)
    if spent and not await _destroy(pool, spent):
        spent = []
    _show([key for key in keys if key.id not in spent], holders, terms)
    return len(spent)


async def _find_holders(pool: Pool, ids: Sequence[bytes]) -> Holders:
    """Return tables that need these keys. All columns are read only if there are keys that are not
    found at once, mostly one a day; a key is spent only by that."""
    near = [(row["id"], row["holder"]) for row in await pool.fetch(_NEAR_HOLDERS, ids)]
    far = list(set(ids) - {id for id, _ in near})
    rows = await pool.fetch(_HOLDERS, far, timeout=READ_SECONDS) if far else []
    holders: dict[bytes, set[str]] = {}
    for id, holder in [*near, *((row["id"], row["holder"]) for row in rows)]:
        holders.setdefault(id, set()).add(holder)
    return holders


async def _destroy(pool: Pool, ids: Sequence[bytes]) -> bool:
    """Destroy these keys; return False if the database refuses what only a wrong clock asks for."""
    try:
        await pool.execute(_DESTROY, ids)
    except RAISED as error:
        metrics.working_key_failures.inc()
        log.error("keys.refused", reason=str(error))
        return False
    log.info("keys.destroyed", count=len(ids))
    return True


def spent_keys(old: Sequence[Key], drained: datetime | None, holders: Holders) -> list[bytes]:
    """Return which of these keys nothing needs. All queues were empty at `drained`, or later; None
    if one never was. Pure."""
    queue = [k.id for k in old if k.kind == "queue" and drained and drained > _last_use(k.day)]
    return queue + [k.id for k in old if k.kind == "table" and k.id not in holders]


def due_at(key: Key, holders: Holders, terms: Terms) -> datetime | None:
    """Return when this key is to be destroyed at the latest, by what the operators were told; None
    if a row in force needs it. The term of conversations is the longest one. Pure."""
    if key.kind == "queue":
        return _last_use(key.day)
    if not LASTING.isdisjoint(holders.get(key.id, ())):
        return None
    return _last_use(key.day) + timedelta(days=terms.conversation_days + STATUS_DAYS)


def _show(keys: Sequence[Key], holders: Holders, terms: Terms) -> None:
    """Tell how old the keys of each kind are. A key of today there always is."""
    for kind in DAILY:
        kept = [key for key in keys if key.kind == kind]
        due = [at for key in kept if (at := due_at(key, holders, terms))]
        if kept and due:
            oldest = _midnight(min(key.day for key in kept))
            metrics.working_key_oldest.labels(kind).set(oldest.timestamp())
            metrics.working_key_due.labels(kind).set(min(due).timestamp())


def _last_use(day: date) -> datetime:
    """Return the time after which no process seals with the key of a day."""
    return _midnight(day + timedelta(SEALS_DAYS + 1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


_KEYS = """
select id, kind, day from sealing.working_key where kind <> 'standing' and wrapped is not null
"""

# The earliest of the times at which each queue was last seen empty; null if one never was.
_DRAINED = """
select case when bool_and(drained is not null) then min(drained) end from (
    select max(c.drained_at) as drained
    from unnest($1::text[]) q (name) full join balance.consumer c on c.queue = q.name
    group by coalesce(q.name, c.queue)) each
"""

_REMOVED = "select distinct queue from balance.consumer where queue <> all($1::text[])"
_FORGET = "delete from balance.consumer where queue = any($1::text[]) and seen_at < $2"
_NOTE_EMPTY = "update balance.consumer set drained_at = $2 where queue = any($1::text[])"

_NEAR_HOLDERS = "select id, holder from sealing.near_key_holders($1)"
_HOLDERS = "select id, holder from sealing.key_holders($1)"

_DESTROY = """
update sealing.working_key set wrapped = null, destroyed_at = now() where id = any($1::bytea[])
"""
