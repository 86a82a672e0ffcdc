"""Kind `openklant`: contacts and tasks over HTTP, and a poller of the tasks done there, and the
erasure of what was destroyed."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from deliverer.crm.destination_kind import (
    Credentials,
    DestinationKind,
    Environ,
    ReceiverContext,
    RunningReceiver,
    Secrets,
    resolve_key,
)
from deliverer.destinations.openklant.client import OpenKlantClient, Sender, Server
from deliverer.destinations.openklant.desk.desk_store import DeskStore
from deliverer.destinations.openklant.desk.logbook import ObjectsApi
from deliverer.destinations.openklant.desk.poll_round import Desk
from deliverer.destinations.openklant.desk.task_poller import PacedSender, TaskPoller
from deliverer.destinations.openklant.erasure.erasure_store import ErasureStore
from deliverer.destinations.openklant.erasure.erasure_worker import MAX_AT_ONCE, ErasureWorker
from deliverer.destinations.openklant.events import PayloadOptions
from deliverer.destinations.openklant.saga import OpenKlantReceiver
from deliverer.destinations.openklant.store import SagaStore
from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import http_client, system_tls_context
from services.config.organisation import OpenKlantDestination
from services.tasks import background_task

ANSWER_BYTES = 1024 * 1024
"""Bytes read of an answer: a page of 100 tasks or contacts takes 110 KiB, and at most some 800 when
each text has 1,000 characters of four bytes."""


def secrets(destination: OpenKlantDestination, environ: Environ, faults: list[str]) -> Secrets:
    keys = (resolve_key(destination, "secret", environ, faults),)
    if not destination.objects_url:
        return Secrets(keys)
    token = resolve_key(destination, "objects_secret", environ, faults).decode()
    return Secrets(keys, objects_token=token)


def connection_reuse(destination: OpenKlantDestination) -> ConnectionReuse:
    """Return the rules for its connections.

    A PATCH sets values and a DELETE takes away, so they may be made twice. A POST that crosses a
    close may have created its object, and its conversation would wait until the saga has looked it
    up: each has its own connection.
    """
    return ConnectionReuse(
        destination.keep_alive_seconds,
        repeatable=frozenset({"GET", "PATCH", "DELETE"}),
        unpooled=frozenset({"POST"}),
    )


@asynccontextmanager
async def receiver(
    destination: OpenKlantDestination, credentials: Credentials, context: ReceiverContext
) -> AsyncIterator[RunningReceiver]:
    """Yield a receiver with more connections than deliveries in flight: one for the poller, and
    those of the erasures."""
    tls = credentials.certificates.context if credentials.certificates else system_tls_context
    async with http_client(
        destination.window + 1 + MAX_AT_ONCE,
        networks=context.networks,
        tls=tls,
        answer_bytes=ANSWER_BYTES,
        reuse=connection_reuse(destination),
    ) as sender:
        id, server = destination.id, Server(destination.id)
        options = PayloadOptions(
            destination.channel, context.archiver, destination.link, destination.cases_url
        )

        def client(sender: Sender) -> OpenKlantClient:
            token = credentials.secrets.keys[0].decode()
            return OpenKlantClient(sender, destination.url, token, server)

        saga = OpenKlantReceiver(
            destination,
            options,
            context.department,
            SagaStore(context.pool, id),
            partial(client, sender),
        )
        paced = PacedSender(sender)
        url = destination.objects_url
        objects = ObjectsApi(paced, url, lambda: credentials.secrets.objects_token) if url else None
        store = DeskStore(context.pool, id)
        desk = Desk(id, store, context.departments, {}, Counter(), objects)
        calls, every = partial(client, paced), float(destination.look_seconds)
        poller = TaskPoller(desk, destination.answer_channel, calls, every)
        erasures = ErasureStore(context.pool, id)
        worker = ErasureWorker(id, erasures, partial(client, sender), destination.window)
        async with (
            background_task(poller.run()) as polling,
            background_task(worker.run()) as erasing,
        ):
            yield saga, [polling, erasing]


KIND = DestinationKind(OpenKlantDestination, secrets, receiver)
