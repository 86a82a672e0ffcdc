"""Entries that a command wrote for the record, and the wait until the archive has them."""

import asyncio
from uuid import UUID

import click

from cli.support.installation import in_production
from cli.support.output import CommandRefused
from services.postgres.database import Pool

WRITTEN = "postkamer.written"
"""Key in the context of a command: ids of its entries that were not seen in the archive yet."""
RECORD_SECONDS = 10.0
"""Time limit of the archiver, which mostly takes one; a person waits for it."""
POLL_SECONDS = 0.1
NOT_RECORDED = (
    f"the archive has not taken the entry of this within {RECORD_SECONDS:.0f} s, so nothing is"
    " shown. A change was made all the same. Look if the archiver runs: postkamer status"
)


def note_written(id: UUID) -> None:
    """Note an entry, to be seen in the archive before the command shows anything."""
    if context := click.get_current_context(silent=True):
        context.meta.setdefault(WRITTEN, []).append(id)


async def require_recorded(pool: Pool) -> None:
    """In production, wait until the archive has all entries of this command, because a row could be
    taken away before the archiver sees it. CommandRefused after RECORD_SECONDS."""
    context = click.get_current_context(silent=True)
    ids = context.meta.pop(WRITTEN, []) if context else []
    if not ids or not await in_production(pool):
        return
    for _ in range(round(RECORD_SECONDS / POLL_SECONDS)):
        if await pool.fetchval(_RECORDED, ids) == len(ids):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise CommandRefused(NOT_RECORDED)


_RECORDED = "select count(*) from archiver.entry where id = any($1::uuid[]) and kind = 'operation'"
