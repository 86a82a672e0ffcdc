"""Disclosures in PostgreSQL. Each step is also recorded in the archive, in the same transaction,
and the database holds the rules as well: triggers of `0027_disclosure.sql`."""

import os
from collections.abc import Awaitable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from archiver.disclosure.disclosure import (
    EVENTS,
    GONE,
    MAX_DOCUMENTS,
    PERSONS,
    Disclosure,
    DisclosureEvent,
    DisclosureRefused,
    Document,
    Extent,
    Kind,
    State,
    Verdict,
    check_state,
    check_step,
)
from archiver.disclosure.redaction import Redactions
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import SALT_BYTES, seal, unseal
from archiver.log.writer import writer_in_transaction
from archiver.retention.hold import Hold
from archiver.retention.hold_store import HoldStore
from services import clock
from services.contract import Identified, Record
from services.postgres.database import Connection

KIND = "disclosure"
"""Kind of the records of steps."""
SHOWN = ("message", "note", "conversation", "annotation", "media")
"""Kinds of entries that somebody must look at. A status that comes later changes nothing."""
MAX_LISTED = 500
"""Disclosures in one answer."""
REFUSED = frozenset(("23514", "42501"))
"""SQLSTATEs by which the database refuses a step: a check, a row that is kept."""
DESTROYED = "its conversation was destroyed"


class DisclosureStore:
    """Reads and writes disclosures on the connection of one transaction. `identified` is the source
    of the names that it is given."""

    def __init__(
        self, connection: Connection, keys: KeyStore, identified: Identified = "stated"
    ) -> None:
        self._connection, self._keys, self._identified = connection, keys, identified
        self._writer = writer_in_transaction(connection, keys)

    async def draw(
        self, kind: Kind, hold: Hold, named: Sequence[str], by: str, text: str, now: datetime
    ) -> Disclosure:
        """Draw a disclosure of what a hold covers, or return the one that is of this hold."""
        row = await self._connection.fetchrow(f"{DISCLOSURES} where hold = $1", hold.id)
        if row:
            return read_disclosure(row)
        number = await self._connection.fetchval("select nextval('archiver.disclosure_number')")
        id = f"WOO-{now.year}-{number:04}"
        names = sorted(set(named))
        await self._connection.execute(_DRAW, id, hold.tenant, kind, hold.id, names, by, now)
        found = await self.lock(id)
        assert found is not None
        fields = {"kind": kind, "hold": hold.id, "named": tuple(names), "text": text}
        await self._record(found, now, event="drawn", by=by, **fields)
        return found

    async def refresh(self, found: Disclosure, by: str, now: datetime) -> tuple[Extent, ...]:
        """Add what the hold covers since the last time, and return what changed. A document that
        goes on further is decided anew. Raises DisclosureRefused."""
        check_state(found, "drawn")
        holds = HoldStore(self._connection, self._keys)
        hold = await holds.find(found.hold)
        assert hold is not None
        if hold.lifted_at:
            raise DisclosureRefused(f"{hold.id} was lifted: it selects nothing any more", "lifted")
        covered = await holds.covered_conversations(hold, MAX_DOCUMENTS + 1)
        known = {each.conversation: each for each in await self.documents(found.id)}
        new = [each for each in covered if each not in known]
        if len(known) + len(new) > MAX_DOCUMENTS:
            sentence = f"over {MAX_DOCUMENTS} documents: make the selection smaller"
            raise DisclosureRefused(sentence, "too_many")
        ends = await self._ends([*known, *new], found.tenant)
        numbers = {each: number for number, each in enumerate(new, len(known) + 1)}
        changed = [
            *(Extent(each.number, id, ends[id].up_to)
              for id, each in known.items() if id in ends and ends[id].newest > each.up_to),
            *(Extent(numbers[id], id, ends[id].up_to) for id in new),
        ]  # fmt: skip
        rows = [(found.id, found.tenant, *_tuple(each)) for each in changed]
        await _obeyed(self._connection.executemany(_EXTEND, rows))
        if changed:
            extents = tuple(sorted(changed, key=lambda each: each.number))
            await self._record(found, now, event="refreshed", by=by, extents=extents)
            return extents
        return ()

    async def _ends(self, conversations: Sequence[str], tenant: str) -> "dict[str, _End]":
        rows = await self._connection.fetch(_ENDS, tenant, list(conversations), SHOWN)
        return {row["conversation"]: _End(row["newest"], row["up_to"]) for row in rows}

    async def redact(
        self, found: Disclosure, document: Document, redactions: Redactions, by: str, now: datetime
    ) -> None:
        """Keep the redactions of a document, which is decided anew. Raises DisclosureRefused."""
        check_state(found, "drawn")
        salt = sealed = None
        if not redactions.is_empty:
            key = await self._key(found, document)
            salt = os.urandom(SALT_BYTES)
            plain = msgspec.msgpack.encode(redactions)
            sealed = seal(key, salt, plain, _context(found, document))
        order = found.id, document.number, salt, sealed, by
        await _obeyed(self._connection.execute(_REDACT, *order))
        hash = hash_sealed(sealed)
        fields = {"number": document.number, "sealed_sha256": hash}
        await self._record(found, now, event="redacted", by=by, **fields)

    async def redactions(self, found: Disclosure, document: Document) -> Redactions:
        """Return the redactions of a document. Raises DisclosureRefused if it was destroyed, and
        CannotDecrypt if they were altered."""
        row = await self._connection.fetchrow(_SEALED, found.id, document.number)
        if row is None or row["sealed"] is None:
            return Redactions()
        key = await self._key(found, document)
        plain = unseal(key, row["salt"], row["sealed"], _context(found, document))
        return msgspec.msgpack.decode(plain, type=Redactions)

    async def decide(
        self, found: Disclosure, verdicts: Sequence[Verdict], by: str, now: datetime
    ) -> None:
        """Decide about documents. Raises DisclosureRefused.

        The records come last and together: nobody else writes to the log until the end.
        """
        check_state(found, "drawn")
        for each in verdicts:
            order = found.id, each.number, each.decision, list(each.grounds), by, now
            await _obeyed(self._connection.execute(_DECIDE, *order))
        records = [
            self._build_record(found, now, event="decided", by=by, **msgspec.structs.asdict(each))
            for each in verdicts
        ]
        await self._writer.add(records)

    async def step(
        self, found: Disclosure, step: State, by: str, text: str, now: datetime
    ) -> Disclosure:
        """Take a step with a disclosure that `lock` returned. Raises DisclosureRefused."""
        check_step(found, step)
        await _obeyed(self._connection.execute(_STEPS[step], found.id, by, now))
        await self._record(found, now, event=EVENTS[step], by=by, text=text)
        return await self.lock(found.id) or found

    async def note_export(self, found: Disclosure, by: str, text: str, now: datetime) -> None:
        """Record that an approved disclosure is written to be handed over."""
        await self._record(found, now, event="exported", by=by, text=text)

    async def find(self, id: str) -> Disclosure | None:
        row = await self._connection.fetchrow(f"{DISCLOSURES} where id = $1", id)
        return read_disclosure(row) if row else None

    async def lock(self, id: str) -> Disclosure | None:
        """Read a disclosure, with which nobody else takes a step until the transaction ends."""
        row = await self._connection.fetchrow(f"{DISCLOSURES} where id = $1 for update", id)
        return read_disclosure(row) if row else None

    async def disclosures(self, tenant: str) -> list[Disclosure]:
        """Return the disclosures of a municipality, the newest first; '' for all."""
        return [
            read_disclosure(row) for row in await self._connection.fetch(_ALL, tenant, MAX_LISTED)
        ]

    async def documents(self, id: str) -> list[Document]:
        """Return the documents of a disclosure, in order."""
        return [read_document(row) for row in await self._connection.fetch(_DOCUMENTS, id)]

    async def steps(self, found: Disclosure) -> list[tuple[datetime, DisclosureEvent]]:
        """Return the steps of a disclosure, oldest first."""
        rows = await self._connection.fetch(_EVENTS, found.tenant)
        decoded = [(row["at"], decode_event(row["data"])) for row in decrypt_rows(rows, self._keys)]
        return [(at, step) for at, step in decoded if step.disclosure == found.id]

    async def _key(self, found: Disclosure, document: Document) -> bytes:
        place = found.tenant, document.conversation
        keys = await self._keys.existing_conversation_keys([place])
        if place not in keys:
            raise DisclosureRefused(f"document {document.number}: {DESTROYED}", GONE)
        return keys[place]

    async def _record(self, found: Disclosure, now: datetime, **fields: Any) -> None:
        await self._writer.add([self._build_record(found, now, **fields)])

    def _build_record(self, found: Disclosure, now: datetime, **fields: Any) -> Record:
        event = DisclosureEvent(disclosure=found.id, identified=self._identified, **fields)
        data = msgspec.json.encode(event)
        return Record(id=clock.new_id(now), kind=KIND, at=now, data=data, tenant=found.tenant)


class _End(msgspec.Struct, frozen=True):
    """End of a conversation: position of the newest entry that somebody must look at, and of the
    last one."""

    newest: int
    up_to: int


decode_event = msgspec.json.Decoder(DisclosureEvent).decode
_tuple = msgspec.structs.astuple


def hash_sealed(sealed: bytes | None) -> str:
    """Return the hash of redactions as they are sealed, which tells nothing of them."""
    return sha256(sealed).hexdigest() if sealed else ""


def _context(found: Disclosure, document: Document) -> bytes:
    return f"{found.id} {document.number} {document.conversation}".encode()


def read_disclosure(row: Any) -> Disclosure:
    return Disclosure(**{**row, "named": tuple(row["named"])})


def read_document(row: Any) -> Document:
    fields = {name: row[name] for name in Document.__struct_fields__}
    lists = {name: tuple(row[name]) for name in ("grounds", "handled_by")}
    return Document(**fields | lists)


async def _obeyed(order: Awaitable[Any]) -> Any:
    """Return what the database answers. Raises DisclosureRefused if it refuses."""
    try:
        return await order
    except Exception as error:
        if getattr(error, "sqlstate", None) not in REFUSED:
            raise
        name = getattr(error, "constraint_name", None) or ""
        raise DisclosureRefused(PERSONS.get(name, str(error)), *filter(None, [name])) from None


DISCLOSURES = f"select {', '.join(Disclosure.__struct_fields__)} from archiver.disclosure"
DOCUMENT = ", ".join(Document.__struct_fields__)
_ALL = f"{DISCLOSURES} where ($1 = '' or tenant = $1) order by drawn_at desc, id desc limit $2"
_DOCUMENTS = f"""
select {DOCUMENT} from archiver.disclosure_document where disclosure = $1 order by number
"""
_DRAW = """
insert into archiver.disclosure (id, tenant, kind, hold, named, drawn_by, drawn_at)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_ENDS = """
select e.conversation, max(e.position) as up_to,
    coalesce(max(e.position) filter (where e.kind = any($3::text[])), 0) as newest
from archiver.entry e where e.tenant = $1 and e.conversation = any($2::text[])
group by e.conversation
"""
_EXTEND = """
insert into archiver.disclosure_document as d (disclosure, tenant, number, conversation, up_to)
values ($1, $2, $3, $4, $5)
on conflict (disclosure, number) do update set up_to = excluded.up_to, decision = '',
    grounds = '{}', decided_by = null, decided_at = null
"""
_REDACT = """
update archiver.disclosure_document d set salt = $3, sealed = $4, decision = '', grounds = '{}',
    decided_by = null, decided_at = null,
    handled_by = case when $5::text = any(d.handled_by) then d.handled_by
        else array_append(d.handled_by, $5::text) end
where d.disclosure = $1 and d.number = $2
"""
_DECIDE = """
update archiver.disclosure_document d set decision = $3, grounds = $4, decided_by = $5,
    decided_at = $6,
    handled_by = case when $5::text = any(d.handled_by) then d.handled_by
        else array_append(d.handled_by, $5::text) end
where d.disclosure = $1 and d.number = $2
"""
_SEALED = """
select salt, sealed from archiver.disclosure_document where disclosure = $1 and number = $2
"""
_STEPS: dict[State, str] = {
    "reviewed": """
update archiver.disclosure set state = 'reviewed', reviewed_by = $2, reviewed_at = $3 where id = $1
""",
    "drawn": """
update archiver.disclosure set state = 'drawn', reviewed_by = null, reviewed_at = null
where id = $1 and $2 <> '' and $3::timestamptz is not null
""",
    "approved": """
update archiver.disclosure set state = 'approved', approved_by = $2, approved_at = $3 where id = $1
""",
}
_EVENTS = f"{RECORDS} where e.tenant = $1 and e.kind = 'disclosure' order by e.id"
