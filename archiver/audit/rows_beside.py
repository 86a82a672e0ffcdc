"""Verify the tables beside the log: the processing log, citizens' requests, the quarantines, and
the losses that were accepted in the balance.

They are working tables, which somebody with all rights on the database can change. Each row of them
has an entry, which nobody can change unseen.
"""

from collections.abc import AsyncIterator

import msgspec

from archiver.audit.acceptance_rows import verify_acceptances, verify_beginnings
from archiver.audit.log_walk import Finding
from archiver.audit.processing_rows import ProcessingNotes, verify_processing
from archiver.audit.quarantine_rows import count_units, verify_quarantines
from archiver.audit.request_rows import verify_requests
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection
from services.sealing.key_ring import KeyRing

WITHOUT_KEY = """
without the master key: the requests, the losses that were accepted, what rows of the processing log
and of the quarantine say, and the index
"""
WITHOUT_WORKING_KEY = "without POSTKAMER_WORKING_KEY: the content of what the router set aside"


class Unseen(msgspec.Struct):
    """Sentences on what was not looked at, for the reader of the result."""

    sentences: list[str] = []


async def verify_rows(
    connection: Connection, keys: KeyStore | None, unseen: Unseen, ring: KeyRing | None = None
) -> AsyncIterator[Finding]:
    """Yield what is wrong, and fill `unseen`. Run in a transaction that reads one snapshot. `ring`
    has the working keys of the router."""
    if keys is None:
        unseen.sentences.append(" ".join(WITHOUT_KEY.split()))
    if ring is None and await count_units(connection):
        unseen.sentences.append(WITHOUT_WORKING_KEY)
    notes = ProcessingNotes()
    async for finding in verify_processing(connection, keys, notes):
        yield finding
    unseen.sentences += _processing_sentences(notes)
    for finding in await _verify_with_keys(connection, keys, unseen) if keys else ():
        yield finding
    for finding in await verify_beginnings(connection):
        yield finding
    async for finding in verify_quarantines(connection, keys, ring):
        yield finding


async def _verify_with_keys(
    connection: Connection, keys: KeyStore, unseen: Unseen
) -> list[Finding]:
    findings, destroyed = await verify_requests(connection, keys)
    if destroyed:
        unseen.sentences.append(f"requests whose steps were destroyed: {destroyed}")
    return [*findings, *await verify_acceptances(connection, keys)]


def _processing_sentences(notes: ProcessingNotes) -> list[str]:
    """Return what could not be looked at in the processing log."""
    sentences = []
    if notes.begins:
        sentences.append(f"the processing log before {notes.begins:%Y-%m}, which was dropped")
    if notes.unbound:
        what = "program and register in rows of the processing log of before rows had a keyed hash"
        sentences.append(f"{what}: {notes.unbound}")
    if notes.keyless:
        of_whom = "of municipalities that were destroyed"
        sentences.append(f"rows of the processing log {of_whom}: {notes.keyless}")
    return sentences
