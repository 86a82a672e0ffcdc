"""Loading the evidence of a subject, from the tables of all services and the archive."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from archiver.encryption.decrypt_rows import JOIN_KEYS, SELECT_COLUMNS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import decode_data
from cli.trace.evidence import Entry, Evidence, Row, Subject
from cli.trace.search import fetch_rows
from services.postgres.database import Connection

MAX_ENTRIES = 300
"""Most entries of the archive, and most rows of each other kind, in one trace."""
LATER_CHANGES = 50
"""Most changes of the conversation after the message."""


async def load_evidence(connection: Connection, keys: KeyStore, subject: Subject) -> Evidence:
    """Load everything that is known about a subject."""
    decided = await _load_decided(connection, subject)
    entries = await _load_entries(connection, keys, subject, decided)
    ids = [entry.id for entry in entries]
    more = await fetch_rows(connection, _BY_RECORDS, ids, MAX_ENTRIES)
    decided = list({row["key"]: row for row in [*decided, *more]}.values())
    messages = {*subject.messages, *(entry.message for entry in entries if entry.message)}
    messages |= {row[name] for row in decided for name in ("message", "send") if row[name]}
    events = _events(subject, decided, entries)
    fetch = partial(fetch_rows, connection)
    begun = {id for row in decided for id in (row["record"], *row["records"], *row["events"])}
    begun |= {*subject.records, *messages, *events[1], *ids, *_quarantined(subject, decided)}
    return Evidence(
        entries=tuple(entries[:MAX_ENTRIES]),
        decided=tuple(decided),
        commands=tuple(await fetch(_COMMANDS, list(messages))),
        deliveries=tuple(await fetch(_DELIVERIES, *events)),
        held=tuple(await fetch(_HELD, events[1])),
        waiting=tuple(await fetch(_WAITING, *events)),
        sends=tuple(await fetch(_SENDS, list(messages))),
        files=tuple(await fetch(_FILES, list(messages))),
        quarantined=tuple(await fetch(_QUARANTINED, _quarantined(subject, decided))),
        contacts=tuple(await fetch(_CONTACTS, events[1])),
        missing=tuple(await fetch(_MISSING, [id for id in begun if id])),
        paused={row["destination"]: row["since"] for row in await fetch(_PAUSED)},
        ended_before=await connection.fetchval(_ENDED_BEFORE),
        is_cut=len(entries) > MAX_ENTRIES,
    )


async def _load_decided(connection: Connection, subject: Subject) -> list[Row]:
    messages = list(subject.messages)
    arguments = list(subject.keys), list(subject.records), messages, MAX_ENTRIES
    return await fetch_rows(connection, _DECIDED, *arguments)


async def _load_entries(
    connection: Connection, keys: KeyStore, subject: Subject, decided: Sequence[Row]
) -> list[Entry]:
    """Return the entries in the order of time, one more than MAX_ENTRIES if there are too many."""
    limit = MAX_ENTRIES + 1
    if subject.conversation:
        rows = await fetch_rows(connection, _OF_CONVERSATION, subject.conversation, limit)
        return _entries(rows, keys)
    records = {*subject.records, *(id for row in decided for id in row["records"])}
    messages = {*subject.messages, *(row["message"] for row in decided if row["message"])}
    messages |= {row["send"] for row in decided if row["send"]}
    receipts = {subject.receipt} - {None}
    found = await fetch_rows(
        connection, _ENTRIES, list(records), list(messages), list(receipts), limit
    )
    entries = _entries(found, keys)
    entries += await _load_destructions(connection, keys, entries)
    first = next((e for e in entries if e.kind == "message" and e.conversation), None)
    if first is None or subject.receipt:
        return entries
    ids = [entry.id for entry in entries]
    later = await fetch_rows(
        connection, _LATER, first.conversation, first.sequence, ids, LATER_CHANGES
    )
    return [*entries, *_entries(later, keys)]


async def _load_destructions(
    connection: Connection, keys: KeyStore, entries: Sequence[Entry]
) -> list[Entry]:
    """Return what destroyed the contents of these entries, with their conversation."""
    shut = [entry for entry in entries if entry.fields is None and entry.conversation]
    wanted = {(entry.tenant, entry.conversation) for entry in shut}
    if not wanted:
        return []
    tenants, conversations = zip(*sorted(wanted), strict=True)
    known = [entry.id for entry in entries]
    arguments = tenants, conversations, known, MAX_ENTRIES
    return _entries(await fetch_rows(connection, _DESTRUCTIONS, *arguments), keys)


def _entries(rows: Sequence[Any], keys: KeyStore) -> list[Entry]:
    decrypted = {row["id"]: decode_data(row) for row in decrypt_rows(rows, keys)}
    return [
        Entry(
            fields=decrypted.get(row["id"]),
            **{name: row[name] for name in Entry.__struct_fields__ if name != "fields"},
        )
        for row in rows
    ]


def _events(
    subject: Subject, decided: Iterable[Row], entries: Iterable[Entry]
) -> tuple[list[str], list[UUID]]:
    """Return destinations and events, in two columns, each pair once."""
    pairs = [
        pair for row in decided for pair in zip(row["destinations"], row["events"], strict=True)
    ]
    pairs += [
        (entry.fields["destination"], UUID(entry.fields["event"]))
        for entry in entries
        if entry.kind == "delivery" and entry.fields
    ]
    if subject.event and subject.destination:
        pairs.append((subject.destination, subject.event))
    unique = list(dict.fromkeys(pairs))
    return [destination for destination, _ in unique], [event for _, event in unique]


def _quarantined(subject: Subject, decided: Iterable[Row]) -> list[UUID]:
    ids = {row["record"] for row in decided if row["is_quarantined"]}
    return [id for id in {*ids, subject.quarantined} if id]


_INBOX = """
select i.key, i.receipt, i.message, i.decided_at, i.partition, i.number, i.record, i.records,
    i.events, i.destinations, i.send, i.is_quarantined, i.xact,
    coalesce(l.published >= i.xact, true) as is_published, l.published_at
from router.inbox i left join router.lease l using (partition)
"""
_DECIDED = f"""{_INBOX}
where i.key = any($1::bytea[]) or i.record = any($2::uuid[]) or i.message = any($3::uuid[])
limit $4
"""
_BY_RECORDS = f"{_INBOX} where i.record = any($1::uuid[]) limit $2"
_WRITTEN = f"{SELECT_COLUMNS}, e.written_at from archiver.entry e {JOIN_KEYS}"
_ENTRIES = f"""{_WRITTEN}
where e.id = any($1::uuid[]) or e.message = any($2::uuid[]) or e.receipt = any($3::uuid[])
    or e.id = any($3::uuid[])
order by e.id limit $4
"""
_OF_CONVERSATION = f"{_WRITTEN} where e.conversation = $1 order by e.sequence, e.id limit $2"
_DESTRUCTIONS = f"""{_WRITTEN}
where (e.tenant, e.conversation) in (select * from unnest($1::text[], $2::text[]))
    and e.conversation <> '' and e.kind = 'destruction' and e.message is null and e.id <> all($3)
order by e.position limit $4
"""
_LATER = f"""{_WRITTEN}
where e.conversation = $1 and e.sequence > $2 and e.kind = 'conversation' and e.id <> all($3)
order by e.sequence, e.id limit $4
"""
_COMMANDS = """
select id, accepted_at, tried_at, confirmed_at from gateway.command where id = any($1::uuid[])
"""
_DELIVERIES = """
select destination, event, state, attempts, replays, status, reason, at, due_at
from deliverer.delivery
where (destination, event) in (select * from unnest($1::text[], $2::uuid[]))
"""
_HELD = "select id as event, destination from router.held where id = any($1::uuid[])"
_WAITING = """
select destination, event, at from router.waiting
where (destination, event) in (select * from unnest($1::text[], $2::uuid[]))
"""
_SENDS = """
select id, state, attempt, due_at, claimed_at, code, reason, stopped,
    media is not null as has_media,
    test or reason like 'not_on_guest_list%' as is_kept_from_meta,
    exists (select from deliverer.ledger b
        where (b.person, b.number) = (l.person, l.number) and b.position < l.position
            and b.state in ('queued', 'sending', 'unknown')) as is_behind
from deliverer.ledger l where id = any($1::uuid[])
"""
_FILES = """
select id, state, attempts, due_at, reason, sent_at, ended_at from archiver.media
where id = any($1::uuid[])
"""
_QUARANTINED = """
select id, at, reason, refusal, again_at, published_at, dropped_at from router.quarantine
where id = any($1::uuid[])
"""
_CONTACTS = """
select k.destination, k.event, k.klantcontact, k.number, k.posted_at, t.internetaak,
    t.number as task_number, t.ended, t.ended_at, t.refused, t.removed
from deliverer.klantcontact k left join deliverer.internetaak t
    on (t.destination, t.contact) = (k.destination, k.event)
where k.event = any($1::uuid[])
"""
_ENDED_BEFORE = "select nullif(first_at, '-infinity') from router.cleared"
_PAUSED = "select destination, since from deliverer.pause"
_MISSING = """
select equation, id, subject, began_at as since, is_gone from balance.open
where part = 'missing' and id = any($1::uuid[])
"""
