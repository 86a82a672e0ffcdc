"""Settling a send that Meta did not confirm, with what a person saw there. Pure."""

from collections.abc import Iterator

import msgspec

from router.conversation import refusals
from router.handlers.pending_command import Outcome, PendingCommand, record_of_change
from router.model.changes import Changes, OutgoingStatus
from router.model.conversation import Conversation
from router.model.decision import CommandAccepted, Decision
from router.model.needs import Needs
from router.model.work import WorkUnit
from router.output.archive_records import KindAndData
from router.output.crm_events import AddressedEvent, build_event, conversation_json, sender_json
from services.contract import Command, SettleSend
from services.event_types import STATUS_CHANGED
from services.refusal import Refusal
from services.whatsapp.delivery_status import COMMAND_DONE

UNKNOWN = "unknown"
"""Status of a message of which it is not known whether Meta sent it."""
WENT = "een medewerker stelde vast dat dit bericht is verstuurd"
SENT_AGAIN = "een medewerker stelde vast dat dit bericht niet is verstuurd; het gaat nu opnieuw"


def needs(command: Command, action: SettleSend) -> Needs:
    return Needs(messages=(action.message,))


def settle(pending: PendingCommand, action: SettleSend, previous: Conversation) -> Outcome:
    """Give the message the status that a person saw; one that was not sent goes again.

    A later status of Meta's still counts: if the first attempt arrived after all, the second is
    not made.
    """
    message = pending.snapshot.outgoing.get(action.message)
    if refusal := _settlement_refusal(message, previous):
        return refusal
    assert message is not None
    unit, context = pending.unit, pending.context
    department = context.department(message.tenant, message.department, previous)
    after = previous.with_next_sequence()
    settled = msgspec.structs.replace(
        message,
        status=_status_after(action),
        reason=_reason(action),
        code=0,
        changed_at=unit.at,
    )
    decision = pending.accept_in(
        after,
        department=department.id if department else message.department,
        destination=department.destination if department else "",
        message=message.id,
        event=unit.id("event") if department else None,
        author_kind=message.author_kind,
    )
    return decision, Changes(
        conversation=after,
        other_outgoing=settled,
        settled_send=(message.id, "") if action.was_sent else None,
        repeated_send=None if action.was_sent else message.id,
    )


def _settlement_refusal(
    message: OutgoingStatus | None, conversation: Conversation
) -> Refusal | None:
    if message is None or message.status == COMMAND_DONE or message.conversation != conversation.id:
        return refusals.NO_MESSAGE
    return refusals.NOT_IN_DOUBT if message.status != UNKNOWN else None


def _status_after(action: SettleSend) -> str:
    return "sent" if action.was_sent else "accepted"


def _reason(action: SettleSend) -> str:
    """Return the outcome, and in the person's own words where they saw it."""
    return f"{WENT if action.was_sent else SENT_AGAIN} ({action.reason})"


def events(
    unit: WorkUnit, command: Command, action: SettleSend, decision: CommandAccepted
) -> Iterator[AddressedEvent]:
    """Yield the status of the message, for the department that sent it."""
    if decision.event is None:
        return
    data = conversation_json(decision) | {
        "messageId": decision.message,
        "status": _status_after(action),
        "reason": _reason(action),
        "at": unit.at,
        "author": {"kind": decision.author_kind},
        "by": sender_json(command),
    }
    yield build_event(unit, decision, STATUS_CHANGED, decision.event, data)


def record(command: Command, action: SettleSend, decision: Decision) -> KindAndData:
    """Return a record of the message; one of the conversation if the command was refused."""
    if not isinstance(decision, CommandAccepted):
        return record_of_change("settled", command, decision, action.reason, about=action.message)
    return "send", {
        "state": "settled",
        "wamid": "",
        "code": 0,
        "reason": _reason(action),
        "status": _status_after(action),
        "at": command.received_at,
        "by": sender_json(command),
    }
