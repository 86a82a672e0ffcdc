"""What a batch needs to know, read from the router's tables: a query for each, and none in vain."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from router.billing.charges import Charge
from router.conversation.consent import CONSENT_COMMANDS
from router.conversation.refusals import MARKETING, read_template
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
    connection: Connection, units: Sequence[WorkUnit], ground: RoutingContext
) -> Snapshot:
    """Everything that deciding these units takes."""
    known = Snapshot()
    await _decided(connection, units, known)
    # What was decided is said again from its row: nothing else need be known of it.
    units = [unit for unit in units if unit.key not in known.decided]
    await _outgoing(connection, units, known, ground)
    await _charges(connection, units, known)
    await _people(connection, units, known, ground)
    await _conversations(connection, units, known)
    await _templates(connection, units, known)
    await _consents(connection, units, known)
    await _standings(connection, units, known)
    return known


async def _decided(connection: Connection, units: Sequence[WorkUnit], known: Snapshot) -> None:
    """Which units were decided before, and what citizens wrote that is quoted."""
    keys, quoted = [unit.key for unit in units], _quoted(units)
    rows = await (
        connection.fetch(_INBOX_OR_QUOTED, keys, quoted)
        if quoted
        else connection.fetch(_INBOX, keys)
    )
    for row in rows:
        decision = _decode(row["decision"])
        known.decided[row["key"]] = row["receipt"], decision
        if row["message"] in quoted:
            heard = InboundRef(row["message"], row["wamid"], decision.conversation)
            known.inbound[heard.message] = heard


def _quoted(units: Iterable[WorkUnit]) -> list[UUID]:
    return [
        u.entry.reply_to_message
        for u in units
        if isinstance(u.entry, Command) and u.entry.reply_to_message
    ]


async def _outgoing(
    connection: Connection, units: Sequence[WorkUnit], known: Snapshot, ground: RoutingContext
) -> None:
    ids = _quoted(units)
    wamids: list[bytes] = []
    named: list[bytes] = []
    for unit in units:
        if isinstance(unit.entry, SendOutcome):
            ids.append(unit.entry.message)
            named += [wamid_key(unit.entry.wamid, ground)] if unit.entry.wamid else []
        elif isinstance(unit.item, items.Status):
            ids += filter(None, [message_id_from_opaque(unit.item)])
            wamids.append(wamid_key(unit.item.id, ground))
    if ids or wamids:
        for row in await connection.fetch(_OUTGOING, ids, wamids):
            known.add_outgoing(OutgoingStatus(**row))
    if named:
        for row in await connection.fetch(_EARLY, named):
            known.add_early_status(EarlyStatus(**row))


async def _charges(connection: Connection, units: Iterable[WorkUnit], known: Snapshot) -> None:
    """What the messages that statuses tell of were charged as until now."""
    told = known.early_statuses or any(isinstance(unit.item, items.Status) for unit in units)
    if known.outgoing and told:
        for row in await connection.fetch(_CHARGES, list(known.outgoing)):
            known.charges[row["id"]] = Charge(**row)


async def _people(
    connection: Connection, units: Iterable[WorkUnit], known: Snapshot, ground: RoutingContext
) -> None:
    hashes = {
        ground.hash(number.tenant, identity.kind, identity.value)
        for unit in units
        if (number := ground.config.number(_number(unit)))
        for identity in _identities(unit)
    }
    conversations = _conversation_ids(units, known)
    if hashes or conversations:
        for row in await connection.fetch(_PEOPLE, list(hashes), conversations):
            known.add_identity(Identity(**row))


async def _conversations(
    connection: Connection, units: Iterable[WorkUnit], known: Snapshot
) -> None:
    ids = _conversation_ids(units, known)
    if ids or known.people:
        for row in await connection.fetch(_CONVERSATIONS, ids, list(known.people)):
            fields = dict(row)
            departments = tuple(fields.pop("departments"))
            state = _decode_state(fields.pop("state"))
            known.add_conversation(Conversation(**fields, departments=departments, state=state))


async def _templates(connection: Connection, units: Iterable[WorkUnit], known: Snapshot) -> None:
    """For whoever sends one: what Meta says of it, and who wants none of its kind."""
    named = {
        named
        for unit in units
        if isinstance(unit.entry, Command) and (named := read_template(unit.entry))
    }
    if not named:
        return
    names, languages = zip(*named, strict=True)
    for row in await connection.fetch(_TEMPLATES, names, languages):
        known.add_template(Template(**row))
    if any(template.category == MARKETING for template in known.templates.values()):
        for row in await connection.fetch(_OPT_OUTS, list(known.people)):
            known.add_opt_out(OptOut(**row))


async def _consents(connection: Connection, units: Iterable[WorkUnit], known: Snapshot) -> None:
    """For whoever is sent what they may not have asked for, or ends that: what they agreed to, and
    when they wrote last."""
    if not (known.people and any(map(_asks_for_consent, units))):
        return
    people = list(known.people)
    for row in await connection.fetch(_CONSENTS, people):
        consent = Consent(**row)
        known.consents[consent.key] = consent
    for row in await connection.fetch(_WITHDRAWALS, people):
        known.add_withdrawal(Withdrawal(**row))
    for row in await connection.fetch(_LAST_HEARD, people):
        known.record_inbound(row["person"], row["at"])


def _asks_for_consent(unit: WorkUnit) -> bool:
    if isinstance(unit.entry, Command):
        return unit.entry.type in ("template", "merge") or unit.entry.type in CONSENT_COMMANDS
    match unit.item:
        case items.Message() as message:
            return small_talk.opt_choice(words(message)) == "stop"
        case items.Notice() as notice:
            return bool(account_event.preference_holder(notice))
    return False


async def _standings(connection: Connection, units: Iterable[WorkUnit], known: Snapshot) -> None:
    """What the contact centre says of the numbers."""
    numbers = {number for unit in units if (number := _number(unit))}
    if numbers:
        for row in await connection.fetch(_STANDINGS, list(numbers)):
            known.number_notices[row["number"]] = NumberNotice(**row)


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


def _conversation_ids(units: Iterable[WorkUnit], known: Snapshot) -> list[str]:
    """Conversations that are named, rather than found through a person."""
    named = {
        unit.entry.conversation
        for unit in units
        if isinstance(unit.entry, Command | Timeout | MediaOutcome)
    }
    named |= {u.entry.merge_from for u in units if isinstance(u.entry, Command)}
    named |= {outgoing.conversation for outgoing in known.outgoing.values()}
    return [id for id in named if id]


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

# Those that are named; those that are open with a person; and of each number the last one that was.
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

# In all conversations: the one that was closed last may be one that we began.
_LAST_HEARD = """
select person, max(last_inbound_at) as at from router.conversation
where person = any($1::uuid[]) and last_inbound_at is not null group by person
"""
