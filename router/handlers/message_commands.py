"""Commands that send a message to a citizen: may it be sent, in which conversation. Pure."""

from typing import Any

import msgspec

from router.conversation import consent, read_receipts, refusals, timers
from router.conversation.placement import find_conversation, open_conversation
from router.handlers.media import sent_file_info
from router.handlers.pending_command import (
    EMPLOYEE,
    CommandHandler,
    PendingCommand,
    Result,
    author_kind,
    command_status,
    status_of,
)
from router.identity import resolver
from router.model.changes import Changes, Identity, LedgerInsert
from router.model.conversation import Conversation
from router.model.decision import CommandAccepted, Data, Decision
from router.model.needs import Needs
from router.output.archive_records import KindAndData, evidence_json
from router.output.crm_events import case_json, decision_json
from router.rules.engine import OPENED, Verdict
from services.contract import REACTION, Action, Command, SendMessage
from services.refusal import Refusal
from services.whatsapp.identities import address

TEMPLATE = "template"
OPENED_BY_MUNICIPALITY = "de gemeente begon dit gesprek"


def _decide(pending: PendingCommand, message: SendMessage) -> Result:
    command, snapshot = pending.command, pending.snapshot
    if command.to and not command.conversation:
        return _send_to_address(pending, message)
    conversation = snapshot.conversations.get(command.conversation)
    if not refusals.is_conversation_of(conversation, command, pending.number):
        return pending.refuse(refusals.NO_CONVERSATION)
    if refusal := refusals.department_refusal(command, conversation):
        return pending.refuse(refusal, conversation)
    to = resolver.find_address(conversation.person, pending.number, snapshot)
    if to is None:
        return pending.refuse(refusals.NO_ADDRESS, conversation)
    return _send(pending, message, conversation, to)


def _send_to_address(pending: PendingCommand, message: SendMessage) -> Result:
    """Send to exactly this address, in the open conversation with its person or in a new one."""
    unit, command, number = pending.unit, pending.command, pending.number
    snapshot, context = pending.snapshot, pending.context
    if not refusals.is_same_tenant(command, number):
        return pending.refuse(refusals.NO_CONVERSATION)
    name = address(command.to)
    who = resolver.resolve_person(
        unit, number, resolver.SenderIdentities((name,), unit.at), snapshot, context
    )
    hash = context.hashes.of(number.tenant)(number.tenant, name.kind, name.value)
    to = (
        who.identities[0] if who.identities else snapshot.identities[number.tenant, name.kind, hash]
    )
    conversation = snapshot.conversations.get(snapshot.open.get((number.id, who.person), ""))
    if conversation is None:
        verdict = _department_for_opening(pending)
        if isinstance(verdict, Refusal):
            return pending.refuse(verdict)
        last = find_conversation(number, who.person, snapshot)
        awaits_welcome = last is not None and last.state.welcome
        conversation = open_conversation(unit, number, who.person, verdict, context).with_state(
            welcome=awaits_welcome
        )
    elif refusal := refusals.department_refusal(command, conversation):
        return pending.refuse(refusal, conversation)
    decision, changes = _send(pending, message, conversation, to)
    if isinstance(decision, CommandAccepted):
        opening = timers.after_opening(unit, conversation, context) if decision.opened else ()
        changes = msgspec.structs.replace(changes, identities=who.identities, timers=opening)
    return decision, changes


def _department_for_opening(pending: PendingCommand) -> Verdict | Refusal:
    """Return the department of a conversation that the municipality begins, or a refusal.

    A conversation stays with a department that the command names. In the fallback department a
    rule may still move it.
    """
    command, number = pending.command, pending.number

    def is_available(department: str) -> bool:
        exists = pending.context.config.department(number.tenant, department) is not None
        return exists and refusals.may_act_for(command, department)

    if command.department:
        if is_available(command.department):
            return Verdict(command.department, OPENED, OPENED_BY_MUNICIPALITY)
        return refusals.NO_DEPARTMENT
    if refusals.may_act_for(command, number.fallback):
        return Verdict(number.fallback, "", OPENED_BY_MUNICIPALITY)
    departments = [each for each in command.departments if is_available(each)]
    if len(departments) == 1:
        return Verdict(departments[0], OPENED, OPENED_BY_MUNICIPALITY)
    return refusals.NAME_DEPARTMENT


def _send(
    pending: PendingCommand, message: SendMessage, previous: Conversation, to: Identity
) -> Result:
    unit, command, context = pending.unit, pending.command, pending.context
    permission = _permission(pending, message, previous)
    if isinstance(permission, Refusal):
        return pending.refuse(permission, previous)
    is_answer = _is_answer(pending, message, previous)
    after = _after_sending(pending, message, previous, is_answer=is_answer)
    is_new = previous.id not in pending.snapshot.conversations.loaded()
    decision = pending.accept_in(
        after,
        message=command.id,
        status="accepted",
        opened=unit.id("opened") if is_new else None,
        purpose=permission.purpose,
    )
    receipt = None
    if is_answer:
        receipt = read_receipts.build_receipt_with_answer(unit, command, after, context)
    changes = Changes(
        conversation=after,
        outgoing=command_status(unit, command, decision),
        send=_ledger_insert(pending, message, after, to, permission.purpose),
        consent=permission.consent,
        read_receipt=receipt,
    )
    return decision, changes


def _permission(
    pending: PendingCommand, message: SendMessage, previous: Conversation
) -> consent.SendPermission | Refusal:
    """Return the permission to send a message in a conversation, or the first refusal."""
    unit, snapshot, context = pending.unit, pending.snapshot, pending.context
    person_key = previous.tenant, previous.person
    return (
        refusals.quoted_message_refusal(message.reply_to_message, previous.id, snapshot)
        or refusals.answered_refusal(message, pending.command, previous)
        or refusals.template_refusal(message, previous, snapshot, context)
        or consent.check_permission(unit, pending.command, message, person_key, snapshot, context)
    )


def _is_answer(pending: PendingCommand, message: SendMessage, previous: Conversation) -> bool:
    """True for an answer by a person; not for a message of a system, a reaction, a template or a
    first message. After 24 hours the template of a named employee is one: no other always goes. A
    sender that names nobody may be a system with a reminder."""
    command, end = pending.command, previous.window_until()
    if author_kind(command) != EMPLOYEE or previous.last_inbound_at is None:
        return False
    if message.type == TEMPLATE:
        return command.author is not None and end is not None and end <= pending.unit.at
    return message.type != REACTION


def _after_sending(
    pending: PendingCommand, message: SendMessage, previous: Conversation, *, is_answer: bool
) -> Conversation:
    """Return the conversation after a message.

    After an answer the citizen no longer waits, and no rule moves the conversation away.
    """
    after = previous.with_next_sequence()
    if not is_answer:
        return after if message.type == REACTION else after.with_state(has_message=True)
    return after.with_state(
        has_message=True,
        answered_at=pending.unit.at,
        answered_sequence=after.sequence,
        answered_token=pending.command.token,
        waiting_since=None,
        escalated=False,
        has_question=True,
        menu="",
        moves=0,
    )


def _ledger_insert(
    pending: PendingCommand,
    message: SendMessage,
    conversation: Conversation,
    to: Identity,
    purpose: str,
) -> LedgerInsert:
    command, about = pending.command, message.reply_to_message
    quoted = pending.snapshot.inbound.get(about) if about else None
    return LedgerInsert(
        id=command.id,
        number=conversation.number,
        conversation=conversation.id,
        person=conversation.person,
        address_kind=to.kind,
        address=to.value,
        content=message.content,
        created_at=pending.unit.at,
        about=about,
        about_wamid=quoted.wamid if quoted else "",
        media=message.media,
        purpose=purpose,
        author_kind=author_kind(command),
        author=command.author.id if command.author else "",
        place=conversation.sequence,
        traceparent=pending.unit.traceparent,
    )


def _record(command: Command, message: SendMessage, decision: Decision) -> KindAndData:
    """Return what the record of an outgoing message says."""
    data = {
        "direction": "out",
        "type": message.type,
        "text": message.text,
        "content": _content(message),
        "author": command.author,
        "token": command.token,
        "to": command.to,
        "department": decision.department,
        "decision": decision_json(decision),
        "status": status_of(decision),
        "receivedAt": command.received_at,
        "quoted": message.reply_to_message,
        "media": message.media,
    }
    data |= _file_data(command, message, decision)
    return "message", data | _consent_data(message, decision) | case_json(decision)


def _file_data(command: Command, message: SendMessage, decision: Decision) -> Data:
    """Return the file of a message that goes out, for the archiver to copy. A refused message
    brings its file to nobody."""
    if message.file is None or not isinstance(decision, CommandAccepted):
        return {}
    return {"medium": sent_file_info(message.media, message.file), "number": command.number}


def _consent_data(message: SendMessage, decision: Decision) -> Data:
    """Return the consent that allows a message, and the evidence of consent that came with it."""
    purpose = decision.purpose if isinstance(decision, CommandAccepted) else ""
    data: Data = {"purpose": purpose} if purpose else {}
    if message.evidence:
        data["consent"] = evidence_json(message.purpose, message.evidence)
    return data


def _content(message: SendMessage) -> Any:
    """Return the content as JSON; None for anything else, which no table or record accepts."""
    try:
        return msgspec.json.decode(message.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _needs(command: Command, message: SendMessage) -> Needs:
    """The message that it quotes, its template, and the consent and last message of the citizen."""
    quoted, template = message.reply_to_message, refusals.read_template(message)
    is_template = message.type == TEMPLATE
    return Needs(
        quoted=(quoted,) if quoted else (),
        templates=(template,) if template else (),
        consents=is_template,
        last_heard=is_template,
    )


MESSAGE_COMMANDS: dict[type[Action], CommandHandler] = {
    SendMessage: CommandHandler(_decide, _record, needs=_needs)
}
"""Action that sends a message -> its handler."""
