"""Loading what a batch needs from the router's tables: at most one query for each kind of row."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from router.billing.charges import Charge
from router.conversation.consent import ORDERS
from router.conversation.refusals import MARKETING, template_of
from router.handlers import account_event
from router.handlers.delivery_status import message_id_from_opaque, wamid_key
from router.model.consent import Consent, OptOut, Withdrawal
from router.model.conversation import Conversation, ConversationState
from router.model.decision import (
    Decision,
    EarlyStatus,
    Identity,
    InboundRef,
    NumberNotice,
    OutgoingStatus,
    RoutingContext,
    Template,
    WorkUnit,
)
from router.model.snapshot import Snapshot
from router.text import small_talk
from services.contract import Command, MediaOutcome, SendOutcome, Timeout
from services.postgres.database import Connection
from services.whatsapp import items
from services.whatsapp.identities import address
from services.whatsapp.parser import words

_decode = msgspec.msgpack.Decoder(Decision).decode
_decode_state = msgspec.json.Decoder(ConversationState).decode


async def load_snapshot(
    connection: Connection, units: Sequence[WorkUnit], context: RoutingContext
) -> Snapshot:
    """Load everything that deciding these units takes."""
    snapshot = Snapshot()
    await _load_decisions(connection, units, snapshot)
    # A unit that was decided before is published again from its row and needs nothing else.
    units = [unit for unit in units if unit.key not in snapshot.decided]
    await _load_outgoing(connection, units, snapshot, context)
    await _load_charges(connection, units, snapshot)
    await _load_people(connection, units, snapshot, context)
    await _load_conversations(connection, units, snapshot)
    await _load_templates(connection, units, snapshot)
    await _load_consents(connection, units, snapshot)
    await _load_number_notices(connection, units, snapshot)
    return snapshot


async def _load_decisions(
    connection: Connection, units: Sequence[WorkUnit], snapshot: Snapshot
) -> None:
    """Load the decisions of units that were decided before, and the messages that are quoted."""
    keys, quoted = [unit.key for unit in units], _quoted_messages(units)
    rows = await (
        connection.fetch(_INBOX_OR_QUOTED, keys, quoted)
        if quoted
        else connection.fetch(_INBOX, keys)
    )
    for row in rows:
        decision = _decode(row["decision"])
        snapshot.decided[row["key"]] = row["receipt"], decision
        if row["message"] in quoted:
            heard = InboundRef(row["message"], row["wamid"], decision.conversation)
            snapshot.heard[heard.message] = heard


def _quoted_messages(units: Iterable[WorkUnit]) -> list[UUID]:
    return [
        u.entry.reply_to_message
        for u in units
        if isinstance(u.entry, Command) and u.entry.reply_to_message
    ]


async def _load_outgoing(
    connection: Connection, units: Sequence[WorkUnit], snapshot: Snapshot, context: RoutingContext
) -> None:
    ids = _quoted_messages(units)
    wamids: list[bytes] = []
    new_wamids: list[bytes] = []
    for unit in units:
        if isinstance(unit.entry, SendOutcome):
            ids.append(unit.entry.message)
            new_wamids += [wamid_key(unit.entry.wamid, context)] if unit.entry.wamid else []
        elif isinstance(unit.item, items.Status):
            ids += filter(None, [message_id_from_opaque(unit.item)])
            wamids.append(wamid_key(unit.item.id, context))
    if ids or wamids:
        for row in await connection.fetch(_OUTGOING, ids, wamids):
            snapshot.sent(OutgoingStatus(**row))
    if new_wamids:
        for row in await connection.fetch(_EARLY, new_wamids):
            snapshot.came_early(EarlyStatus(**row))


async def _load_charges(
    connection: Connection, units: Iterable[WorkUnit], snapshot: Snapshot
) -> None:
    """Load the current charges of the messages that statuses are about."""
    has_statuses = snapshot.early or any(isinstance(unit.item, items.Status) for unit in units)
    if snapshot.outgoing and has_statuses:
        for row in await connection.fetch(_CHARGES, list(snapshot.outgoing)):
            snapshot.charges[row["id"]] = Charge(**row)


async def _load_people(
    connection: Connection, units: Iterable[WorkUnit], snapshot: Snapshot, context: RoutingContext
) -> None:
    hashes = {
        context.hash(number.tenant, identity.kind, identity.value)
        for unit in units
        if (number := context.config.number(_number(unit)))
        for identity in _identities(unit)
    }
    conversations = _conversation_ids(units, snapshot)
    if hashes or conversations:
        for row in await connection.fetch(_PEOPLE, list(hashes), conversations):
            snapshot.identity(Identity(**row))


async def _load_conversations(
    connection: Connection, units: Iterable[WorkUnit], snapshot: Snapshot
) -> None:
    ids = _conversation_ids(units, snapshot)
    if ids or snapshot.people:
        for row in await connection.fetch(_CONVERSATIONS, ids, list(snapshot.people)):
            fields = dict(row)
            departments = tuple(fields.pop("departments"))
            state = _decode_state(fields.pop("state"))
            snapshot.conversation(Conversation(**fields, departments=departments, state=state))


async def _load_templates(
    connection: Connection, units: Iterable[WorkUnit], snapshot: Snapshot
) -> None:
    """Load the templates that commands send, and the opt-outs if one of them is marketing."""
    keys = {
        key
        for unit in units
        if isinstance(unit.entry, Command) and (key := template_of(unit.entry))
    }
    if not keys:
        return
    names, languages = zip(*keys, strict=True)
    for row in await connection.fetch(_TEMPLATES, names, languages):
        snapshot.template(Template(**row))
    if any(template.category == MARKETING for template in snapshot.templates.values()):
        for row in await connection.fetch(_OPT_OUTS, list(snapshot.people)):
            snapshot.record_opt_out(OptOut(**row))


async def _load_consents(
    connection: Connection, units: Iterable[WorkUnit], snapshot: Snapshot
) -> None:
    """Load consents, withdrawals and the time of the last message of the people in question."""
    if not (snapshot.people and any(map(_needs_consents, units))):
        return
    people = list(snapshot.people)
    for row in await connection.fetch(_CONSENTS, people):
        consent = Consent(**row)
        snapshot.consents[consent.key] = consent
    for row in await connection.fetch(_WITHDRAWALS, people):
        snapshot.record_withdrawal(Withdrawal(**row))
    for row in await connection.fetch(_LAST_HEARD, people):
        snapshot.record_inbound(row["person"], row["at"])


def _needs_consents(unit: WorkUnit) -> bool:
    """True for a unit that may need consent to send, or may change it."""
    if isinstance(unit.entry, Command):
        return unit.entry.type in ("template", "merge") or unit.entry.type in ORDERS
    match unit.item:
        case items.Message() as message:
            return small_talk.opt_choice(words(message)) == "stop"
        case items.Notice() as notice:
            return bool(account_event.preference_holder(notice))
    return False


async def _load_number_notices(
    connection: Connection, units: Iterable[WorkUnit], snapshot: Snapshot
) -> None:
    numbers = {number for unit in units if (number := _number(unit))}
    if numbers:
        for row in await connection.fetch(_STANDINGS, list(numbers)):
            snapshot.standings[row["number"]] = NumberNotice(**row)


def _number(unit: WorkUnit) -> str:
    if isinstance(unit.entry, Command | SendOutcome | Timeout | MediaOutcome):
        return unit.entry.number
    return unit.item.number if unit.item else ""


def _identities(unit: WorkUnit) -> tuple[items.Identity, ...]:
    if isinstance(unit.item, items.Message):
        return (*unit.item.person.identities, *unit.item.becomes)
    if isinstance(unit.item, items.Notice):
        return account_event.preference_holder(unit.item)
    if isinstance(unit.entry, Command) and unit.entry.to:
        return (address(unit.entry.to),)
    return ()


def _conversation_ids(units: Iterable[WorkUnit], snapshot: Snapshot) -> list[str]:
    """Return the conversations that units name, rather than those of a person."""
    ids = {
        unit.entry.conversation
        for unit in units
        if isinstance(unit.entry, Command | Timeout | MediaOutcome)
    }
    ids |= {u.entry.merge_from for u in units if isinstance(u.entry, Command)}
    ids |= {outgoing.conversation for outgoing in snapshot.outgoing.values()}
    return [id for id in ids if id]


_INBOX = """
select key, receipt, decision, message, wamid from router.inbox where key = any($1::bytea[])
"""

_INBOX_OR_QUOTED = """
select key, receipt, decision, message, wamid from router.inbox
where key = any($1::bytea[]) or message = any($2::uuid[])
"""

_OUTGOING = """
select id, tenant, number, conversation, department, status, changed_at, reason, code, wamid_hash,
    type
from router.outgoing where id = any($1::uuid[]) or wamid_hash = any($2::bytea[])
"""

_EARLY = """
select wamid_hash, status, number, code, reason, at, pricing, received_at
from router.early_status
where wamid_hash = any($1::bytea[])
"""

_CHARGES = """
select id, tenant, number, department, category, type, pricing_model, billable, said_by,
    delivered_at
from router.charge where id = any($1::uuid[])
"""

_PEOPLE = """
select tenant, kind, hash, value, person, valid_from, scope from router.identity
where valid_to is null and person in (
    select person from router.identity where valid_to is null and hash = any($1::bytea[])
    union select person from router.conversation where id = any($2::text[])
)
"""

# The conversations named; those open with a person; and the last closed one of each person and
# number.
_CONVERSATIONS = """
with wanted as (
    select id from router.conversation
    where id = any($1::text[]) or (person = any($2::uuid[]) and closed_at is null)
    union
    select id from (
        select distinct on (person, number) id from router.conversation
        where person = any($2::uuid[]) and closed_at is not null
        order by person, number, closed_at desc) last)
select id, tenant, number, person, department, rule, reason, since, opened_at, last_inbound_at,
    sequence, departments, zaak, closed_at, state, said_at
from router.conversation join wanted using (id)
"""

_STANDINGS = """
select number, state, state_text, state_until, notice, notice_id, notice_until
from router.standing where number = any($1::text[])
"""

_TEMPLATES = """
select waba, name, language, status, category, reason, changed_at from router.template
where (name, language) in (select * from unnest($1::text[], $2::text[]))
"""

_OPT_OUTS = """
select tenant, person, category, value, at from router.opt_out where person = any($1::uuid[])
"""

_CONSENTS = """
select tenant, person, purpose, source, given_at, recorded_at, recorded_by, ended_at, ended_by
from router.consent where person = any($1::uuid[])
"""

_WITHDRAWALS = """
select tenant, person, by, at from router.withdrawal where person = any($1::uuid[])
"""

# From all conversations: the one closed last may be one that the municipality began, without a
# message from the citizen.
_LAST_HEARD = """
select person, max(last_inbound_at) as at from router.conversation
where person = any($1::uuid[]) and last_inbound_at is not null group by person
"""
