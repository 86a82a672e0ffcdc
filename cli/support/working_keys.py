"""Working keys for commands that show or write sealed data."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from cli.support.output import CommandRefused
from services import clock
from services.config import settings
from services.keys import working_keys
from services.postgres.database import Connection, Pool
from services.postgres.shut_rows import SHUT
from services.sealing.key_ring import KeyRing


async def load_working_keys(connection: "Connection | Pool") -> None:
    """Load the working keys into the ring of this process.

    SettingsError without POSTKAMER_WORKING_KEY, CommandRefused if it is not the key of these.
    """
    with _refusing():
        await working_keys.refresh(cast(Pool, connection), _masters(), clock.now().date())


async def ring_if_given(pool: Pool) -> KeyRing | None:
    """Return the working keys that exist, to open with them; None without POSTKAMER_WORKING_KEY.
    CommandRefused if it is not the key of these."""
    if settings.read("POSTKAMER_WORKING_KEY", os.environ) is None:
        return None
    with _refusing():
        return await working_keys.read_ring(pool, _masters(), clock.now().date())


def _masters() -> list[bytes]:
    return working_keys.working_masters(settings.load(settings.WorkingKeySettings, os.environ))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except working_keys.WrongWorkingKey as error:
        raise CommandRefused(str(error)) from None


@contextmanager
def opening(what: str) -> Iterator[None]:
    """Raise CommandRefused for sealed data that does not open."""
    try:
        yield
    except SHUT:
        raise CommandRefused(
            f"{what} does not open: it was altered, or its working key is gone"
        ) from None
