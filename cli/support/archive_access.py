"""What commands need that open or check the record: its keys, who signs, where it is kept."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

import click

from archiver.audit.checkpoints import Trust
from archiver.encryption.key_store import KeyStore, WrongMasterKey
from archiver.encryption.sealing import CannotDecrypt
from archiver.encryption.signed_note import InvalidNote, read_verifier
from archiver.log import checkpoint_signer
from archiver.log.checkpoint_signer import Signer
from cli.support.database import Refused, fail
from services.config import loader, model, settings
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import DATABASE_ERRORS, Connection, Pool, connection_pool

LOG = "postkamer"
"""The log's name where no configuration says another."""
STORE = "POSTKAMER_OBJECT_STORE"
SHOW_SECONDS = 0.2
"""Between two figures on the terminal."""

T = TypeVar("T")


def with_archive(command: str, work: Callable[[Pool, KeyStore], Awaitable[T]]) -> T:
    """What `work` finds; what is wrong, a line each, and exit code 1 otherwise."""

    async def found() -> T:
        given = settings.load(settings.ArchiveSettings, os.environ)
        url = given.database_url.get_secret_value()
        async with connection_pool(url, f"postkamer-{command}", 2) as pool:
            return await work(pool, await load_keys(pool))

    return run_or_fail(command, found)


async def load_keys(connection: "Connection | Pool") -> KeyStore:
    """Of the record, for the connection of a transaction too. SettingsError where no master key is
    given, Refused where it is another's."""
    given = settings.load(settings.ArchiveSettings, os.environ)
    keys = KeyStore(cast(Pool, connection), [settings.key_bytes(key) for key in given.archive_key])
    try:
        await keys.check()
    except WrongMasterKey as error:
        raise Refused(str(error)) from None
    return keys


async def keys_if_given(pool: Pool) -> KeyStore | None:
    """None where no master key is given."""
    if settings.read("POSTKAMER_ARCHIVE_KEY", os.environ) is None:
        return None
    return await load_keys(pool)


def run_or_fail(command: str, work: Callable[[], Awaitable[T]]) -> T:
    """What it finds; what it says when it cannot."""

    async def run() -> T:
        return await work()

    try:
        return asyncio.run(run())
    except (Refused, CannotDecrypt, settings.SettingsError, model.ConfigError) as error:
        fail(str(error))
    except StoreUnavailable as error:
        fail(f"{STORE}: it does not answer ({error})")
    except DATABASE_ERRORS as error:
        fail(f"{command}: {error or type(error).__name__}")


def origin() -> str:
    """The log's name, as the configuration has it."""
    file = os.environ.get("POSTKAMER_CONFIG")
    return loader.load(Path(file)).config.log if file else LOG


def signer() -> Signer:
    """Who signs. SettingsError without the master key."""
    given = settings.load(settings.ArchiveSettings, os.environ)
    return Signer(origin(), settings.derive_key(given.archive_key, checkpoint_signer.PURPOSE))


def trust(public_key: str | None) -> Trust:
    """Whose signature counts: the key that was published, else the one that we sign with."""
    if public_key is None:
        own = signer()
        return Trust(own.origin, own.public)
    try:
        return Trust(*read_verifier(public_key))
    except InvalidNote as error:
        raise Refused(f"--public-key: {error}") from None


def store() -> ObjectStore | None:
    """Where checkpoints are kept beside the database; None where it is not said."""
    url = settings.read(STORE, os.environ)
    if url is None:
        return None
    return ObjectStore(settings.object_store(url))


def private(path: Path, body: bytes) -> None:
    """Into a file for whoever makes it alone: it is somebody's personal data."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # also where there was one
            file.write(body)
    except OSError as error:
        fail(f"{path}: {error.strerror}")


class Progress:
    """How far it has come, on the terminal where there is one."""

    def __init__(self, what: str) -> None:
        self._what, self._began, self._said = what, time.monotonic(), 0.0
        self._shows = sys.stderr.isatty()
        self.done = 0

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._began, 1e-9)

    def __call__(self, done: int, of: int) -> None:
        self.done = done
        if not self._shows or (self.seconds - self._said < SHOW_SECONDS and done < of):
            return
        self._said = self.seconds
        share = done / of if of else 1.0
        rate = f"{done / self.seconds:,.0f}/s"
        line = f"\r{share:4.0%}  {done:,} of {of:,} {self._what}  {rate} "
        click.echo(line, err=True, nl=done >= of)
