"""A kind of destination consists of its settings, its secrets, and a receiver of its deliveries.

`deliverer.destinations` is the table of kinds.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from deliverer.crm.attempt import Receiver
from deliverer.transport.client_certificates import Certificates
from deliverer.transport.ssrf import Network
from services.config.organisation import Department, Destination
from services.config.settings import read
from services.postgres.database import Pool

Keys = tuple[bytes, ...]
"""Keys that sign an event, two while one replaces the other. A kind that signs nothing has its one
secret, b'' where none is needed."""
Environ = Mapping[str, str]


class Secrets(NamedTuple):
    """Secrets of one destination. Not to be printed."""

    keys: Keys
    client_secret: str = ""
    """Secret that proves our identity to its token endpoint."""


class Credentials(NamedTuple):
    """Secrets and certificates of one destination. Not to be printed."""

    keys: Keys
    client_secret: str
    certificates: Certificates | None


class ReceiverContext(NamedTuple):
    """Means that the receivers of all destinations share."""

    pool: Pool
    department: Callable[[str, str], Department | None]
    networks: Collection[Network]
    archiver: str
    """Address of its API."""


RunningReceiver = tuple[Receiver, list["asyncio.Task[None]"]]
"""Receiver of the deliveries, and the tasks beside it, which do not end."""


class DestinationKind(NamedTuple):
    config: type[Destination]
    """Its settings in `postkamer.toml`."""
    secrets: Callable[[Any, Environ, list[str]], Secrets]
    """Secrets of a destination; a sentence in the list for each that is missing or wrong."""
    receiver: Callable[
        [Any, Credentials, ReceiverContext], AbstractAsyncContextManager[RunningReceiver]
    ]


def resolve_key(
    destination: Destination,
    field: str,
    environ: Environ,
    faults: list[str],
    *,
    encode: Callable[[str], bytes] = str.encode,
    required: bool = True,
) -> bytes:
    """The key that a field names or holds; b'' where there is none."""
    given: str = getattr(destination, field)
    name = given.removeprefix("env:") if given.startswith("env:") else field
    try:
        secret = given if name == field else read(name, environ) or ""
        if required and not secret:
            raise ValueError("is missing")
        return encode(secret)
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        faults.append(f"{name} (destination {destination.id}): {what}")
        return b""
