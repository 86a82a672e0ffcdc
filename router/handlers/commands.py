"""Commands from a CRM: accepted or refused, for which citizen, in which conversation. Pure.

A refusal reaches the sender as status `failed` with a sentence. Meta is not called.
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
    unit: WorkUnit, command: Command, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    if (
        command.type
        not in MESSAGE_TYPES
        | CONVERSATION_COMMANDS.keys()
        | number_commands.NUMBER_COMMANDS.keys()
        | consent.CONSENT_COMMANDS.keys()
    ):
        return _refuse(unit, command, refusals.TYPE_UNKNOWN, context)
    number = context.config.number(command.number)
    if number is None:
        return _refuse(unit, command, refusals.NO_NUMBER, context)
    if command.type in number_commands.NUMBER_COMMANDS:
        return _decide_for_number(unit, command, number, snapshot, context)
    if command.type in consent.CONSENT_COMMANDS:
        return _decide_for_person(unit, command, number, snapshot, context)
    if command.to and not command.conversation and command.type not in CONVERSATION_COMMANDS:
        return _send_to_address(unit, command, number, snapshot, context)
    return _decide_in_conversation(unit, command, number, snapshot, context)


def _decide_in_conversation(
    unit: WorkUnit, command: Command, number: Number, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    conversation = snapshot.conversations.get(command.conversation)
    if reason := refusals.conversation_refusal(command, conversation, number, context):
        return _refuse(unit, command, reason, context, conversation)
    assert conversation is not None
    if handle := CONVERSATION_COMMANDS.get(command.type):
        decision, changes = handle(unit, command, conversation, snapshot, context)
        if decision.kind == "refused":
            return _refuse(unit, command, decision.reason, context, conversation)
        status = _command_status(unit, command, decision)
        return decision, msgspec.structs.replace(changes, outgoing=status)
    to = resolver.find_address(conversation.person, number, snapshot)
    if to is None:
        return _refuse(unit, command, refusals.NO_ADDRESS, context, conversation)
    return _send_message(unit, command, conversation, to, snapshot, context)


def _send_to_address(
    unit: WorkUnit, command: Command, number: Number, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Send to exactly this address, in the open conversation with its person or in a new one."""
    if not refusals.is_same_tenant(command, number):
        return _refuse(unit, command, refusals.NO_CONVERSATION, context)
    name = address(command.to)
    who = resolver.resolve_person(
        unit, number, resolver.SenderIdentities((name,), unit.at), snapshot, context
    )
    hash = context.hash(number.tenant, name.kind, name.value)
    to = (
        who.identities[0] if who.identities else snapshot.identities[number.tenant, name.kind, hash]
    )
    conversation = snapshot.conversations.get(snapshot.open.get((number.id, who.person), ""))
    if conversation is None:
        verdict = _department_for_opening(command, number, context)
        if isinstance(verdict, str):
            return _refuse(unit, command, verdict, context)
        last = find_conversation(number, who.person, snapshot)
        awaits_welcome = last is not None and last.state.welcome
        conversation = open_conversation(unit, number, who.person, verdict, context).with_state(
            welcome=awaits_welcome
        )
    elif reason := refusals.department_refusal(command, conversation):
        return _refuse(unit, command, reason, context, conversation)
    decision, changes = _send_message(unit, command, conversation, to, snapshot, context)
    if decision.kind == "accepted":
        opening = timers.after_opening(unit, conversation, context) if decision.opened else ()
        changes = msgspec.structs.replace(changes, identities=who.identities, timers=opening)
    return decision, changes


def _department_for_opening(
    command: Command, number: Number, context: RoutingContext
) -> Verdict | str:
    """Return the department of a conversation that the municipality begins, or a refusal.

    A conversation stays with a department that the command names. In the fallback department a
    rule may still move it.
    """
    if command.department:
        exists = refusals.has_department(number, command.department, context)
        if exists and refusals.may_act_for(command, command.department):
            return Verdict(command.department, OPENED, OPENED_BY_MUNICIPALITY)
        return refusals.NO_DEPARTMENT
    if refusals.may_act_for(command, number.fallback):
        return Verdict(number.fallback, "", OPENED_BY_MUNICIPALITY)
    departments = [d for d in command.departments if refusals.has_department(number, d, context)]
    if len(departments) == 1:
        return Verdict(departments[0], OPENED, OPENED_BY_MUNICIPALITY)
    return refusals.NAME_DEPARTMENT


def _send_message(
    unit: WorkUnit,
    command: Command,
    previous: Conversation,
    to: Identity,
    snapshot: Snapshot,
    context: RoutingContext,
) -> tuple[Decision, Changes]:
    reason = refusals.quoted_message_refusal(
        command, previous.id, snapshot
    ) or refusals.template_refusal(command, previous, snapshot, context)
    person_key = previous.tenant, previous.person
    permission = consent.check_permission(unit, command, person_key, snapshot, context)
    if reason := reason or permission.reason:
        return _refuse(unit, command, reason, context, previous)
    after = _after_sending(unit, command, previous)
    decision = Decision(
        kind="accepted",
        record=unit.id("record"),
        tenant=after.tenant,
        conversation=after.id,
        department=after.department,
        rule=after.rule,
        reason=after.reason,
        sequence=after.sequence,
        message=command.id,
        status="accepted",
        opened=None if previous.id in snapshot.conversations else unit.id("opened"),
        zaak=after.zaak,
        version=context.version,
        purpose=permission.purpose,
    )
    insert = _ledger_insert(unit, command, after, to, snapshot)
    changes = Changes(
        conversation=after,
        outgoing=_command_status(unit, command, decision),
        send=msgspec.structs.replace(insert, purpose=permission.purpose),
        consent=permission.consent,
        read_receipt=read_receipts.build_receipt_with_answer(unit, command, after, context)
        if _is_answer(command, previous)
        else None,
    )
    return decision, changes


def _is_answer(command: Command, previous: Conversation) -> bool:
    """True for an answer by a person; not for an automated message, a reaction, a template or a
    first message."""
    is_automated = command.author is not None and command.author.kind == "automated"
    is_opening = command.type in (REACTION, "template") or previous.last_inbound_at is None
    return not (is_automated or is_opening)


def _after_sending(unit: WorkUnit, command: Command, previous: Conversation) -> Conversation:
    """Return the conversation after a message.

    After an answer the citizen no longer waits, and no rule moves the conversation away.
    """
    after = msgspec.structs.replace(previous, sequence=previous.sequence + 1)
    if not _is_answer(command, previous):
        return after
    return after.with_state(
        answered_at=unit.at,
        waiting_since=None,
        escalated=False,
        has_question=True,
        menu="",
        moves=0,
    )


def _decide_for_number(
    unit: WorkUnit, command: Command, number: Number, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Apply a command of the contact centre to a number. No conversation gets an event."""
    if not refusals.is_same_tenant(command, number):
        return _refuse(unit, command, refusals.NO_NUMBER, context)
    decision = Decision(
        kind="accepted",
        record=unit.id("record"),
        tenant=number.tenant,
        status=COMMAND_DONE,
        version=context.version,
    )
    notice = number_commands.apply_number_command(
        command, number.id, snapshot.number_notices.get(number.id)
    )
    return decision, Changes(
        number_notice=notice, outgoing=_command_status(unit, command, decision)
    )


def _decide_for_person(
    unit: WorkUnit, command: Command, number: Number, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Give or withdraw consent for the whole municipality, even for a citizen who never wrote."""
    if not refusals.is_same_tenant(command, number):
        return _refuse(unit, command, refusals.NO_NUMBER, context)
    identities = resolver.SenderIdentities((address(command.to),), unit.at)
    who = resolver.resolve_person(unit, number, identities, snapshot, context)
    person_key = number.tenant, who.person
    new = consent.CONSENT_COMMANDS[command.type](unit, command, person_key, snapshot)
    if isinstance(new, str):
        return _refuse(unit, command, new, context)
    decision = Decision(
        kind="accepted",
        record=unit.id("record"),
        tenant=number.tenant,
        status=COMMAND_DONE,
        version=context.version,
        ended=(new.purpose,) if new and new.ended_at else (),
    )
    status = _command_status(unit, command, decision)
    return decision, Changes(identities=who.identities, consent=new, outgoing=status)


def _command_status(unit: WorkUnit, command: Command, decision: Decision) -> OutgoingStatus:
    """Return the status of a command that its sender can ask for."""
    return OutgoingStatus(
        id=command.id,
        tenant=decision.tenant,
        number=command.number,
        conversation=decision.conversation or command.conversation,
        department=decision.department,
        status=decision.status,
        reason=decision.reason if decision.kind == "refused" else "",
        changed_at=unit.at,
        type=command.type if decision.kind == "accepted" else "",
    )


def _ledger_insert(
    unit: WorkUnit, command: Command, conversation: Conversation, to: Identity, snapshot: Snapshot
) -> LedgerInsert:
    quoted = snapshot.inbound.get(command.reply_to_message) if command.reply_to_message else None
    return LedgerInsert(
        id=command.id,
        number=conversation.number,
        conversation=conversation.id,
        person=conversation.person,
        address_kind=to.kind,
        address=to.value,
        content=command.content,
        created_at=unit.at,
        about=command.reply_to_message,
        about_wamid=quoted.wamid if quoted else "",
        media=command.media,
        author_kind=command.author.kind if command.author else "",
        author=command.author.id if command.author else "",
        place=conversation.sequence,
    )


def failed_command(unit: WorkUnit, command: Command, context: RoutingContext) -> OutgoingStatus:
    """Return the status of a command that was quarantined.

    It contains no text of the command, which may be what the database refuses.
    """
    number = context.config.number(command.number)
    return OutgoingStatus(
        id=command.id,
        tenant=number.tenant if number else "",
        number=number.id if number else "",
        conversation=command.conversation if CONVERSATION.fullmatch(command.conversation) else "",
        department="",
        status="failed",
        reason=refusals.FAULT,
        changed_at=unit.at,
    )


def _refuse(
    unit: WorkUnit,
    command: Command,
    reason: str,
    context: RoutingContext,
    conversation: Conversation | None = None,
) -> tuple[Decision, Changes]:
    """Refuse a command. The record belongs to the sender's department and to no conversation."""
    number = context.config.number(command.number)
    tenant = command.tenant or (number.tenant if number else "")
    decision = Decision(
        kind="refused",
        record=unit.id("record"),
        tenant=tenant,
        department=command.department or _department_of_sender(command, conversation, tenant),
        message=command.id,
        status="failed",
        reason=reason,
    )
    return decision, Changes(outgoing=_command_status(unit, command, decision))


def _department_of_sender(command: Command, conversation: Conversation | None, tenant: str) -> str:
    """Return the department of a command that names none; '' if it is uncertain.

    It is a department that the token acts for and that has the conversation, or had it last; or
    else the only department of the token.
    """
    if conversation and conversation.tenant == tenant:
        for department in (conversation.department, *reversed(conversation.departments)):
            if refusals.may_act_for(command, department):
                return department
    return command.departments[0] if len(command.departments) == 1 else ""
