"""Writing what decisions changed to the router's tables, and the statements that do so.

Each statement writes many rows at once: the last state of each thing in the batch.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from router.model.changes import Changes, Identity, LedgerInsert
from router.model.consent import Consent
from router.model.conversation import Conversation, ReadReceipt
from router.model.snapshot import Snapshot
from router.model.stored_text import StoredText, plain_text
from router.store.bindings import CONVERSATION_COLUMNS, conversation_binding, identity_seal
from services.postgres.database import Connection
from services.sealing.columns import (
    ADDRESS,
    CONSENT,
    CONVERSATION,
    EMPLOYEE,
    WAMID,
    bind,
    bind_ledger,
    is_current_json,
    seal_content,
    seal_json,
)
from services.sealing.key_ring import RING

_encode_json = msgspec.json.Encoder().encode
_bound = attrgetter(*CONVERSATION_COLUMNS)


async def save_changes(connection: Connection, changes: Sequence[Changes]) -> None:
    """Write the last state of each thing that changed."""
    if identities := [i for c in changes for i in c.identities]:
        await _save_identities(connection, identities)
    changed = [each for c in changes for each in (c.merged_conversation, c.conversation) if each]
    if conversations := {conversation.id: conversation for conversation in changed}:
        rows = [_conversation_row(c) for c in conversations.values()]
        await connection.execute(UPSERT_CONVERSATION, *columns(rows, 16))
    messages = [each for c in changes for each in (c.outgoing, c.other_outgoing) if each]
    if outgoing := {message.id: message for message in messages}:
        rows = [msgspec.structs.astuple(o) for o in outgoing.values()]
        await connection.execute(UPSERT_OUTGOING, *columns(rows, 12))
    if charges := {c.charge.id: c.charge for c in changes if c.charge}:
        rows = [msgspec.structs.astuple(charge) for charge in charges.values()]
        await connection.execute(UPSERT_CHARGE, *columns(rows, 10))
    await _save_sends(connection, changes)
    await _save_early_statuses(connection, changes)
    await _save_read_receipts(connection, changes)
    await _save_templates_and_opt_outs(connection, changes)
    await _save_consents(connection, changes)
    await _save_timers(connection, changes)
    if notices := {c.number_notice.number: c.number_notice for c in changes if c.number_notice}:
        rows = [msgspec.structs.astuple(notice) for notice in notices.values()]
        await connection.execute(UPSERT_STANDING, *columns(rows, 7))


async def _save_sends(connection: Connection, changes: Sequence[Changes]) -> None:
    """Accept messages for Meta, and settle or repeat sends with an unknown result."""
    if sends := [_send_row(c.send) for c in changes if c.send]:
        await connection.execute(INSERT_SEND, *columns(sends, 18))
    if settled := [c.settled_send for c in changes if c.settled_send]:
        settled = [(id, RING.seal_text(wamid, WAMID, bind(id))) for id, wamid in settled]
        await connection.execute(SETTLE_SEND, *columns(settled, 2))
    if repeated := [c.repeated_send for c in changes if c.repeated_send]:
        await connection.execute(REPEAT_SEND, repeated)


async def _save_early_statuses(connection: Connection, changes: Sequence[Changes]) -> None:
    """Store statuses whose message is unknown; delete those that have found their message."""
    if early := [msgspec.structs.astuple(c.early_status) for c in changes if c.early_status]:
        await connection.execute(INSERT_EARLY, *columns(early, 8))
    if consumed := [c.early_status_consumed for c in changes if c.early_status_consumed]:
        await connection.execute(DELETE_EARLY, consumed)


async def _save_read_receipts(connection: Connection, changes: Sequence[Changes]) -> None:
    """Store one for each citizen: that of the message they wrote last."""
    by_time = sorted(
        (c.read_receipt for c in changes if c.read_receipt), key=lambda mark: mark.heard_at
    )
    if marks := {(mark.number, mark.person): mark for mark in by_time}:
        rows = [_mark_row(marks[key]) for key in sorted(marks)]
        await connection.execute(UPSERT_MARK, *columns(rows, 7))


async def _save_timers(connection: Connection, changes: Sequence[Changes]) -> None:
    """Delete the timers that fired, then set the last one of each kind."""
    if fired := [c.fired_timer for c in changes if c.fired_timer]:
        await connection.execute("delete from router.timer where id = any($1::uuid[])", fired)
    if timers := {(t.conversation, t.kind): t for c in changes for t in c.timers}:
        rows = [msgspec.structs.astuple(timers[key]) for key in sorted(timers)]
        await connection.execute(UPSERT_TIMER, *columns(rows, 5))


async def _save_templates_and_opt_outs(connection: Connection, changes: Sequence[Changes]) -> None:
    """Store what Meta's notices say about templates and citizens' preferences."""
    latest = Snapshot()
    for template in (c.template for c in changes if c.template):
        latest.add_template(template)
    for choice in (c.opt_out for c in changes if c.opt_out):
        latest.add_opt_out(choice)
    if templates := latest.templates.loaded():
        rows = [msgspec.structs.astuple(templates[key]) for key in sorted(templates)]
        await connection.execute(UPSERT_TEMPLATE, *columns(rows, 8))
    if opt_outs := latest.opt_outs.loaded():
        rows = [msgspec.structs.astuple(opt_outs[key]) for key in sorted(opt_outs)]
        await connection.execute(UPSERT_OPT_OUT, *columns(rows, 5))


async def _save_consents(connection: Connection, changes: Sequence[Changes]) -> None:
    """Store consents, then withdrawals. A withdrawal ends only the consents given before it."""
    if consents := {c.consent.key: c.consent for c in changes if c.consent}:
        rows = [_consent_row(consents[key]) for key in sorted(consents)]
        await connection.execute(UPSERT_CONSENT, *columns(rows, 9))
    latest = Snapshot()
    for withdrawal in (each for c in changes for each in c.withdrawals):
        latest.add_withdrawal(withdrawal)
    if withdrawals := latest.withdrawals.loaded():
        rows = [msgspec.structs.astuple(withdrawals[key]) for key in sorted(withdrawals)]
        await connection.execute(UPSERT_WITHDRAWAL, *columns(rows, 4))
        await connection.execute(END_CONSENT, *columns(rows, 4))


async def _save_identities(connection: Connection, identities: Sequence[Identity]) -> None:
    """End each identifier where it was, and begin it at its new person unless it has ended.

    An identifier belongs to one person at a time.
    """
    last = list({identity.key: identity for identity in identities}.values())
    ended = [(*identity.key, identity.valid_to or identity.valid_from) for identity in last]
    await connection.execute(END_IDENTITY, *columns(ended, 4))
    rows = [_identity_row(i) for i in last if i.valid_to is None]
    if rows:
        await connection.execute(INSERT_IDENTITY, *columns(rows, 9))


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into the arrays that `unnest` takes."""
    return [[row[n] for row in rows] for n in range(width)]


def _conversation_row(conversation: Conversation) -> tuple[Any, ...]:
    """Return the row of a conversation, with its departments as one text.

    PostgreSQL unnests an array of arrays to single elements.
    """
    reason, state = _sealed_reason(conversation), _sealed_state(conversation)
    row = msgspec.structs.astuple(conversation)
    departments = " ".join(conversation.departments)
    return (*row[:6], reason, *row[7:11], departments, *row[12:14], state, conversation.said_at)


def _sealed_state(conversation: Conversation) -> str:
    """Return the state, sealed. One that did not change, nor what it is bound to, stays as it is in
    the row, as long as its key still seals: after that it is sealed again, so that the key can
    end."""
    stored, bound = conversation.stored, conversation_binding(*_bound(conversation))
    is_same = stored and stored.state is conversation.state and stored.bound == bound
    if stored and is_same and is_current_json(stored.sealed):
        return stored.sealed
    return seal_json(_encode_json(conversation.state).decode(), CONVERSATION, bound)


def _sealed_reason(conversation: Conversation) -> str:
    """Return the reason, sealed. It is that of the row as long as its key still seals."""
    reason = conversation.reason
    if isinstance(reason, StoredText) and RING.is_current(sealed := reason.sealed()):
        return sealed
    return RING.seal_text(plain_text(reason), CONVERSATION, bind(conversation.id))


def _identity_row(identity: Identity) -> tuple[Any, ...]:
    stored = msgspec.structs.replace(identity, value=_sealed_name(identity.value))
    return *msgspec.structs.astuple(stored)[:8], identity_seal(msgspec.structs.asdict(stored))


def _sealed_name(name: str | StoredText) -> str:
    """Return the name, sealed. Equal ones are sealed alike, so that one from a row is itself."""
    return RING.seal_name(name, ADDRESS) if isinstance(name, str) else name.sealed()


def _send_row(send: LedgerInsert) -> tuple[Any, ...]:
    addressed = msgspec.structs.replace(send, address=_sealed_name(send.address))
    sealed = msgspec.structs.replace(
        addressed,
        content=seal_content(send.content, bind_ledger(msgspec.structs.asdict(addressed))),
        about_wamid=RING.seal_text(send.about_wamid, WAMID, bind(send.about)),
        author=RING.seal_text(send.author, EMPLOYEE, bind(send.id)),
    )
    return msgspec.structs.astuple(sealed)


def _mark_row(mark: ReadReceipt) -> tuple[Any, ...]:
    bound = bind(mark.number, mark.person, mark.id)
    wamid = RING.seal_text(mark.wamid, WAMID, bound)
    return msgspec.structs.astuple(msgspec.structs.replace(mark, wamid=wamid))


def _consent_row(consent: Consent) -> tuple[Any, ...]:
    bound = bind(consent.tenant, consent.person, consent.purpose)
    source = RING.seal_text(consent.source, CONSENT, bound)
    return msgspec.structs.astuple(msgspec.structs.replace(consent, source=source))


END_IDENTITY = """
update router.identity i set valid_to = n.at
from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[]) n (tenant, kind, hash, at)
where (i.tenant, i.kind, i.hash) = (n.tenant, n.kind, n.hash) and i.valid_to is null
"""

INSERT_IDENTITY = """
insert into router.identity (tenant, kind, hash, value, person, valid_from, scope, merged, seal)
select * from unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::uuid[],
    $6::timestamptz[], $7::text[], $8::boolean[], $9::bytea[])
"""

UPSERT_CONVERSATION = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, sequence, departments, zaak, closed_at, state, said_at)
select id, tenant, number, person, department, rule, reason, since, opened_at, last_inbound_at,
    sequence, string_to_array(departments, ' '), zaak, closed_at, state::jsonb, said_at
from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::bigint[],
    $12::text[], $13::text[], $14::timestamptz[], $15::text[], $16::timestamptz[])
    as new (id, tenant, number, person, department, rule, reason, since, opened_at,
        last_inbound_at, sequence, departments, zaak, closed_at, state, said_at)
on conflict (id) do update set person = excluded.person, department = excluded.department,
    rule = excluded.rule, reason = excluded.reason, since = excluded.since,
    last_inbound_at = excluded.last_inbound_at, sequence = excluded.sequence,
    departments = excluded.departments, zaak = excluded.zaak, closed_at = excluded.closed_at,
    state = excluded.state, said_at = excluded.said_at
"""

UPSERT_TIMER = """
insert into router.timer (id, conversation, number, kind, due_at)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
on conflict (conversation, kind) do update set id = excluded.id, due_at = excluded.due_at,
    told_at = null
"""

UPSERT_STANDING = """
insert into router.standing (number, state, state_text, state_until, notice, notice_id,
    notice_until)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[],
    $7::timestamptz[])
on conflict (number) do update set state = excluded.state, state_text = excluded.state_text,
    state_until = excluded.state_until, notice = excluded.notice, notice_id = excluded.notice_id,
    notice_until = excluded.notice_until
"""

UPSERT_OUTGOING = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    reason, code, wamid_hash, type, author_kind)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::text[], $9::int[], $10::bytea[], $11::text[], $12::text[])
on conflict (id) do update set status = excluded.status, changed_at = excluded.changed_at,
    reason = excluded.reason, code = excluded.code, wamid_hash = excluded.wamid_hash
"""

UPSERT_CHARGE = """
insert into router.charge (id, tenant, number, department, category, type, pricing_model, billable,
    said_by, delivered_at)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::boolean[], $9::text[], $10::timestamptz[])
on conflict (id) do update set category = excluded.category, type = excluded.type,
    pricing_model = excluded.pricing_model, billable = excluded.billable,
    said_by = excluded.said_by, delivered_at = excluded.delivered_at
"""

# The wamid of an outgoing message is in the ledger once it was sent; until then the deliverer
# waits.
INSERT_SEND = """
insert into deliverer.ledger (id, number, conversation, person, address_kind, address, content,
    created_at, due_at, about, about_wamid, media, purpose, author_kind, author, asks,
    place, traceparent, test)
select id, number, conversation, person, address_kind, address,
    convert_from(content, 'UTF8')::jsonb, created_at, created_at, about,
    coalesce(nullif(about_wamid, ''), (select wamid from deliverer.ledger q where q.id = new.about),
        ''),
    media, purpose, author_kind, author, asks, place, traceparent, test
from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::bytea[], $8::timestamptz[], $9::uuid[], $10::text[], $11::uuid[], $12::text[],
    $13::text[], $14::text[], $15::boolean[], $16::bigint[], $17::text[], $18::boolean[])
    as new (id, number, conversation, person, address_kind, address, content, created_at, about,
        about_wamid, media, purpose, author_kind, author, asks, place, traceparent, test)
on conflict (id) do nothing
"""

# A message that Meta reports on by our own value was sent, whatever its state: even one that waits
# for a retry, because a proxy passed it on and then refused it. A row that is being claimed is
# waited for.
SETTLE_SEND = """
update deliverer.ledger l set state = 'sent', wamid = s.wamid
from unnest($1::uuid[], $2::text[]) s (id, wamid)
where l.id = s.id and (l.state <> 'sent' or l.wamid = '')
"""

# The order of arrival counts again: the message goes before later ones to its citizen that wait.
REPEAT_SEND = """
update deliverer.ledger set state = 'queued', due_at = now(), first_at = null, code = 0, reason = ''
where id = any($1::uuid[]) and state = 'unconfirmed'
"""

INSERT_EARLY = """
insert into router.early_status (wamid_hash, status, number, code, reason, at, pricing, received_at)
select * from unnest($1::bytea[], $2::text[], $3::text[], $4::int[], $5::text[],
    $6::timestamptz[], $7::bytea[], $8::timestamptz[])
on conflict do nothing
"""

DELETE_EARLY = "delete from router.early_status where wamid_hash = any($1::bytea[])"

# One row for each citizen, the newest: Meta also marks everything before it as read.
UPSERT_MARK = """
insert into deliverer.mark as m (number, person, id, wamid, heard_at, typing, created_at, due_at)
select number, person, id, wamid, heard_at, typing, created_at, created_at
from unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bool[],
    $7::timestamptz[]) as new (number, person, id, wamid, heard_at, typing, created_at)
on conflict (number, person) do update set id = excluded.id, wamid = excluded.wamid,
    heard_at = excluded.heard_at, typing = excluded.typing, created_at = excluded.created_at,
    due_at = excluded.due_at, attempt = 0
where m.heard_at <= excluded.heard_at
"""

# The status that Meta gave last counts, in whatever order it came, as in `Template.then`.
UPSERT_TEMPLATE = """
insert into router.template as t
    (waba, name, language, status, category, reason, changed_at, noticed_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::timestamptz[])
on conflict (waba, name, language) do update set
    category = coalesce(nullif(excluded.category, ''), t.category),
    noticed_at = greatest(t.noticed_at, excluded.noticed_at),
    (status, reason, changed_at) = (
        select n.status, n.reason, n.changed_at
        from (values (0, excluded.status, excluded.reason, excluded.changed_at),
            (1, t.status, t.reason, t.changed_at)) n (place, status, reason, changed_at)
        order by n.status = '', n.changed_at desc, n.place limit 1)
"""

UPSERT_OPT_OUT = """
insert into router.opt_out as o (tenant, person, category, value, at)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
on conflict (tenant, person, category) do update set value = excluded.value, at = excluded.at
where o.at <= excluded.at
"""

# A newer row that another partition wrote for the same person stays.
UPSERT_CONSENT = """
insert into router.consent as c (tenant, person, purpose, source, given_at, recorded_at,
    recorded_by, ended_at, ended_by)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::text[], $8::timestamptz[], $9::text[])
on conflict (person, tenant, purpose) do update set source = excluded.source,
    given_at = excluded.given_at, recorded_at = excluded.recorded_at,
    recorded_by = excluded.recorded_by, ended_at = excluded.ended_at, ended_by = excluded.ended_by
where c.given_at < excluded.given_at
    or (c.given_at = excluded.given_at and c.ended_at is null)
"""

UPSERT_WITHDRAWAL = """
insert into router.withdrawal as w (tenant, person, by, at)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[])
on conflict (person, tenant, by) do update set at = excluded.at where w.at < excluded.at
"""

END_CONSENT = """
update router.consent c set ended_at = n.at, ended_by = n.by
from unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) n (tenant, person, by, at)
where (c.tenant, c.person) = (n.tenant, n.person) and c.ended_at is null and c.given_at <= n.at
"""
