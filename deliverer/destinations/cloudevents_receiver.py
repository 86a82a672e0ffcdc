"""Kind `cloudevents`: signed CloudEvents over HTTP, with a bearer token if the CRM needs one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from deliverer.crm.destination_kind import (
    Credentials,
    DestinationKind,
    Environ,
    Keys,
    ReceiverContext,
    RunningReceiver,
    Secrets,
    resolve_key,
)
from deliverer.crm.http_receiver import DestinationEndpoint, HttpReceiver
from deliverer.crm.oauth_session import oauth_session
from deliverer.destinations import cloudevents
from deliverer.destinations.cloudevents_batches import BatchReceiver
from deliverer.destinations.signing_secrets import SigningSecrets
from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import http_client, system_tls_context
from services.config.organisation import CloudEventsDestination
from services.config.settings import resolve_env
from services.http.webhook_signature import key_of
from services.postgres.database import retry_while_unavailable
from services.tasks import background_task


def secrets(destination: CloudEventsDestination, environ: Environ, faults: list[str]) -> Secrets:
    keys = [resolve_key(destination, "secret", environ, faults, encode=key_of)]
    if destination.secret_next:
        keys.append(resolve_key(destination, "secret_next", environ, faults, encode=key_of))
    setting = destination.oauth.client_secret if destination.oauth else ""
    client_secret = ""
    try:
        client_secret = resolve_env(setting, environ) if setting else ""
    except ValueError as error:
        faults.append(f"{error} (client_secret of destination {destination.id})")
    return Secrets(tuple(keys), client_secret)


def connection_reuse(destination: CloudEventsDestination) -> ConnectionReuse:
    """Return the rules for its connections. A CRM recognises an event by its id, and a token may be
    fetched twice."""
    return ConnectionReuse(destination.keep_alive_seconds, frozenset({"POST"}))


@asynccontextmanager
async def receiver(
    destination: CloudEventsDestination, credentials: Credentials, context: ReceiverContext
) -> AsyncIterator[RunningReceiver]:
    """Yield a receiver with one connection more than deliveries in flight, for its tokens."""
    tls = credentials.certificates.context if credentials.certificates else system_tls_context
    reuse = connection_reuse(destination)
    connections = destination.window + 1
    async with (
        http_client(connections, networks=context.networks, tls=tls, reuse=reuse) as sender,
        oauth_session(destination, lambda: credentials.secrets.client_secret, sender) as poster,
        signing_keys(destination, credentials, context) as (keys, tasks),
    ):
        endpoint = DestinationEndpoint(destination.url, keys, context.archiver)
        if destination.batch_events > 1:
            yield BatchReceiver(endpoint, poster, destination.batch_events), tasks
        else:
            yield HttpReceiver(endpoint, cloudevents, poster), tasks


@asynccontextmanager
async def signing_keys(
    destination: CloudEventsDestination, credentials: Credentials, context: ReceiverContext
) -> AsyncIterator[tuple[Callable[[], Keys], list["asyncio.Task[None]"]]]:
    """Yield the keys in force, and the task that follows their changes."""
    secrets = SigningSecrets(context.pool, destination.id, lambda: credentials.secrets.keys)
    await retry_while_unavailable(secrets.register, "secrets")
    async with background_task(secrets.refresh_forever()) as task:
        yield secrets.keys, [task]


KIND = DestinationKind(CloudEventsDestination, secrets, receiver)
