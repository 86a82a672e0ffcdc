"""Working keys for commands that show or write sealed data."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from cli.support.output import CommandRefused
from services import clock, working_keys
from services.config import settings
from services.postgres.database import Connection, Pool
from services.postgres.shut_rows import SHUT


async def load_working_keys(connection: "Connection | Pool") -> None:
    """Load the working keys into the ring of this process.

    SettingsError without POSTKAMER_WORKING_KEY, CommandRefused if it is not the key of these.
    """
    options = settings.load(settings.WorkingKeySettings, os.environ)
    masters = [settings.key_bytes(key) for key in options.working_key]
    try:
        await working_keys.refresh(cast(Pool, connection), masters, clock.now().date())
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
