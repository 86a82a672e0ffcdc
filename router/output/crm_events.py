"""The CRM events of a decision, each with its destination. Pure.

Events are made from the unit and the decision alone, so that a repeat sends the same.
"""

from collections.abc import Iterator
from uuid import UUID

import msgspec

from router.conversation.confidentiality import redact_event
from router.conversation.merge import REASON
from router.handlers import media as media_handler
from router.model.decision import Data, Decision, WorkUnit
from router.text.pii import mask_pii
from services.contract import Command, Delivery, MediaOutcome, Timeout
from services.whatsapp import items

RECEIVED = "nl.postkamer.message-received.v1"
STATUS_CHANGED = "nl.postkamer.message-status-changed.v1"
TRANSFERRED = "nl.postkamer.conversation-transferred.v1"
CLOSED = "nl.postkamer.conversation-closed.v1"
DECIDED = "nl.postkamer.conversation-decided.v1"
WAITING = "nl.postkamer.conversation-waiting.v1"
TEXT_SENT = "nl.postkamer.text-sent.v1"
MEDIA_AVAILABLE = "nl.postkamer.media-available.v1"
WINDOW_CLOSING = "nl.postkamer.window-closing.v1"
CARE_ALARM = "nl.postkamer.care-alarm.v1"
TIMER_EVENTS = {
    "decided": DECIDED,
    "waiting": WAITING,
    "closed": CLOSED,
    "said": TEXT_SENT,
    "window": WINDOW_CLOSING,
}
"""Effect of a timer -> type of its event."""

AddressedEvent = tuple[str, Delivery]
"""Id of a destination, and an event for it."""

_json = msgspec.json.encode


def crm_events(unit: WorkUnit, decision: Decision) -> Iterator[AddressedEvent]:
    """Yield the events of one decision, in order; none if no CRM hears of it."""
    for destination, event in _events(unit, decision):
        confidential = decision.confidential
        if event.type == TRANSFERRED or event.conversation != decision.conversation:
            # The event names the department that the conversation left.
            confidential = confidential or decision.former_confidential
        # An alarm has no content that could be redacted.
        confidential = confidential and event.type != CARE_ALARM
        yield destination, redact_event(event, confidential=confidential)


def _events(unit: WorkUnit, decision: Decision) -> Iterator[AddressedEvent]:
    if decision.alarm:
        yield _alarm(unit, decision)
    if decision.transfer:
        yield from _routing_transfer(unit, decision, decision.transfer)
    if decision.merged and decision.previous_department_event:
        assert isinstance(unit.entry, Command)
        yield _merged(unit, unit.entry, decision, decision.previous_department_event)
    if decision.event is None:
        return
    match unit.entry, unit.item:
        case Command() as command, _:
            yield from _steering(unit, command, decision)
        case (Timeout() | MediaOutcome()) as entry, _:
            type, data = _outcome(entry, decision)
            yield _event(unit, decision, type, decision.event, data)
        case _, items.Message() as message:
            data = _message_data(unit, message, decision)
            yield _event(unit, decision, RECEIVED, decision.event, data)
        case _:
            yield _event(
                unit, decision, STATUS_CHANGED, decision.event, _status_data(unit, decision)
            )


def _outcome(entry: Timeout | MediaOutcome, decision: Decision) -> tuple[str, Data]:
    """Return type and data of the event of a timer or a file."""
    if isinstance(entry, MediaOutcome):
        return MEDIA_AVAILABLE, _conversation_json(decision) | media_handler.media_event(entry)
    data = _conversation_json(decision) | _state_json(decision) | {"reason": decision.reason}
    return TIMER_EVENTS[decision.timer_effect], data


def _alarm(unit: WorkUnit, decision: Decision) -> AddressedEvent:
    """Return the alarm to a person, without a word of the conversation.

    For a confidential department it also omits the kind of danger, which would reveal as much.
    """
    assert decision.alarm is not None
    alarm = decision.alarm
    data: Data = {"conversationId": decision.conversation, "nth": alarm.nth}
    if not decision.confidential:
        data["care"] = alarm.care
    _, event = _event(unit, decision, CARE_ALARM, alarm.event, data)
    return alarm.destination, msgspec.structs.replace(event, message=None)


def _routing_transfer(
    unit: WorkUnit, decision: Decision, transfer: UUID
) -> Iterator[AddressedEvent]:
    """Yield the transfer by a rule or a timer, just before the event that caused it.

    Both departments get it, unless they share a destination.
    """
    data = _conversation_json(decision) | {"from": decision.moved_from, "reason": decision.reason}
    destination, event = _event(unit, decision, TRANSFERRED, transfer, data)
    event = msgspec.structs.replace(event, sequence=decision.sequence - 1, message=None)
    yield destination, event
    if decision.previous_department_event:
        copy = msgspec.structs.replace(event, id=decision.previous_department_event)
        yield decision.former_destination, copy


def _merged(unit: WorkUnit, command: Command, decision: Decision, id: UUID) -> AddressedEvent:
    """Return the closing of the merged conversation, for the department that had it."""
    data = {
        "conversationId": decision.merged,
        "department": decision.moved_from,
        "reason": REASON.format(decision.conversation),
        "by": sender_json(command),
        "outcome": None,
    }
    _, event = _event(unit, decision, CLOSED, id, data)
    closed = msgspec.structs.replace(
        event,
        sequence=decision.merged_sequence,
        conversation=decision.merged,
        department=decision.moved_from,
    )
    return decision.former_destination, closed


def _steering(unit: WorkUnit, command: Command, decision: Decision) -> Iterator[AddressedEvent]:
    """Yield the closing or transfer of a conversation by a person.

    Both departments get a transfer, unless they share a destination.
    """
    assert decision.event is not None
    data = _conversation_json(decision) | {"reason": command.reason, "by": sender_json(command)}
    data |= _state_json(decision)
    if command.type == "close":
        data["outcome"] = command.outcome or None
        yield _event(unit, decision, CLOSED, decision.event, data)
        return
    data["from"] = decision.moved_from
    yield _event(unit, decision, TRANSFERRED, decision.event, data)
    if id := decision.previous_department_event:
        _, event = _event(unit, decision, TRANSFERRED, id, data)
        yield decision.former_destination, event


def _event(unit: WorkUnit, decision: Decision, type: str, id: UUID, data: Data) -> AddressedEvent:
    event = Delivery(
        id=id,
        type=type,
        tenant=decision.tenant,
        conversation=decision.conversation,
        department=decision.department,
        sequence=decision.sequence,
        time=unit.at,
        received_at=unit.at,
        data=_json(data | case_json(decision)),
        message=decision.message,
    )
    return decision.destination, event


def _conversation_json(decision: Decision) -> Data:
    return {"conversationId": decision.conversation, "department": decision.department}


def _status_data(unit: WorkUnit, decision: Decision) -> Data:
    meta_time = unit.item.at if isinstance(unit.item, items.Status) else None
    return (
        _conversation_json(decision)
        | {
            "messageId": decision.message,
            "status": decision.status,
            "reason": decision.reason,
            "at": meta_time or unit.at,
        }
        | _reply_json(decision)
    )


def _message_data(unit: WorkUnit, message: items.Message, decision: Decision) -> Data:
    content = message.content
    filename = _mask(content.filename, decision)
    media = {"id": decision.message, "mimeType": content.mime_type, "filename": filename}
    media["link"] = media_handler.LINK.format(decision.message)
    return (
        _conversation_json(decision)
        | {
            "messageId": decision.message,
            "type": content.type,
            "text": _mask(content.text, decision),
            "choice": content.choice,
            "from": person_json(message.person) | {"name": _mask(message.person.name, decision)},
            "receivedAt": unit.at,
            "sentAt": message.sent_at,
            "media": [media] if media_handler.attachment_info(content) else [],
            "decision": decision_json(decision),
            "provisional": decision.provisional,
            "task": decision.task,
            "reopened": decision.reopened,
            "sensitive": decision.sensitive,
            "windowUntil": decision.window_until,
        }
        | _state_json(decision)
    )


def _mask(text: str, decision: Decision) -> str:
    """Mask PII that the department does not see in a message, a file name or a person's name."""
    return mask_pii(text, decision.mask) if decision.mask else text


def _state_json(decision: Decision) -> Data:
    """Return the state of the conversation, without its empty fields."""
    fields = {
        "tags": decision.tags,
        "priority": decision.priority,
        "language": decision.language,
        "due": decision.due,
        "care": decision.care,
        "windowUntil": decision.window_until,
        "assignee": decision.assignee,
    }
    return {name: value for name, value in fields.items() if value} | _reply_json(decision)


def _reply_json(decision: Decision) -> Data:
    """Return the automatic text that went out, if any."""
    if (reply := decision.reply) is None:
        return {}
    return {"automatic": {"messageId": reply.id, "name": reply.name, "text": reply.text}}


def decision_json(decision: Decision) -> dict[str, str]:
    """Return the rule and the reason in words, and the ruleset version if there is one."""
    version = {"version": decision.version} if decision.version else {}
    return {"rule": decision.rule, "reason": decision.reason} | version


def case_json(decision: Decision) -> dict[str, str]:
    """Return the zaak of the conversation; nothing until it is linked to one."""
    return {"zaak": decision.zaak} if decision.zaak else {}


def sender_json(command: Command) -> Data:
    """Return the token and the author that sent a command."""
    return {"token": command.token, "author": command.author}


def person_json(person: items.Person) -> Data:
    return {
        "identities": [{"kind": i.kind, "value": i.value} for i in person.identities],
        "name": person.name,
    }
