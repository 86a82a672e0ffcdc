"""Entries that a command wrote for the record, and the wait until the archive has them."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click
import msgspec

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore, WrongMasterKey
from archiver.encryption.sealing import unseal_entry
from cli.support.installation import in_production
from cli.support.output import CommandRefused
from services import clock
from services.config import settings
from services.postgres.database import Pool
from services.sealing.wrapping import CannotDecrypt

WRITTEN = "postkamer.written"
"""Key in the context of a command: its entries that were not seen in the archive yet."""
RECORD_SECONDS = 10.0
"""Time limit of the archiver, which mostly takes one; a person waits for it."""
POLL_SECONDS = 0.1
NOT_RECORDED = (
    f"the archive has not taken the entry of this within {RECORD_SECONDS:.0f} s, so nothing is"
    " shown. A change was made all the same. Look if the archiver runs: postkamer status"
)
ALTERED = (
    "the archive took another entry than this command wrote, so nothing is shown: somebody changed"
    " it in access.operation, or the archiver does not have the provider that proved who ran this."
    " A change was made all the same. Tell the security officer"
)
TOLD = "record altered"
"""Action that the archiver is told if it took another entry. Nothing proves it, which alarms."""
OF_ARCHIVER = ("session", "statedAt")
"""Fields that the archiver adds to the data of an entry."""


class WrittenEntry(msgspec.Struct, frozen=True):
    """Entry as the command wrote it; `data` is JSON."""

    id: UUID
    tenant: str
    by: str
    what: str
    about: str
    data: str
    identified: str


def note_written(entry: WrittenEntry) -> None:
    """Note an entry, to be seen in the archive before the command shows anything."""
    if context := click.get_current_context(silent=True):
        context.meta.setdefault(WRITTEN, []).append(entry)


def leave_to_archiver() -> None:
    """Wait for no entry of this command: it is a step of a restore, in which no archiver runs. They
    stay in access.operation until one starts."""
    if context := click.get_current_context(silent=True):
        context.meta.pop(WRITTEN, None)


async def require_recorded(pool: Pool) -> None:
    """In production, wait until the archive has all entries of this command as it wrote them,
    because a row could be changed or taken away before the archiver sees it. CommandRefused if one
    is another, or after RECORD_SECONDS.

    Without a master key an entry cannot be opened, and only its place in the log counts.
    """
    context = click.get_current_context(silent=True)
    entries: list[WrittenEntry] = context.meta.pop(WRITTEN, []) if context else []
    if not entries or not await in_production(pool):
        return
    keys = await _load_keys(pool)
    for _ in range(round(RECORD_SECONDS / POLL_SECONDS)):
        if await are_recorded(pool, entries, keys):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise CommandRefused(NOT_RECORDED)


async def _load_keys(pool: Pool) -> KeyStore | None:
    if settings.read("POSTKAMER_ARCHIVE_KEY", os.environ) is None:
        return None
    masters = settings.load(settings.ArchiveSettings, os.environ).archive_key
    keys = KeyStore(pool, [settings.key_bytes(key) for key in masters])
    try:
        await keys.check()
    except WrongMasterKey as error:
        raise CommandRefused(str(error)) from None
    return keys


async def are_recorded(pool: Pool, entries: Sequence[WrittenEntry], keys: KeyStore | None) -> bool:
    """Return True if all are in the archive. CommandRefused if one is another there."""
    rows = await pool.fetch(_RECORDED, [entry.id for entry in entries])
    if keys is None:
        return len(rows) == len(entries)
    opened = {row["id"]: (row["tenant"], data) for row in rows if (data := _open(row, keys))}
    for entry in entries:
        if entry.id in opened and not is_same(entry, *opened[entry.id]):
            await pool.execute(_TELL, clock.new_id(), entry.by, TOLD, str(entry.id))
            raise CommandRefused(ALTERED)
    return len(opened) == len(entries)


def _open(row: Any, keys: KeyStore) -> bytes | None:
    """Return the data of an entry, or None if it does not open: then it is none of the archiver."""
    if row["salt"] is None or row["wrapped"] is None:
        return None
    try:
        return unseal_entry(keys.key_of_row(row), row).data
    except CannotDecrypt:
        return None


def is_same(entry: WrittenEntry, tenant: str, data: bytes) -> bool:
    """Return True if the archive has what was written. A municipality that it does not know is only
    named in the data."""
    recorded = msgspec.json.decode(data)
    fields = {name: getattr(entry, name) for name in ("by", "what", "about", "identified")}
    written = msgspec.json.decode(entry.data) | fields
    if not tenant and entry.tenant:
        written["tenant"] = entry.tenant
    for name in OF_ARCHIVER:
        recorded.pop(name, None)
        written.pop(name, None)
    return tenant in ("", entry.tenant) and bool(recorded == written)


_RECORDED = f"""
{RECORDS} where e.id = any($1::uuid[]) and e.kind = 'operation'
    and e.position >= 0 and e.position < (select size from archiver.head)
"""
_TELL = "insert into access.operation (id, by, what, about) values ($1, $2, $3, $4)"
