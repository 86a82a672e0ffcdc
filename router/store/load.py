"""Rows that the decisions of a batch read, from the router's tables."""

from collections.abc import Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec

from router.billing.charges import Charge
from router.handlers.dispatch import needs_of
from router.model.changes import (
    EarlyStatus,
    Identity,
    InboundRef,
    NumberNotice,
    OutgoingStatus,
    Template,
)
from router.model.consent import Consent, OptOut, Withdrawal
from router.model.conversation import Conversation, ConversationState, StoredState
from router.model.decision import AnyDecision, Decision
from router.model.needs import Needs, union
from router.model.snapshot import Snapshot
from router.model.stored_text import Shut, StoredText
from router.model.work import RoutingContext, WorkUnit
from router.store.bindings import CONVERSATION_COLUMNS, conversation_binding, identity_seal
from services.postgres.database import Connection
from services.postgres.shut_rows import RowShut, opening
from services.sealing.columns import (
    ADDRESS,
    CONSENT,
    CONVERSATION,
    DECISION,
    WAMID,
    bind,
    unseal_json,
)
from services.sealing.key_ring import NAME_MARK, RING

SHUT_NAME = f"{NAME_MARK}0"
"""Address of an identity whose row was altered: it is cut off, so that it opens nowhere."""
_bound = itemgetter(*CONVERSATION_COLUMNS)
_decode = msgspec.msgpack.Decoder(AnyDecision).decode
_decode_state = msgspec.json.Decoder(ConversationState).decode


class TextShut(RowShut, Shut):
    """A text of a row does not open, and a decision reads it."""


async def load_snapshot(
    connection: Connection, units: Sequence[WorkUnit], context: RoutingContext
) -> Snapshot:
    """Load what the decisions on these units read, and what was decided on them before.
    Raises RowShut."""
    _require_keys(units, context)
    decided, forgotten = await _decided(connection, units)
    # A known unit is published again from its row: nothing else is read for it.
    known = decided.keys() | forgotten
    needs = union(needs_of(unit, context) for unit in units if unit.key not in known)
    snapshot = Snapshot(needs)
    snapshot.decided.update(decided)
    snapshot.forgotten.update(forgotten)
    await _quoted(connection, needs, snapshot)
    await _messages(connection, needs, snapshot)
    await _charges(connection, needs, snapshot)
    conversations = [
        *needs.conversations,
        *{m.conversation for m in snapshot.outgoing.loaded().values()},
    ]
    await _people(connection, needs, conversations, snapshot)
    await _conversations(connection, conversations, snapshot)
    await _templates(connection, needs, snapshot)
    await _consents(connection, needs, snapshot)
    await _last_heard(connection, needs, snapshot)
    await _numbers(connection, needs, snapshot)
    return snapshot


def _require_keys(units: Sequence[WorkUnit], context: RoutingContext) -> None:
    """Raise RowShut for a unit of a municipality whose own key does not open: under another key
    nothing of before would be found."""
    if not context.hashes.shut:
        return
    for unit in units:
        number = context.config.number(unit.number)
        if number and number.tenant in context.hashes.shut:
            raise RowShut("router.brought_key", number.tenant)


async def _decided(
    connection: Connection, units: Sequence[WorkUnit]
) -> tuple[dict[bytes, tuple[UUID, Decision]], set[bytes]]:
    """Decisions on these units that were made before, with their receipts, by key; and the keys of
    those that were destroyed with their conversation."""
    rows = await connection.fetch(_INBOX, [unit.key for unit in units])
    decided: dict[bytes, tuple[UUID, Decision]] = {}
    for row in rows:
        if not row["decision"]:
            continue
        with opening("router.inbox", row["record"]):
            decision = _decode(RING.unseal(row["decision"], DECISION, bind(row["key"])))
        decided[row["key"]] = row["receipt"], decision
    return decided, {row["key"] for row in rows}.difference(decided)


async def _quoted(connection: Connection, needs: Needs, snapshot: Snapshot) -> None:
    """Messages of citizens that commands quote."""
    if not needs.quoted:
        return
    for row in await connection.fetch(_QUOTED, list(needs.quoted)):
        with opening("router.inbox", row["record"]):
            decision = RING.unseal(row["decision"], DECISION, bind(row["key"]))
            wamid = RING.unseal_text(row["wamid"], WAMID, bind(row["message"]))
            conversation = _decode(decision).conversation
        snapshot.inbound[row["message"]] = InboundRef(row["message"], wamid, conversation)


async def _messages(connection: Connection, needs: Needs, snapshot: Snapshot) -> None:
    ids = [*needs.messages, *needs.quoted]
    if ids or needs.wamids:
        for row in await connection.fetch(_OUTGOING, ids, list(needs.wamids)):
            snapshot.add_outgoing(OutgoingStatus(**row))
    if needs.early:
        for row in await connection.fetch(_EARLY, list(needs.early)):
            snapshot.add_early_status(EarlyStatus(**row))


async def _charges(connection: Connection, needs: Needs, snapshot: Snapshot) -> None:
    messages = list(snapshot.outgoing.loaded())
    if messages and (needs.charges or snapshot.early_statuses.loaded()):
        for row in await connection.fetch(_CHARGES, messages):
            snapshot.charges[row["id"]] = Charge(**row)


async def _people(
    connection: Connection, needs: Needs, conversations: Sequence[str], snapshot: Snapshot
) -> None:
    """Every identity of the people who are known by one of these, or are in a conversation."""
    if needs.identities or conversations:
        for record in await connection.fetch(_PEOPLE, list(needs.identities), conversations):
            row = dict(record)
            value = StoredText(partial(_sealed_name, row), partial(_open_name, row))
            fields = {name: row[name] for name in row if name != "seal"}
            snapshot.add_identity(Identity(**fields | {"value": value}))


def _sealed_name(row: Mapping[str, Any]) -> str:
    """Return the name as its row has it, or one that opens nowhere if that row was altered: what is
    sent to it fails."""
    return row["value"] if row["seal"] == identity_seal(row) else SHUT_NAME


def _open_name(row: Mapping[str, Any]) -> str:
    with opening("router.identity", row["person"], TextShut):
        return RING.unseal_text(_sealed_name(row), ADDRESS)


def _reason(conversation: str, value: str) -> str | StoredText:
    """Return the reason of a conversation: sealed, if it is sealed as it would be now."""
    opened = partial(_open_reason, conversation, value)
    return StoredText(lambda: value, opened) if RING.is_current(value) else opened()


def _open_reason(conversation: str, value: str) -> str:
    with opening("router.conversation", conversation, TextShut):
        return RING.unseal_text(value, CONVERSATION, bind(conversation))


async def _conversations(
    connection: Connection, conversations: Sequence[str], snapshot: Snapshot
) -> None:
    people = snapshot.people()
    if conversations or people:
        for row in await connection.fetch(_CONVERSATIONS, conversations, people):
            fields = dict(row)
            departments = tuple(fields.pop("departments"))
            with opening("router.conversation", row["id"]):
                bound = conversation_binding(*_bound(row))
                state = _decode_state(unseal_json(row["state"], CONVERSATION, bound))
                reason = _reason(row["id"], row["reason"])
            stored = StoredState(state, row["state"], bound)
            fields |= {"reason": reason, "state": state, "departments": departments}
            snapshot.add_conversation(Conversation(**fields, stored=stored))


async def _templates(connection: Connection, needs: Needs, snapshot: Snapshot) -> None:
    """Status of the templates, and the opt-outs of the people: any template may become marketing
    within the batch."""
    if not needs.templates:
        return
    names, languages = zip(*needs.templates, strict=True)
    for row in await connection.fetch(_TEMPLATES, names, languages):
        snapshot.add_template(Template(**row))
    for row in await connection.fetch(_OPT_OUTS, snapshot.people()):
        snapshot.add_opt_out(OptOut(**row))


async def _consents(connection: Connection, needs: Needs, snapshot: Snapshot) -> None:
    """Consents and withdrawals of the people."""
    people = snapshot.people()
    if not (people and needs.consents):
        return
    for row in await connection.fetch(_CONSENTS, people):
        with opening("router.consent", row["person"]):
            bound = bind(row["tenant"], row["person"], row["purpose"])
            source = RING.unseal_text(row["source"], CONSENT, bound)
        consent = Consent(**{**row, "source": source})
        snapshot.consents[consent.key] = consent
    for row in await connection.fetch(_WITHDRAWALS, people):
        snapshot.add_withdrawal(Withdrawal(**row))


async def _last_heard(connection: Connection, needs: Needs, snapshot: Snapshot) -> None:
    """Times of the people's last messages to any number."""
    people = snapshot.people()
    if people and needs.last_heard:
        for row in await connection.fetch(_LAST_HEARD, people):
            snapshot.record_inbound(row["person"], row["at"])


async def _numbers(connection: Connection, needs: Needs, snapshot: Snapshot) -> None:
    """Notice and state of the numbers."""
    if needs.numbers:
        for row in await connection.fetch(_STANDINGS, list(needs.numbers)):
            snapshot.number_notices[row["number"]] = NumberNotice(**row)


_INBOX = """
select key, receipt, decision, record from router.inbox where key = any($1::bytea[])
"""

_QUOTED = """
select key, decision, message, wamid, record from router.inbox where message = any($1::uuid[])
"""

_OUTGOING = """
select id, tenant, number, conversation, department, status, changed_at, reason, code, wamid_hash,
    type, author_kind
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
select tenant, kind, hash, value, person, valid_from, scope, merged, seal from router.identity
where valid_to is null and person = any(array(
    select person from router.identity where valid_to is null and hash = any($1::bytea[])
    union select person from router.conversation where id = any($2::text[])
))
"""

# Those that are named; those that are open with a person; and of each number the last one that was.
_CONVERSATIONS = """
select id, tenant, number, person, department, rule, reason, since, opened_at, last_inbound_at,
    sequence, departments, zaak, closed_at, state, said_at
from router.conversation where id = any(array(
    select id from router.conversation
    where id = any($1::text[]) or (person = any($2::uuid[]) and closed_at is null)
    union
    select id from (
        select distinct on (person, number) id from router.conversation
        where person = any($2::uuid[]) and closed_at is not null
        order by person, number, closed_at desc) last
))
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
