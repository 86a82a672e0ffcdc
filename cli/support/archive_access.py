"""Access to the archive for commands: its keys, its signer, and its object store."""

import errno
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import unquote, urlsplit

import click
import msgspec

from archiver.audit.checkpoints import Trust
from archiver.encryption.key_store import KeyStore, WrongMasterKey
from archiver.log import checkpoint_signer, outside_head
from archiver.log.inclusion_proof import NotProvable
from archiver.log.log_loss import LogLoss, read_losses
from archiver.log.outside_head import OutsideHead
from archiver.orders import order
from archiver.orders.order_book import OrderBook
from archiver.signing.configured_signer import (
    PUBLIC_KEY,
    configured_signer,
    read_public_keys,
    socket_path,
)
from archiver.signing.remote_signer import ask_verifier
from archiver.signing.signer import NoteSigner, SignerRefused, SignerUnavailable
from archiver.timestamps.configured_authority import configured_authorities
from archiver.timestamps.stamp import Authorities
from archiver.transfer.package import PackageRefused
from archiver.transfer.tree_reader import find_note
from cli.support.archive_rows import require_tenant
from cli.support.audit import Operation, record_access, run_audited
from cli.support.configuration import path_in_environment
from cli.support.database import with_database
from cli.support.output import CommandRefused, fail
from cli.support.person import narrow_tenant
from services.config import loader, settings
from services.files.object_store import ObjectStore, StoreUnavailable
from services.keys.oldest_archive_key import OtherOldestKey, check_oldest_archive_key
from services.postgres.database import Connection, Pool
from services.sealing.wrapping import CannotDecrypt
from services.transparency import signed_note
from services.transparency.signed_note import Checkpoint, InvalidNote

DEFAULT_LOG_NAME = "postkamer"
"""Name of the log without a configuration."""
OBJECT_STORE = "POSTKAMER_OBJECT_STORE"
SIGNER = "POSTKAMER_ARCHIVE_SIGNER"
NO_CHECKPOINT = "there is no such checkpoint: make one with postkamer archive checkpoint"
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}
"""Faults of the disk, and not of the way to the database."""
SHOW_SECONDS = 0.2
"""Interval between two updates on the terminal."""

T = TypeVar("T")


def with_archive(command: str, work: Callable[[Pool, KeyStore], Awaitable[T]]) -> T:
    """Return the result of `work`; print a failure, a line for each fault, and exit with code 1."""

    async def run(pool: Pool) -> T:
        return await work(pool, await load_keys(pool))

    return with_database(
        command, lambda pool: refuse_archive_errors(run(pool)), 2, settings.ArchiveSettings
    )


async def load_keys(connection: "Connection | Pool") -> KeyStore:
    """Load the keys of the archive, also on the connection of a transaction.

    SettingsError without a master key, CommandRefused if it is not the key of this archive.
    """
    options = settings.load(settings.ArchiveSettings, os.environ)
    master_keys = [settings.key_bytes(key) for key in options.archive_key]
    keys = KeyStore(cast(Pool, connection), master_keys)
    try:
        await keys.check()
        await check_oldest_archive_key(connection, master_keys[-1])
    except (WrongMasterKey, OtherOldestKey) as error:
        raise CommandRefused(str(error)) from None
    return keys


async def keys_if_given(pool: Pool) -> KeyStore | None:
    """Load the keys of the archive, or return None without a master key."""
    if not _has_master_key():
        return None
    return await load_keys(pool)


def change_archive(
    change: Callable[[Connection, KeyStore], Awaitable[tuple[T, Operation | None]]], by: str = ""
) -> T:
    """Make a change in the archive, or look something up, as `run_audited` does."""

    async def run(connection: Connection) -> tuple[T, Operation | None]:
        return await change(connection, await load_keys(connection))

    return run_audited("archive", lambda connection: refuse_archive_errors(run(connection)), by)


def print_rows(
    command: str,
    operation: Operation,
    lines: Callable[[Connection, KeyStore, str], AsyncIterator[str]],
    empty: str,
) -> None:
    """Archive the access, then print the lines as they are read from the archive; `empty` is the
    sentence if there are none. They are those of the operation's municipality, or of all; a
    person's token limits them to its own. One that is not in the archive is refused first."""

    async def work(pool: Pool, keys: KeyStore) -> None:
        tenant = await narrow_tenant(pool, operation.tenant)
        if tenant:
            async with pool.acquire() as connection:
                await require_tenant(connection, tenant)
        await record_access(pool, msgspec.structs.replace(operation, tenant=tenant))
        is_empty = True
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            async for line in lines(connection, keys, tenant):
                is_empty = False
                click.echo(line)
        if is_empty and empty:
            click.echo(empty)

    with_archive(command, work)


async def refuse_archive_errors(work: Awaitable[T]) -> T:
    """Return the result of `work`; an error of keys or of the object store refuses the command."""
    try:
        return await work
    except CannotDecrypt as error:
        raise CommandRefused(str(error)) from None
    except StoreUnavailable as error:
        raise CommandRefused(f"{OBJECT_STORE}: it does not answer ({error})") from None
    except (SignerUnavailable, SignerRefused) as error:
        raise CommandRefused(f"{SIGNER}: {error}") from None


def log_name() -> str:
    """Return the name of the log in the configuration."""
    file = path_in_environment()
    return loader.load(file).config.log if file else DEFAULT_LOG_NAME


def load_signer() -> NoteSigner:
    """Load the signer of checkpoints. SettingsError without a master key, unless the signer is
    another process."""
    options = settings.load(settings.SignerSettings, os.environ)
    seed = b""
    if not options.archive_signer:
        masters = settings.load(settings.ArchiveSettings, os.environ).archive_key
        seed = settings.derive_key(masters, checkpoint_signer.PURPOSE)
    return configured_signer(log_name(), options, seed)


async def find_verifier() -> str:
    """Return the public key of the signer in its published form; a signer that is another process
    is asked. SignerUnavailable if it is away, CommandRefused if it has another key than the
    settings say."""
    options = settings.load(settings.SignerSettings, os.environ)
    if not options.archive_signer:
        return load_signer().verifier
    verifier = await ask_verifier(socket_path(options))
    if options.archive_public_key and verifier != options.archive_public_key[0]:
        raise CommandRefused(f"{SIGNER}: it has another key than {PUBLIC_KEY}: {verifier}")
    return verifier


def load_trust() -> Trust:
    """Return the keys with which signatures are checked: those that are configured, or our own.
    SettingsError without either."""
    options = settings.load(settings.SignerSettings, os.environ)
    if options.archive_public_key and (options.archive_signer or not _has_master_key()):
        origin = log_name()
        current, *earlier = read_public_keys(options.archive_public_key, origin)
        return Trust(origin, current, tuple(earlier))
    signer = load_signer()
    return Trust(signer.origin, signer.public_key, signer.earlier)


def _has_master_key() -> bool:
    return settings.read("POSTKAMER_ARCHIVE_KEY", os.environ) is not None


def load_order_keys() -> list[bytes]:
    """Return the keys of the orders of destruction, the newest first. SettingsError without a
    master key."""
    options = settings.load(settings.ArchiveSettings, os.environ)
    return [settings.derive_key([key], order.PURPOSE) for key in options.archive_key]


def load_authorities() -> Authorities | None:
    """Load the certificates to which time stamps must lead; None if none are configured."""
    return configured_authorities(settings.load(settings.TimestampSettings, os.environ))


async def read_outside_heads(store: ObjectStore | None) -> list[OutsideHead]:
    """Return the heads of the log that the archiver kept outside; none without a store or a master
    key. Raises StoreUnavailable."""
    if store is None or settings.read("POSTKAMER_ARCHIVE_KEY", os.environ) is None:
        return []
    return await outside_head.read_heads(store, load_head_key())


async def read_outside_losses(store: ObjectStore | None) -> list[LogLoss]:
    """Return the losses of the log that are noted outside; none without a store or a master key.
    Raises StoreUnavailable."""
    if store is None or not _has_master_key():
        return []
    return await read_losses(store, load_head_key())


def load_head_key() -> bytes:
    """Return the key of the heads and losses outside. SettingsError without a master key."""
    options = settings.load(settings.ArchiveSettings, os.environ)
    return settings.derive_key(options.archive_key, outside_head.PURPOSE)


def find_object_store() -> ObjectStore | None:
    """Return the object store with the checkpoints and files, or None without the setting.
    CommandRefused if that is no URL of a store."""
    url = settings.read(OBJECT_STORE, os.environ)
    try:
        return None if url is None else ObjectStore(settings.object_store(url))
    except ValueError as error:
        raise CommandRefused(f"{OBJECT_STORE}: {error}") from None


def require_folder() -> None:
    """Refuse a folder as the object store that does not exist, which `ObjectStore` would make: the
    settings name another one than the archiver's, and all of it would seem to be gone."""
    url = settings.read(OBJECT_STORE, os.environ) or ""
    if url.startswith("file:///") and not Path(unquote(urlsplit(url).path)).is_dir():
        raise CommandRefused(f"{OBJECT_STORE}: the folder does not exist")


def load_object_store() -> ObjectStore:
    """Return the object store; CommandRefused without the setting."""
    if (store := find_object_store()) is None:
        raise CommandRefused(f"{OBJECT_STORE}: is missing")
    return store


def load_book(store: ObjectStore, *, is_read_only: bool = False) -> OrderBook:
    """Return the orders of destruction in a store. SettingsError without a master key."""
    return OrderBook(store, load_order_keys(), is_read_only=is_read_only)


async def load_checkpoint(
    connection: Connection, size: int | None, verifier: str
) -> tuple[str, Checkpoint]:
    """Return the checkpoint of this size, or the newest one, as it was signed and read.
    CommandRefused if there is none."""
    note = await find_note(connection, size)
    if note is None:
        raise CommandRefused(NO_CHECKPOINT)
    return note, signed_note.verify_note(note, *signed_note.read_verifier(verifier))


async def refuse_export_errors(work: Awaitable[T], place: str) -> T:
    """Return the result of `work`; a fault of the log or of the disk refuses the command. `place`
    is the option or the argument that names the folder."""
    try:
        return await work
    except (NotProvable, PackageRefused) as error:
        raise CommandRefused(str(error)) from None
    except InvalidNote as error:
        raise CommandRefused(f"the checkpoint: {error}: see postkamer archive verify") from None
    except OSError as error:
        if error.errno in DISK:
            raise CommandRefused(f"{place}: {error.strerror}") from None
        raise


def write_private_file(path: Path, body: bytes) -> None:
    """Write a file that only its owner can read: it has personal data."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # also if the file existed
            file.write(body)
    except OSError as error:
        fail(f"{path}: {error.strerror}")


class Progress:
    """Shows the progress of work on the terminal, if there is one."""

    def __init__(self, unit: str) -> None:
        self._unit, self._began, self._shown_at = unit, time.monotonic(), 0.0
        self._is_terminal = sys.stderr.isatty()
        self.done = 0

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._began, 1e-9)

    def __call__(self, done: int, of: int) -> None:
        self.done = done
        is_recent = self.seconds - self._shown_at < SHOW_SECONDS
        if not self._is_terminal or (is_recent and done < of):
            return
        self._shown_at = self.seconds
        share = done / of if of else 1.0
        rate = f"{done / self.seconds:,.0f}/s"
        line = f"\r{share:4.0%}  {done:,} of {of:,} {self._unit}  {rate} "
        click.echo(line, err=True, nl=done >= of)
