"""Kind `signalen`: reports over HTTP, and their messages and files from our archive."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from deliverer.crm.destination_kind import (
    Credentials,
    DestinationKind,
    Environ,
    ReceiverContext,
    RunningReceiver,
    Secrets,
    resolve_key,
)
from deliverer.crm.oauth_session import token_session
from deliverer.destinations.citizen import Place
from deliverer.destinations.signalen.archive_reader import ArchiveReader
from deliverer.destinations.signalen.client import SignalenClient
from deliverer.destinations.signalen.payloads import MAX_FILE_BYTES, ReportOptions
from deliverer.destinations.signalen.saga import Calls, SignalenReceiver
from deliverer.destinations.signalen.store import ReportStore
from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import http_client, system_tls_context
from services.config.organisation import SignalenDestination
from services.config.settings import resolve_env

ANSWER_BYTES = 4 * 1024 * 1024
"""Bytes read of an answer of Signalen: a page of 20 reports, each with its text of 3,000 characters
and some fifteen notes as long."""


def secrets(destination: SignalenDestination, environ: Environ, faults: list[str]) -> Secrets:
    """Return the token for our archive, and the client secret."""
    token = resolve_key(destination, "archive_secret", environ, faults)
    client_secret = ""
    try:
        if setting := destination.oauth.client_secret:
            client_secret = resolve_env(setting, environ)
    except ValueError as error:
        faults.append(f"{error} (client_secret of destination {destination.id})")
    return Secrets((token,), client_secret)


def connection_reuse(destination: SignalenDestination) -> ConnectionReuse:
    """Return the rules for its connections. Neither a POST nor a PATCH may be made twice: each adds
    something. So each has its own."""
    return ConnectionReuse(destination.keep_alive_seconds, unpooled=frozenset({"POST", "PATCH"}))


def report_options(destination: SignalenDestination, archiver: str) -> ReportOptions:
    place = destination.default_place
    return ReportOptions(
        archiver=archiver,
        category=destination.category,
        source=destination.source,
        default_place=Place(place.latitude, place.longitude),
        has_phone=destination.reporter == "phone",
        link=destination.link,
    )


@asynccontextmanager
async def receiver(
    destination: SignalenDestination, credentials: Credentials, context: ReceiverContext
) -> AsyncIterator[RunningReceiver]:
    """Yield a receiver with one connection more than deliveries in flight, for its tokens. Our own
    archive may have a private address, which no setting of a destination can choose."""
    tls = credentials.certificates.context if credentials.certificates else system_tls_context
    window, reuse = destination.window, connection_reuse(destination)
    async with (
        http_client(
            window + 1, networks=context.networks, tls=tls, answer_bytes=ANSWER_BYTES, reuse=reuse
        ) as sender,
        http_client(window, answer_bytes=MAX_FILE_BYTES + 1) as archive,
        token_session(
            destination.id, destination.oauth, lambda: credentials.secrets.client_secret, sender
        ) as session,
    ):

        def new_calls() -> Calls:
            return Calls(
                SignalenClient(session, destination.url),
                ArchiveReader(
                    archive, context.archiver, lambda: credentials.secrets.keys[0].decode()
                ),
            )

        yield (
            SignalenReceiver(
                destination.id,
                report_options(destination, context.archiver),
                timedelta(minutes=destination.burst_minutes),
                context.department,
                ReportStore(context.pool, destination.id),
                new_calls,
            ),
            [],
        )


KIND = DestinationKind(SignalenDestination, secrets, receiver)
