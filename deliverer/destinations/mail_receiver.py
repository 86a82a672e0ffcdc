"""Kind `mail`: alarms to people, over SMTP."""

from collections.abc import AsyncIterator
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
from deliverer.destinations import mail
from deliverer.transport.smtp_client import Mailer
from services.config.organisation import MailDestination


def secrets(destination: MailDestination, environ: Environ, faults: list[str]) -> Secrets:
    """Return name and password, or b'' if the server needs none."""
    return Secrets((resolve_key(destination, "secret", environ, faults, required=False),))


@asynccontextmanager
async def receiver(
    destination: MailDestination, credentials: Credentials, context: ReceiverContext
) -> AsyncIterator[RunningReceiver]:
    def keys() -> Keys:
        return credentials.secrets.keys

    endpoint = DestinationEndpoint(destination.url, keys, context.archiver)
    yield HttpReceiver(endpoint, mail, Mailer(destination, lambda: keys()[0])), []


KIND = DestinationKind(MailDestination, secrets, receiver)
