"""Commands from a CRM: which rows each reads, and who decides it. Pure, a table by action."""

from collections.abc import Iterator

import msgspec

from router.conversation import refusals
from router.handlers import conversation_commands, message_commands, municipal_commands
from router.handlers.pending_command import PendingCommand, command_status, refuse
from router.model.changes import Changes, OutgoingStatus
from router.model.decision import CommandAccepted, Decision
from router.model.needs import Needs, identity_hashes
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData
from router.output.crm_events import AddressedEvent
from services.contract import (
    Command,
    ConfirmAlarm,
    EndConsent,
    MergeConversation,
    RecordConsent,
    SendMessage,
    SetNotice,
    SetNumberState,
    UnknownAction,
)
from services.ids import CONVERSATION
from services.refusal import Refusal
from services.whatsapp.identities import address


def needs(unit: WorkUnit, command: Command, context: RoutingContext) -> Needs:
    """The conversations and the citizen that it names, the message that it quotes, its template."""
    to = (address(command.to),) if command.to else ()
    common = Needs(
        numbers=(command.number,),
        identities=identity_hashes(command.number, to, context),
        conversations=(command.conversation,),
    )
    match command.action:
        case SendMessage() as message:
            quoted, template = message.reply_to_message, refusals.read_template(message)
            return msgspec.structs.replace(
                common,
                quoted=(quoted,) if quoted else (),
                templates=(template,) if template else (),
                consents=message.type == "template",
            )
        case MergeConversation(other=other):
            both = (command.conversation, other)
            return msgspec.structs.replace(common, conversations=both, consents=True)
        case RecordConsent() | EndConsent():
            return msgspec.structs.replace(common, consents=True)
    return common


def decide_command(
    unit: WorkUnit, command: Command, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    number = context.config.number(command.number)
    if isinstance(command.action, UnknownAction):
        return refuse(unit, command, refusals.TYPE_UNKNOWN, context)
    if number is None:
        return refuse(unit, command, refusals.NO_NUMBER, context)
    pending = PendingCommand(unit, command, number, snapshot, context)
    match command.action:
        case SetNotice() | SetNumberState() as action:
            return municipal_commands.decide_for_number(pending, action)
        case RecordConsent() | EndConsent() as action:
            return municipal_commands.decide_for_person(pending, action)
        case SendMessage() as message if command.to and not command.conversation:
            return message_commands.send_to_address(pending, message)
    return _decide_in_conversation(pending)


def _decide_in_conversation(pending: PendingCommand) -> tuple[Decision, Changes]:
    unit, command, context = pending.unit, pending.command, pending.context
    conversation = pending.snapshot.conversations.get(command.conversation)
    if not refusals.is_conversation_of(conversation, command, pending.number):
        return refuse(unit, command, refusals.NO_CONVERSATION, context)
    is_anyones = isinstance(command.action, ConfirmAlarm)  # alarms wake people of any department
    if not is_anyones and (refusal := refusals.department_refusal(command, conversation)):
        return refuse(unit, command, refusal, context, conversation)
    if isinstance(command.action, SendMessage):
        return message_commands.send_in_conversation(pending, command.action, conversation)
    handler = conversation_commands.CONVERSATION_COMMANDS[type(command.action)]
    result = handler.decide(pending, command.action, conversation)
    if isinstance(result, Refusal):
        return refuse(unit, command, result, context, conversation)
    decision, changes = result
    status = command_status(unit, command, decision)
    return decision, msgspec.structs.replace(changes, outgoing=status)


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
        reason=str(refusals.FAULT),
        changed_at=unit.at,
    )


def events(unit: WorkUnit, command: Command, decision: Decision) -> Iterator[AddressedEvent]:
    """Yield the events of a command to a conversation that was carried out."""
    handler = conversation_commands.CONVERSATION_COMMANDS.get(type(command.action))
    if handler and isinstance(decision, CommandAccepted):
        yield from handler.events(unit, command, command.action, decision)


def record(unit: WorkUnit, command: Command, decision: Decision) -> KindAndData:
    match command.action:
        case SendMessage() as message:
            return message_commands.record(command, message, decision)
        case SetNotice() | SetNumberState() as action:
            return municipal_commands.number_record(command, action, decision)
        case RecordConsent() | EndConsent() as action:
            return municipal_commands.consent_record(command, action, decision)
    handler = conversation_commands.CONVERSATION_COMMANDS.get(type(command.action))
    make = handler.record if handler else conversation_commands.unknown_record
    return make(command, command.action, decision)
