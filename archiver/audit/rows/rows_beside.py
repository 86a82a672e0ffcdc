"""Verify the tables beside the log: the processing log, citizens' requests, the quarantines, the
losses that were accepted in the balance, and terms, holds and destruction.

They are working tables, which somebody with all rights on the database can change. Each row of them
has an entry, which nobody can change unseen.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from archiver.audit.log_walk import Finding
from archiver.audit.rows.acceptance_rows import verify_acceptances, verify_beginnings
from archiver.audit.rows.declaration_rows import verify_declarations
from archiver.audit.rows.destruction_steps import RecordedSteps
from archiver.audit.rows.disclosure_rows import verify_disclosures
from archiver.audit.rows.dossier_rows import DossierAudit
from archiver.audit.rows.hold_rows import RecordedHolds, verify_holds
from archiver.audit.rows.list_rows import verify_lists
from archiver.audit.rows.order_rows import OrderNotes, verify_orders
from archiver.audit.rows.processing_rows import ProcessingNotes, verify_processing
from archiver.audit.rows.quarantine_rows import count_units, verify_quarantines
from archiver.audit.rows.recorded_lists import RecordedLists
from archiver.audit.rows.request_rows import verify_requests
from archiver.encryption.key_store import KeyStore
from archiver.retention.selection import TenantTerms
from services.postgres.database import Connection
from services.sealing.key_ring import KeyRing

WITHOUT_KEY = """
without the master key: the requests, the holds, the disclosures, the terms, the destruction lists,
the losses that were accepted, what rows of the processing log and of the quarantine say, and the
index
"""
WITHOUT_WORKING_KEY = "without POSTKAMER_WORKING_KEY: the content of what the router set aside"


class Unseen(msgspec.Struct):
    """Sentences on what was not looked at, for the reader of the result."""

    sentences: list[str] = []


class Means(msgspec.Struct, frozen=True):
    """Means to look with, beside the keys of the archive."""

    ring: KeyRing | None = None
    """Working keys of the router."""
    order_keys: Sequence[bytes] = ()
    """Keys of the orders of destruction, the newest first."""
    terms: Mapping[str, TenantTerms] | None = None
    """Terms of each municipality; None without a configuration."""


NO_MEANS = Means()


async def verify_rows(
    connection: Connection, keys: KeyStore | None, unseen: Unseen, means: Means = NO_MEANS
) -> AsyncIterator[Finding]:
    """Yield what is wrong, and fill `unseen`. Run in a transaction that reads one snapshot."""
    if means.ring is None and await count_units(connection):
        unseen.sentences.append(WITHOUT_WORKING_KEY)
    notes = ProcessingNotes()
    async for finding in verify_processing(connection, keys, notes):
        yield finding
    unseen.sentences += _processing_sentences(notes)
    async for finding in _verify_with_keys(connection, keys, unseen, means):
        yield finding
    for finding in await verify_beginnings(connection):
        yield finding
    async for finding in verify_quarantines(connection, keys, means.ring):
        yield finding


async def _verify_with_keys(
    connection: Connection, keys: KeyStore | None, unseen: Unseen, means: Means
) -> AsyncIterator[Finding]:
    if keys is None:
        unseen.sentences.append(" ".join(WITHOUT_KEY.split()))
        return
    findings, destroyed = await verify_requests(connection, keys)
    holds = RecordedHolds()
    of_holds, shut = await verify_holds(connection, keys, holds)
    of_disclosures, gone = await verify_disclosures(connection, keys)
    for what, number in (("requests", destroyed), ("holds", shut), ("disclosures", gone)):
        if number:
            unseen.sentences.append(f"{what} whose steps were destroyed: {number}")
    findings += [*of_holds, *of_disclosures]
    for finding in (*findings, *await verify_acceptances(connection, keys)):
        yield finding
    async for finding in _verify_destruction(connection, keys, holds, unseen, means):
        yield finding


async def _verify_destruction(
    connection: Connection, keys: KeyStore, holds: RecordedHolds, unseen: Unseen, means: Means
) -> AsyncIterator[Finding]:
    """Yield what is wrong with the dossiers, the lists, the declarations and the orders."""
    dossiers, lists = DossierAudit(connection, keys, means.terms), RecordedLists()
    steps, orders = RecordedSteps(lists, holds), OrderNotes()
    for check in (
        dossiers.verify(),
        verify_lists(connection, keys, lists),
        verify_declarations(connection, keys),
        verify_orders(connection, keys, means.order_keys, steps, orders),
    ):
        async for finding in check:
            yield finding
    for what, number in (
        ("destruction lists whose steps were destroyed", lists.unknown),
        (
            "the last day of keeping on lists, of conversations with a result of their own",
            lists.given,
        ),
        (
            "destructions while a hold on a person or on words stood: what it covered is gone",
            steps.untold,
        ),
        (
            "orders of destruction that do not open with the master keys that were given",
            orders.shut,
        ),
        ("dossiers of which an entry was destroyed alone", dossiers.notes.destroyed),
        (
            "the valuation in dossiers, by other terms than those of the configuration here",
            dossiers.notes.former,
        ),
    ):
        if number:
            unseen.sentences.append(f"{what}: {number}")


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
