"""The deliverer as a process: an engine for each destination, the ledger's sender and relay."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from deliverer import cloudevents
from deliverer.engine import FRAMES, Engine, Kind
from deliverer.ledger import Ledger
from deliverer.outbound import WINDOW, Outbound
from deliverer.sender import sending
from deliverer.settlements import Settlements
from services import clock, observe, topology
from services.batcher import Bounds, batching
from services.broker import Publisher, linked
from services.config import Config, Destination
from services.consumer import Consumer, consuming
from services.database import connected, until_it_answers
from services.http import operations, serve
from services.lifecycle import first_to_end, obstacles
from services.partitions import Partitions
from services.settings import DelivererSettings, SettingsError, read
from services.tasks import beside

POOL_SIZE = 16
"""Connections to PostgreSQL: for each destination, the ledger, the relay, and some room."""
SETTLE = Bounds(pace=0.020)
"""Deliveries are written down every 20 ms: their envelope waits for it, no citizen does."""
KINDS: dict[str, Kind] = {"cloudevents": cloudevents}


def keys(config: Config, environ: Mapping[str, str]) -> dict[str, bytes]:
    """Destination -> signing key. SettingsError with every secret that is missing or wrong."""
    found: dict[str, bytes] = {}
    faults: list[str] = []
    for destination in config.destinations:
        name = destination.secret.removeprefix("env:")
        try:
            secret = (
                read(name, environ) if destination.secret.startswith("env:") else destination.secret
            )
            if not secret:
                raise ValueError("is missing")
            found[destination.id] = cloudevents.key_of(secret)
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else str(error)
            faults.append(f"{name or 'secret'} (destination {destination.id}): {what}")
    if faults:
        raise SettingsError(faults)
    return found


@asynccontextmanager
async def deliverer(
    settings: DelivererSettings, config: Config, keys: Mapping[str, bytes]
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    amqp = settings.amqp_url.get_secret_value()
    url = settings.database_url.get_secret_value()
    table = topology.queues(config.partitions, [d.id for d in config.destinations])
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(connected(url, "postkamer-deliverer", POOL_SIZE))
        outgoing = await enter(linked(amqp, "deliverer publishes"))
        incoming = await enter(linked(amqp, "deliverer consumes"))
        settlements = Settlements(pool, Publisher(outgoing, topology.ARCHIVE))
        consumers: list[Consumer] = []
        tasks: list[asyncio.Task[None]] = [outgoing.task, incoming.task]
        for queue, destination in zip(
            (q for q in table if q.kind == "destination"), config.destinations, strict=True
        ):
            settle = await enter(batching(settlements.write, SETTLE))
            poster = await enter(sending(destination.window))
            engine = Engine(
                destination,
                keys[destination.id],
                KINDS[destination.kind],
                poster,
                settlements,
                settle,
            )
            consumer = await enter(consuming(incoming, queue, FRAMES, engine.work))
            consumers.append(consumer)
            tasks += [settle.task, consumer.task]
        outbound = Outbound(
            Ledger(pool),
            await enter(sending(WINDOW)),
            settings.meta_graph_url,
            settings.meta_access_token.get_secret_value(),
            Partitions(outgoing, clock.new_id(), config.partitions),
        )
        for work in (outbound.relay(), outbound.sweep(), outbound.send()):
            tasks.append(await enter(beside(work)))
        tasks.append(await enter(beside(_count_parked(settlements, config.destinations))))
        app = operations(lambda: obstacles(pool, consumers))
        await enter(serve(app, settings.bind, settings.deliverer_ops_port))
        yield first_to_end(*tasks)


COUNT_SECONDS = 30.0
"""Between two counts of what is parked."""


async def _count_parked(settlements: Settlements, destinations: tuple[Destination, ...]) -> None:
    while True:
        for destination in destinations:
            count = await until_it_answers(partial(settlements.parked, destination.id), "parked")
            observe.parked.labels(queue=destination.id).set(count)
        await asyncio.sleep(COUNT_SECONDS)
