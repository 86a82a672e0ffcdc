"""Deciding what a CRM ordered: whether, to whom, in which conversation. Pure.

A refusal reaches the sender as status `failed` with a sentence; Meta is not asked.
"""

import msgspec

from router.conversation import consent, read_receipts, refusals, timers
from router.conversation.placement import find_conversation, open_conversation
from router.handlers import number_commands
from router.handlers.conversation_commands import CONVERSATION_COMMANDS
from router.identity import resolver
from router.model.conversation import Conversation
from router.model.decision import (
    Changes,
    Decision,
    Identity,
    LedgerInsert,
    OutgoingStatus,
    RoutingContext,
    WorkUnit,
)
from router.model.needs import Needs, identity_hashes
from router.model.snapshot import Snapshot
from router.rules.engine import OPENED, Verdict
from services.config.numbers import Number
from services.contract import MESSAGE_TYPES, REACTION, Command
from services.ids import CONVERSATION
from services.whatsapp.delivery_status import COMMAND_DONE
from services.whatsapp.identities import address

OPENED_BY_MUNICIPALITY = "de gemeente begon dit gesprek"


def needs(unit: WorkUnit, given: Command, ground: RoutingContext) -> Needs:
    """The conversations and the citizen that it names, the message that it quotes, its template."""
    template = refusals.read_template(given)
    to = (address(given.to),) if given.to else ()
    return Needs(
        numbers=(given.number,),
        identities=identity_hashes(given.number, to, ground),
        conversations=(given.conversation, given.merge_from),
        quoted=(given.reply_to_message,) if given.reply_to_message else (),
        templates=(template,) if template else (),
        consents=given.type in ("template", "merge") or given.type in consent.CONSENT_COMMANDS,
    )


def decide_command(
    unit: WorkUnit, given: Command, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    if (
        given.type
        not in MESSAGE_TYPES
        | CONVERSATION_COMMANDS.keys()
        | number_commands.ORDERS.keys()
        | consent.CONSENT_COMMANDS.keys()
    ):
        return _refused(unit, given, refusals.TYPE_UNKNOWN, ground)
    number = ground.config.number(given.number)
    if number is None:
        return _refused(unit, given, refusals.NO_NUMBER, ground)
    if given.type in number_commands.ORDERS:
        return _of_number(unit, given, number, known, ground)
    if given.type in consent.CONSENT_COMMANDS:
        return _of_person(unit, given, number, known, ground)
    if given.to and not given.conversation and given.type not in CONVERSATION_COMMANDS:
        return _to_person(unit, given, number, known, ground)
    return _in_conversation(unit, given, number, known, ground)


def _in_conversation(
    unit: WorkUnit, given: Command, number: Number, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    conversation = known.conversations.get(given.conversation)
    if reason := refusals.conversation_refusal(given, conversation, number, ground):
        return _refused(unit, given, reason, ground, conversation)
    assert conversation is not None
    if steer := CONVERSATION_COMMANDS.get(given.type):
        decision, changes = steer(unit, given, conversation, known, ground)
        if decision.kind == "refused":
            return _refused(unit, given, decision.reason, ground, conversation)
        return decision, msgspec.structs.replace(changes, outgoing=_standing(unit, given, decision))
    to = resolver.find_address(conversation.person, number, known)
    if to is None:
        return _refused(unit, given, refusals.NO_ADDRESS, ground, conversation)
    return _message(unit, given, conversation, to, known, ground)


def _to_person(
    unit: WorkUnit, given: Command, number: Number, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    """To this very address, in the conversation that is open with whoever has it, or a new one."""
    if not refusals.is_same_tenant(given, number):
        return _refused(unit, given, refusals.NO_CONVERSATION, ground)
    name = address(given.to)
    who = resolver.resolve_person(
        unit, number, resolver.SenderIdentities((name,), unit.at), known, ground
    )
    hash = ground.hash(number.tenant, name.kind, name.value)
    to = who.identities[0] if who.identities else known.identities[number.tenant, name.kind, hash]
    conversation = known.conversations.get(known.open.get((number.id, who.person), ""))
    if conversation is None:
        verdict = _begun(given, number, ground)
        if isinstance(verdict, str):
            return _refused(unit, given, verdict, ground)
        last = find_conversation(number, who.person, known)
        owed = last is not None and last.state.welcome  # nobody has told them how this works
        conversation = open_conversation(unit, number, who.person, verdict, ground).with_state(
            welcome=owed
        )
    elif reason := refusals.department_refusal(given, conversation):
        return _refused(unit, given, reason, ground, conversation)
    decision, changes = _message(unit, given, conversation, to, known, ground)
    if decision.kind == "accepted":
        begun = timers.after_opening(unit, conversation, ground) if decision.opened else ()
        changes = msgspec.structs.replace(changes, identities=who.identities, timers=begun)
    return decision, changes


def _begun(given: Command, number: Number, ground: RoutingContext) -> Verdict | str:
    """Where a conversation belongs that we begin, or why that cannot be said. Where a department
    was named it stays; where nobody said so, a rule may still move it."""
    if given.department:
        known = refusals.has_department(number, given.department, ground)
        if known and refusals.may_act_for(given, given.department):
            return Verdict(given.department, OPENED, OPENED_BY_MUNICIPALITY)
        return refusals.NO_DEPARTMENT
    if refusals.may_act_for(given, number.fallback):
        return Verdict(number.fallback, "", OPENED_BY_MUNICIPALITY)
    own = [d for d in given.departments if refusals.has_department(number, d, ground)]
    return (
        Verdict(own[0], OPENED, OPENED_BY_MUNICIPALITY)
        if len(own) == 1
        else refusals.NAME_DEPARTMENT
    )


def _message(
    unit: WorkUnit,
    given: Command,
    before: Conversation,
    to: Identity,
    known: Snapshot,
    ground: RoutingContext,
) -> tuple[Decision, Changes]:
    reason = refusals.quoted_message_refusal(given, before.id, known) or refusals.template_refusal(
        given, before, known, ground
    )
    leave = consent.check_permission(unit, given, (before.tenant, before.person), known, ground)
    if reason := reason or leave.reason:
        return _refused(unit, given, reason, ground, before)
    now = _answered(unit, given, before)
    decision = Decision(
        kind="accepted",
        record=unit.id("record"),
        tenant=now.tenant,
        conversation=now.id,
        department=now.department,
        rule=now.rule,
        reason=now.reason,
        sequence=now.sequence,
        message=given.id,
        status="accepted",
        opened=None if before.id in known.conversations else unit.id("opened"),
        zaak=now.zaak,
        version=ground.version,
        purpose=leave.purpose,
    )
    changes = Changes(
        conversation=now,
        outgoing=_standing(unit, given, decision),
        send=msgspec.structs.replace(_send(unit, given, now, to, known), purpose=leave.purpose),
        consent=leave.consent,
        read_receipt=read_receipts.build_receipt_with_answer(unit, given, now, ground)
        if _answers(given, before)
        else None,
    )
    return decision, changes


def _answers(given: Command, before: Conversation) -> bool:
    """Whether a person answers. What a machine says is no answer, nor is a reaction, nor what we
    begin with."""
    machine = given.author is not None and given.author.kind == "automated"
    begins = given.type in (REACTION, "template") or before.last_inbound_at is None
    return not (machine or begins)


def _answered(unit: WorkUnit, given: Command, before: Conversation) -> Conversation:
    """After it: nobody waits any more, and no rule takes it away from who answered."""
    now = msgspec.structs.replace(before, sequence=before.sequence + 1)
    if not _answers(given, before):
        return now
    return now.with_state(
        answered_at=unit.at,
        waiting_since=None,
        escalated=False,
        has_question=True,
        menu="",
        moves=0,
    )


def _of_number(
    unit: WorkUnit, given: Command, number: Number, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    """What the contact centre says of a number: no conversation is told."""
    if not refusals.is_same_tenant(given, number):
        return _refused(unit, given, refusals.NO_NUMBER, ground)
    decision = Decision(
        kind="accepted",
        record=unit.id("record"),
        tenant=number.tenant,
        status=COMMAND_DONE,
        version=ground.version,
    )
    standing = number_commands.apply_number_command(
        given, number.id, known.number_notices.get(number.id)
    )
    return decision, Changes(number_notice=standing, outgoing=_standing(unit, given, decision))


def _of_person(
    unit: WorkUnit, given: Command, number: Number, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    """What somebody agreed to, or no longer does: of the municipality's as a whole, whoever has a
    conversation with them. One who never wrote is a person too."""
    if not refusals.is_same_tenant(given, number):
        return _refused(unit, given, refusals.NO_NUMBER, ground)
    called = resolver.SenderIdentities((address(given.to),), unit.at)
    who = resolver.resolve_person(unit, number, called, known, ground)
    made = consent.CONSENT_COMMANDS[given.type](unit, given, (number.tenant, who.person), known)
    if isinstance(made, str):
        return _refused(unit, given, made, ground)
    decision = Decision(
        kind="accepted",
        record=unit.id("record"),
        tenant=number.tenant,
        status=COMMAND_DONE,
        version=ground.version,
        ended=(made.purpose,) if made and made.ended_at else (),
    )
    outgoing = _standing(unit, given, decision)
    return decision, Changes(identities=who.identities, consent=made, outgoing=outgoing)


def _standing(unit: WorkUnit, given: Command, decision: Decision) -> OutgoingStatus:
    """The order as its sender may ask for it from here on."""
    return OutgoingStatus(
        id=given.id,
        tenant=decision.tenant,
        number=given.number,
        conversation=decision.conversation or given.conversation,
        department=decision.department,
        status=decision.status,
        reason=decision.reason if decision.kind == "refused" else "",
        changed_at=unit.at,
        type=given.type if decision.kind == "accepted" else "",
    )


def _send(
    unit: WorkUnit, given: Command, conversation: Conversation, to: Identity, known: Snapshot
) -> LedgerInsert:
    quoted = known.inbound.get(given.reply_to_message) if given.reply_to_message else None
    return LedgerInsert(
        id=given.id,
        number=conversation.number,
        conversation=conversation.id,
        person=conversation.person,
        address_kind=to.kind,
        address=to.value,
        content=given.content,
        created_at=unit.at,
        about=given.reply_to_message,
        about_wamid=quoted.wamid if quoted else "",
        media=given.media,
        author_kind=given.author.kind if given.author else "",
        author=given.author.id if given.author else "",
        place=conversation.sequence,
    )


def failed_command(unit: WorkUnit, given: Command, ground: RoutingContext) -> OutgoingStatus:
    """An order that a fault of ours put aside. Nothing of its own text goes along: that may be what
    the database refuses."""
    number = ground.config.number(given.number)
    return OutgoingStatus(
        id=given.id,
        tenant=number.tenant if number else "",
        number=number.id if number else "",
        conversation=given.conversation if CONVERSATION.fullmatch(given.conversation) else "",
        department="",
        status="failed",
        reason=refusals.FAULT,
        changed_at=unit.at,
    )


def _refused(
    unit: WorkUnit,
    given: Command,
    reason: str,
    ground: RoutingContext,
    where: Conversation | None = None,
) -> tuple[Decision, Changes]:
    """On the record of whoever ordered it, and in no conversation."""
    number = ground.config.number(given.number)
    tenant = given.tenant or (number.tenant if number else "")
    decision = Decision(
        kind="refused",
        record=unit.id("record"),
        tenant=tenant,
        department=given.department or _whose(given, where, tenant),
        message=given.id,
        status="failed",
        reason=reason,
    )
    return decision, Changes(outgoing=_standing(unit, given, decision))


def _whose(given: Command, where: Conversation | None, tenant: str) -> str:
    """Of which department an order was that named none: one that its token acts for, and that has
    the conversation, or had it last; else its only one. '' where nobody can say."""
    if where and where.tenant == tenant:
        for department in (where.department, *reversed(where.departments)):
            if refusals.may_act_for(given, department):
                return department
    return given.departments[0] if len(given.departments) == 1 else ""
