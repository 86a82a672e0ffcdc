"""Publishing quarantined entries to their partitions again, for those that a person asked for.

An entry has one id for ever, so a repeat of the relay's is decided once.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from uuid import UUID

import msgspec
import structlog

from router.model.work import RoutingContext
from router.store.store import Store
from services import metrics
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.publisher import PublishUnconfirmed
from services.amqp.topology import partition_of
from services.config.model import Configuration
from services.contract import Entry, Receipt
from services.postgres.outbox import Outbox, Relay
from services.whatsapp.body import routing_keys

CONFIRM_SECONDS = 5.0
AT_ONCE = 16
"""Most entries in memory. Each may be a body of 4 MiB."""

log = structlog.get_logger()


class Retry(msgspec.Struct, frozen=True):
    """A row of the quarantine, and the entries that decide it again; None if this version cannot
    read them."""

    id: UUID
    entries: Sequence[Entry] | None


async def run_retries(
    store: Store,
    partitions: PartitionPublisher,
    context: Callable[[], Awaitable[RoutingContext]],
) -> None:
    """Publish the entries for as long as the service runs, and count what waits for a person."""

    async def fetch(limit: int, suspended: Sequence[str]) -> list[Retry]:
        metrics.quarantine.set(await store.count_quarantined())
        rows = await store.retries(min(limit, AT_ONCE), suspended)
        return [Retry(*row) for row in rows]

    async def publish(retries: Sequence[Retry]) -> list[Retry]:
        config = (await context()).config
        return [each for each in retries if await _publish(each, partitions, config)]

    async def mark(retries: Sequence[Retry]) -> None:
        await store.mark_retries_published([retry.id for retry in retries])

    await Relay(Outbox("retries", fetch, mark, lambda each: str(each.id)), publish).run()


async def _publish(retry: Retry, partitions: PartitionPublisher, config: Configuration) -> bool:
    if retry.entries is None:
        log.error("retry.unreadable", record=retry.id)
        return False
    parts = (
        part
        for entry in retry.entries
        for part in split_by_partition(entry, partitions.count, config)
    )
    for partition, part in parts:
        try:
            await partitions.publish(partition, [part], CONFIRM_SECONDS)
        except PublishUnconfirmed:
            log.warning("retry.untold", partition=partition)
            return False
    return True


def split_by_partition(
    entry: Entry, count: int, config: Configuration
) -> Iterator[tuple[int, Entry]]:
    """Yield the entry with each partition that has a number of it, by the numbers of now: the
    number may have been missing in the configuration when the entry was quarantined."""
    if not isinstance(entry, Receipt):
        yield partition_of(entry.number, count), entry
        return
    keys: dict[int, list[str]] = {}
    named = [key for key in entry.keys if key] or routing_keys(entry.body)
    for key in named or [str(entry.retry_of or entry.id)]:
        keys.setdefault(partition_of(config.number_id_for(key), count), []).append(key)
    first, *others = keys
    rest = [] if entry.keys and "" not in entry.keys else [""]
    yield first, msgspec.structs.replace(entry, keys=[*keys[first], *rest] if named else [])
    for partition in others:
        yield partition, msgspec.structs.replace(entry, keys=keys[partition])
