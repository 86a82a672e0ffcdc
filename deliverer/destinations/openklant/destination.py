"""Kind `openklant`: contacts and tasks over HTTP, and a poller of the tasks done there."""

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
from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.client import OpenKlantClient
from deliverer.destinations.openklant.closing_store import ClosingStore
from deliverer.destinations.openklant.saga import OpenKlantReceiver
from deliverer.destinations.openklant.store import SagaStore
from deliverer.destinations.openklant.task_poller import TaskPoller, poll_intervals
from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import http_client, system_tls_context
from services.config.organisation import OpenKlantDestination
from services.tasks import background_task

ANSWER_BYTES = 64 * 1024
"""Bytes read of an answer: one contact with its text, and the objects it refers to."""


def secrets(destination: OpenKlantDestination, environ: Environ, faults: list[str]) -> Secrets:
    keys = (resolve_key(destination, "secret", environ, faults),)
    if not destination.objects_url:
        return Secrets(keys)
    token = resolve_key(destination, "objects_secret", environ, faults).decode()
    return Secrets(keys, objects_token=token)


def connection_reuse(destination: OpenKlantDestination) -> ConnectionReuse:
    """Return the rules for its connections.

    A PATCH sets values, so it may be made twice. A POST that crosses a close may have created its
    object, and its conversation would wait until the saga has looked it up: each has its own
    connection.
    """
    return ConnectionReuse(
        destination.keep_alive_seconds,
        repeatable=frozenset({"GET", "PATCH"}),
        unpooled=frozenset({"POST"}),
    )


@asynccontextmanager
async def receiver(
    destination: OpenKlantDestination, credentials: Credentials, context: ReceiverContext
) -> AsyncIterator[RunningReceiver]:
    """Yield a receiver with one connection more than deliveries in flight, for the poller."""
    tls = credentials.certificates.context if credentials.certificates else system_tls_context
    async with http_client(
        destination.window + 1,
        networks=context.networks,
        tls=tls,
        answer_bytes=ANSWER_BYTES,
        reuse=connection_reuse(destination),
    ) as sender:
        options = payloads.PayloadOptions(destination.channel, context.archiver, destination.link)
        store = SagaStore(context.pool, destination.id)
        new_client = partial(OpenKlantClient, sender, destination.url, credentials.keys[0].decode())
        saga = OpenKlantReceiver(destination, options, context.department, store, new_client)
        poller = TaskPoller(
            destination.id, ClosingStore(context.pool), new_client, poll_intervals(destination)
        )
        async with background_task(poller.run()) as polling:
            yield saga, [polling]


KIND = DestinationKind(OpenKlantDestination, secrets, receiver)
