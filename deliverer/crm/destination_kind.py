"""Kind of destination: its settings, its secrets, and a receiver of its deliveries.

`deliverer.destinations` is the table of kinds.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from deliverer.crm.attempt import Receiver
from deliverer.transport.client_certificates import Certificates
from services.config.organisation import Department, Destination
from services.config.settings import read
from services.egress.ssrf import Network
from services.postgres.database import Pool

Keys = tuple[bytes, ...]
"""Keys that sign an event; two while one replaces the other. A kind that signs nothing has one
secret, b'' if it needs none."""
Environ = Mapping[str, str]
Destinations = Callable[[], Sequence[Destination]]
"""Returns the destinations of the configuration in force."""


class Secrets(NamedTuple):
    """Secrets of one destination. Never print them."""

    keys: Keys
    client_secret: str = ""
    """Secret that proves our identity to its token endpoint."""
    objects_token: str = ""
    """Token for the Objecten API beside an Open Klant."""


class Credentials:
    """Secrets and certificates of one destination, as their files have them now."""

    def __init__(self, secrets: Secrets, certificates: Certificates | None = None) -> None:
        self.secrets, self.certificates = secrets, certificates


class ReceiverContext(NamedTuple):
    """Resources that the receivers of all destinations share."""

    pool: Pool
    department: Callable[[str, str], Department | None]
    departments: Callable[[], Sequence[Department]]
    networks: Collection[Network]
    archiver: str
    """Address of the archiver's API."""


RunningReceiver = tuple[Receiver, list["asyncio.Task[None]"]]
"""Receiver of the deliveries, and its background tasks, which never end."""


class DestinationKind(NamedTuple):
    config: type[Destination]
    """Its settings in `postkamer.toml`."""
    secrets: Callable[[Any, Environ, list[str]], Secrets]
    """Reads the secrets of a destination; appends a sentence for each missing or wrong one."""
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
    """Return the key that a field names or holds, or b''. Faults are appended to `faults`."""
    setting: str = getattr(destination, field)
    name = setting.removeprefix("env:") if setting.startswith("env:") else field
    try:
        secret = setting if name == field else read(name, environ) or ""
        if required and not secret:
            raise ValueError("is missing")
        return encode(secret)
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        faults.append(f"{name} (destination {destination.id}): {what}")
        return b""
