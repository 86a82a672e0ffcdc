"""Kind `cloudevents`: signed CloudEvents over HTTP, with a bearer token if the CRM needs one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deliverer.crm.destination_kind import (
    Credentials,
    DestinationKind,
    Environ,
    ReceiverContext,
    RunningReceiver,
    Secrets,
    resolve_key,
)
from deliverer.crm.http_receiver import DestinationEndpoint, HttpReceiver
from deliverer.crm.oauth_session import oauth_session
from deliverer.destinations import cloudevents
from deliverer.destinations.cloudevents import key_of
from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import http_client, system_tls_context
from services.config.organisation import CloudEventsDestination
from services.config.settings import resolve_env


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
    endpoint = DestinationEndpoint(destination.url, credentials.keys, context.archiver)
    reuse = connection_reuse(destination)
    connections = destination.window + 1
    async with (
        http_client(connections, networks=context.networks, tls=tls, reuse=reuse) as sender,
        oauth_session(destination, credentials.client_secret, sender) as poster,
    ):
        yield HttpReceiver(endpoint, cloudevents, poster), []


KIND = DestinationKind(CloudEventsDestination, secrets, receiver)
