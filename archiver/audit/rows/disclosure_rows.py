"""Hold the tables of disclosures against their steps, which are entries of the log.

The steps name no citizen. Redactions are sealed in their row, and a step has the hash of that.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from archiver.audit.log_walk import Finding
from archiver.audit.rows.destruction_records import find_erased, is_shut
from archiver.destruction.destruction_list import is_same
from archiver.disclosure.disclosure import Disclosure, DisclosureEvent, Document
from archiver.disclosure.disclosure_store import (
    DISCLOSURES,
    decode_event,
    hash_sealed,
    read_disclosure,
    read_document,
)
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection

WHAT = "disclosure"
AT_ONCE = 500
"""Entries in memory, up to 120 KB each where they list documents."""
STATES = {"reviewed": "reviewed", "returned": "drawn", "approved": "approved"}
"""Event -> state after it."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class KeptDocument(msgspec.Struct, frozen=True):
    """A document with its redactions, by the hash of how they are sealed."""

    document: Document
    sealed_sha256: str = ""
    decided_at: datetime | None = None


class RecordedDisclosure(msgspec.Struct, frozen=True):
    """A disclosure as its steps say, and the place of its newest step."""

    disclosure: Disclosure
    documents: dict[int, KeptDocument]
    position: int
    entry: UUID
    late: int = 0
    """Steps after its approval, but for those by which it was handed over."""

    def finding(self, sentence: str) -> Finding:
        return Finding(WHAT, sentence, self.position, str(self.entry))


class RecordedDisclosures(msgspec.Struct):
    """The disclosures on the record, and the municipalities of which steps were destroyed."""

    disclosures: dict[str, RecordedDisclosure] = {}
    destroyed: set[str] = set()

    def add(self, row: Mapping[str, Any], step: DisclosureEvent) -> None:
        """Add the next step, in the order of the log."""
        known = self.disclosures.get(step.disclosure)
        if step.event == "drawn" and known is None:
            now, documents = _drawn(row["tenant"], row["at"], step), dict[int, KeptDocument]()
        elif known is None:
            return
        else:
            changes = _changes(row["at"], step)
            now = msgspec.structs.replace(known.disclosure, **changes)
            documents = known.documents | dict(_documents(known.documents, row["at"], step))
        late = known.late if known else 0
        if known and known.disclosure.state == "approved" and step.event != "exported":
            late += 1
        recorded = RecordedDisclosure(now, documents, row["position"], row["id"], late)
        self.disclosures[step.disclosure] = recorded


def _drawn(tenant: str, at: datetime, step: DisclosureEvent) -> Disclosure:
    return Disclosure(
        id=step.disclosure,
        tenant=tenant,
        kind=step.kind,  # type: ignore[arg-type]
        hold=step.hold,
        named=step.named,
        state="drawn",
        drawn_by=step.by,
        drawn_at=at,
        reviewed_by=None,
        reviewed_at=None,
        approved_by=None,
        approved_at=None,
    )


def _changes(at: datetime, step: DisclosureEvent) -> dict[str, Any]:
    state = STATES.get(step.event)
    if state is None:
        return {}
    if state == "drawn":
        return {"state": state, "reviewed_by": None, "reviewed_at": None}
    return {"state": state, f"{state}_by": step.by, f"{state}_at": at}


def _documents(
    known: Mapping[int, KeptDocument], at: datetime, step: DisclosureEvent
) -> Iterator[tuple[int, KeptDocument]]:
    """Yield the documents that a step changes."""
    for extent in step.extents:
        former = known.get(extent.number)
        handled = former.document.handled_by if former else ()
        document = Document(
            number=extent.number,
            conversation=extent.conversation,
            up_to=extent.up_to,
            handled_by=handled,
        )
        sealed = former.sealed_sha256 if former else ""
        yield extent.number, KeptDocument(document, sealed)
    found = known.get(step.number)
    if found is None or step.event not in ("redacted", "decided"):
        return
    handled = tuple(dict.fromkeys((*found.document.handled_by, step.by)))
    is_decided = step.event == "decided"
    document = msgspec.structs.replace(
        found.document,
        decision=step.decision,
        grounds=step.grounds,
        decided_by=step.by if is_decided else None,
        handled_by=handled,
    )
    sealed = found.sealed_sha256 if is_decided else step.sealed_sha256
    yield step.number, KeptDocument(document, sealed, at if is_decided else None)


async def verify_disclosures(connection: Connection, keys: KeyStore) -> tuple[list[Finding], int]:
    """Return what is wrong, and the number of disclosures whose steps were destroyed. Run in a
    transaction that reads one snapshot."""
    recorded = await _read_steps(connection, keys)
    rows = [read_disclosure(row) for row in await connection.fetch(f"{DISCLOSURES} order by id")]
    documents: dict[str, dict[int, KeptDocument]] = {}
    forgotten: set[tuple[str, int]] = set()
    cursor = await connection.cursor(_DOCUMENTS)
    while batch := await cursor.fetch(AT_ONCE):
        for row in batch:
            kept = KeptDocument(read_document(row), hash_sealed(row["sealed"]), row["decided_at"])
            documents.setdefault(row["disclosure"], {})[row["number"]] = kept
            if row["is_destroyed"]:
                forgotten.add((row["disclosure"], row["number"]))
    findings = list(compare(recorded, rows, documents, forgotten))
    shut = [row for row in rows
            if row.id not in recorded.disclosures and row.tenant in recorded.destroyed]  # fmt: skip
    return findings, len(shut)


def compare(
    recorded: RecordedDisclosures,
    rows: Sequence[Disclosure],
    documents: Mapping[str, Mapping[int, KeptDocument]],
    forgotten: set[tuple[str, int]],
) -> Iterator[Finding]:
    """Yield what is wrong. `forgotten`: documents whose conversation was destroyed, and their
    redactions with it. Pure."""
    unseen = dict(recorded.disclosures)
    for row in rows:
        known = unseen.pop(row.id, None)
        if known is None:
            if row.tenant not in recorded.destroyed:
                yield Finding(WHAT, f"nothing on the record drew the disclosure {row.id}")
            continue
        if names := _differences(known.disclosure, row):
            sentence = f"the disclosure {row.id} is not what its steps say: {', '.join(names)}"
            yield known.finding(sentence)
        yield from _compare_documents(known, documents.get(row.id, {}), forgotten)
    for id, known in unseen.items():
        yield known.finding(f"the disclosure {id} is on the record, and its row is gone")
    for id, known in recorded.disclosures.items():
        for sentence in rule_faults(known):
            yield known.finding(f"the disclosure {id} {sentence}")


def rule_faults(known: RecordedDisclosure) -> Iterator[str]:
    """Yield the rules that the steps of a disclosure break. Rows that agree with their steps show
    no more than that nobody changed them afterwards. Pure."""
    found, documents = known.disclosure, known.documents.values()
    if known.late:
        yield "was changed after its approval"
    if found.approved_by is None:
        return
    if is_same(found.drawn_by, found.approved_by):
        yield "was drawn and approved by one person"
    if found.reviewed_by is None:
        yield "was approved, and nobody had reviewed it"
    elif is_same(found.reviewed_by, found.approved_by):
        yield "was reviewed and approved by one person"
    handled = {each for kept in documents for each in kept.document.handled_by}
    if any(is_same(each, found.approved_by) for each in handled):
        yield "was decided and approved by one person"
    if not documents or not all(kept.document.decision for kept in documents):
        yield "was approved, and not all of it was decided"


def _compare_documents(
    known: RecordedDisclosure,
    rows: Mapping[int, KeptDocument],
    forgotten: set[tuple[str, int]],
) -> Iterator[Finding]:
    id = known.disclosure.id
    for number in sorted(known.documents.keys() | rows.keys()):
        said, kept = known.documents.get(number), rows.get(number)
        if said and (id, number) in forgotten:
            said = msgspec.structs.replace(said, sealed_sha256="")
        if said != kept:
            sentence = f"document {number} of the disclosure {id} is not what its steps say"
            yield known.finding(sentence)


def _differences(known: Disclosure, row: Disclosure) -> list[str]:
    names = Disclosure.__struct_fields__
    return [each for each in names if getattr(row, each) != getattr(known, each)]


async def _read_steps(connection: Connection, keys: KeyStore) -> RecordedDisclosures:
    recorded = RecordedDisclosures()
    erased = await find_erased(connection)
    cursor = await connection.cursor(_STEPS)
    while rows := await cursor.fetch(AT_ONCE):
        living = [row for row in rows if not is_shut(row, erased)]
        recorded.destroyed |= {row["tenant"] for row in rows if is_shut(row, erased)}
        for row in decrypt_rows(living, keys):
            try:
                recorded.add(row, decode_event(row["data"]))
            except msgspec.DecodeError:  # not one of ours: its row is missed then
                continue
    return recorded


_STEPS = f"{RECORDS} where e.kind = 'disclosure' order by e.position"
_DOCUMENTS = """
select d.*, not exists (select from archiver.conversation_key k
    where k.tenant = d.tenant and k.conversation = d.conversation) as is_destroyed
from archiver.disclosure_document d order by d.disclosure, d.number
"""
