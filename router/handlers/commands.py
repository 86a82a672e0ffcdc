"""Commands from a CRM: the rows that each reads, and the table of their handlers. Pure."""

from collections.abc import Iterator

import msgspec

from router.conversation import refusals, timers
from router.handlers.conversation_commands import CONVERSATION_COMMANDS
from router.handlers.message_commands import MESSAGE_COMMANDS
from router.handlers.municipal_commands import MUNICIPAL_COMMANDS
from router.handlers.pending_command import (
    CommandHandler,
    PendingCommand,
    refuse,
)
from router.model.changes import Changes, OutgoingStatus
from router.model.decision import (
    CommandAccepted,
    CommandRefused,
    Data,
    Decision,
    Quarantined,
    RefusalEvent,
)
from router.model.needs import Needs, identity_hashes, union
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData
from router.output.crm_events import AddressedEvent
from services.contract import (
    Action,
    Command,
    Delivery,
    EndConsent,
    RecordConsent,
    SendMessage,
    SettleSend,
    UnknownAction,
)
from services.event_types import COMMAND_REFUSED
from services.ids import CONVERSATION
from services.whatsapp.identities import address

COMMANDS: dict[type[Action], CommandHandler] = {
    **MESSAGE_COMMANDS,
    **CONVERSATION_COMMANDS,
    **MUNICIPAL_COMMANDS,
}
"""Action -> its handler."""
REAL_ACTIONS = (SettleSend, RecordConsent, EndConsent)
"""Actions that a test token may not give: there is nothing of a test in their effect."""


def needs(unit: WorkUnit, command: Command, context: RoutingContext) -> Needs:
    """The conversation and the citizen that it names, and what its action reads."""
    to = (address(command.to),) if command.to else ()
    common = Needs(
        numbers=(command.number,),
        identities=identity_hashes(command.number, to, context),
        conversations=(command.conversation,),
    )
    return union((common, COMMANDS[type(command.action)].needs(command, command.action)))


def decide_command(
    unit: WorkUnit, command: Command, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    if isinstance(command.action, UnknownAction):
        return refuse(unit, command, refusals.TYPE_UNKNOWN, context)
    number = context.config.number(command.number)
    if number is None:
        return refuse(unit, command, refusals.NO_NUMBER, context)
    pending = PendingCommand(unit, command, number, snapshot, context)
    if command.test and isinstance(command.action, REAL_ACTIONS):
        return pending.refuse(refusals.TEST_TOKEN)
    decision, changes = COMMANDS[type(command.action)].decide(pending, command.action)
    return decision, _keep_from_meta(changes) if command.test else changes


def _keep_from_meta(changes: Changes) -> Changes:
    """Return the changes by a command of a test token, of which nothing reaches Meta: no text for a
    long wait either, and no message by consent that a test brought."""
    send = msgspec.structs.replace(changes.send, test=True) if changes.send else None
    kept = tuple(timer for timer in changes.timers if timer.kind != timers.WAITING)
    return msgspec.structs.replace(changes, send=send, read_receipt=None, consent=None, timers=kept)


def events(unit: WorkUnit, command: Command, decision: Decision) -> Iterator[AddressedEvent]:
    """Yield the events of a command that was carried out, or its refusal for the destination that
    gave it."""
    if isinstance(decision, CommandAccepted):
        action = command.action
        yield from COMMANDS[type(action)].events(unit, command, action, decision)
    elif isinstance(decision, CommandRefused | Quarantined) and decision.refusal_event:
        yield _build_refusal(unit, command, decision.refusal_event)


def _build_refusal(unit: WorkUnit, command: Command, refusal: RefusalEvent) -> AddressedEvent:
    """Return the event of a refusal, without a word of the command.

    It changes nothing in the conversation, so it has the sequence number of the last event there.
    """
    message = command.id if isinstance(command.action, SendMessage) else None
    data: Data = {
        "conversationId": refusal.conversation,
        "department": refusal.department,
        "order": command.type,
        "reason": refusal.reason,
    }
    event = Delivery(
        id=refusal.id,
        type=COMMAND_REFUSED,
        tenant=refusal.tenant,
        conversation=refusal.conversation,
        department=refusal.department,
        sequence=refusal.sequence,
        time=unit.at,
        received_at=unit.at,
        data=msgspec.json.encode(data | ({"messageId": message} if message else {})),
        message=message,
        traceparent=unit.traceparent,
    )
    return refusal.destination, event


def record(unit: WorkUnit, command: Command, decision: Decision) -> KindAndData:
    kind, data = COMMANDS[type(command.action)].record(command, command.action, decision)
    return kind, data | ({"test": True} if command.test else {})


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
