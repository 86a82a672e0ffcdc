"""What a decision tells CRMs: events, each with the destination that it goes to. Pure.

Made from the unit and the decision alone, so that saying it again says the same.
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
SAID = "nl.postkamer.text-sent.v1"
MEDIA_AVAILABLE = "nl.postkamer.media-available.v1"
WINDOW_CLOSING = "nl.postkamer.window-closing.v1"
CARE_ALARM = "nl.postkamer.care-alarm.v1"
HAPPENED = {
    "decided": DECIDED,
    "waiting": WAITING,
    "closed": CLOSED,
    "said": SAID,
    "window": WINDOW_CLOSING,
}
"""What a time that has come brought -> the type of its event."""

AddressedEvent = tuple[str, Delivery]
"""A destination, and what it is told."""

_json = msgspec.json.encode


def crm_events(unit: WorkUnit, decision: Decision) -> Iterator[AddressedEvent]:
    """The events of one decision, in order; none where no CRM is told."""
    for destination, event in _events(unit, decision):
        confidential = decision.confidential
        if event.type == TRANSFERRED or event.conversation != decision.conversation:
            confidential = confidential or decision.former_confidential  # it says from where
        # Whoever is woken is told no content by any way.
        confidential = confidential and event.type != CARE_ALARM
        yield destination, redact_event(event, confidential=confidential)


def _events(unit: WorkUnit, decision: Decision) -> Iterator[AddressedEvent]:
    if decision.alarm:
        yield _alarm(unit, decision)
    if decision.transfer:
        yield from _moved(unit, decision, decision.transfer)
    if decision.merged and decision.previous_department_event:
        assert isinstance(unit.entry, Command)
        yield _merged(unit, unit.entry, decision, decision.previous_department_event)
    if decision.event is None:
        return
    match unit.entry, unit.item:
        case Command() as command, _:
            yield from _steered(unit, command, decision)
        case (Timeout() | MediaOutcome()) as entry, _:
            type, data = _come_back(entry, decision)
            yield _own(unit, decision, type, decision.event, data)
        case _, items.Message() as message:
            data = _message_data(unit, message, decision)
            yield _own(unit, decision, RECEIVED, decision.event, data)
        case _:
            yield _own(unit, decision, STATUS_CHANGED, decision.event, _status(unit, decision))


def _come_back(entry: Timeout | MediaOutcome, decision: Decision) -> tuple[str, Data]:
    """Type and data of what happened by itself."""
    if isinstance(entry, MediaOutcome):
        return MEDIA_AVAILABLE, _about(decision) | media_handler.media_event(entry)
    data = _about(decision) | _situation(decision) | {"reason": decision.reason}
    return HAPPENED[decision.timer_effect], data


def _alarm(unit: WorkUnit, decision: Decision) -> AddressedEvent:
    """Somebody is woken, and told no word of what was said; of a confidential department not even
    what kind of danger it is, which tells as much."""
    assert decision.alarm is not None
    alarm = decision.alarm
    data: Data = {"conversationId": decision.conversation, "nth": alarm.nth}
    if not decision.confidential:
        data["care"] = alarm.care
    _, event = _own(unit, decision, CARE_ALARM, decision.alarm.event, data)
    return decision.alarm.destination, msgspec.structs.replace(event, message=None)


def _moved(unit: WorkUnit, decision: Decision, transfer: UUID) -> Iterator[AddressedEvent]:
    """A rule or an hour moved the conversation, just before what caused it. Told to both
    departments, unless one destination has them both."""
    data = _about(decision) | {"from": decision.moved_from, "reason": decision.reason}
    destination, event = _own(unit, decision, TRANSFERRED, transfer, data)
    event = msgspec.structs.replace(event, sequence=decision.sequence - 1, message=None)
    yield destination, event
    if decision.previous_department_event:
        told = msgspec.structs.replace(event, id=decision.previous_department_event)
        yield decision.former_destination, told


def _merged(unit: WorkUnit, command: Command, decision: Decision, id: UUID) -> AddressedEvent:
    """The conversation that goes on in another one is closed for whoever had it."""
    data = {
        "conversationId": decision.merged,
        "department": decision.moved_from,
        "reason": REASON.format(decision.conversation),
        "by": ordered_by(command),
        "outcome": None,
    }
    _, event = _own(unit, decision, CLOSED, id, data)
    changed = {"conversation": decision.merged, "department": decision.moved_from}
    closed = msgspec.structs.replace(event, sequence=decision.merged_sequence, **changed)
    return decision.former_destination, closed


def _steered(unit: WorkUnit, command: Command, decision: Decision) -> Iterator[AddressedEvent]:
    """What a person did with a conversation. A transfer is told to both departments, unless one
    destination has them both."""
    assert decision.event is not None
    data = _about(decision) | {"reason": command.reason, "by": ordered_by(command)}
    data |= _situation(decision)
    if command.type == "close":
        data["outcome"] = command.outcome or None
        yield _own(unit, decision, CLOSED, decision.event, data)
        return
    data["from"] = decision.moved_from
    yield _own(unit, decision, TRANSFERRED, decision.event, data)
    if decision.previous_department_event:
        _, event = _own(unit, decision, TRANSFERRED, decision.previous_department_event, data)
        yield decision.former_destination, event


def _own(unit: WorkUnit, decision: Decision, type: str, id: UUID, data: Data) -> AddressedEvent:
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


def _about(decision: Decision) -> Data:
    return {"conversationId": decision.conversation, "department": decision.department}


def _status(unit: WorkUnit, decision: Decision) -> Data:
    happened = unit.item.at if isinstance(unit.item, items.Status) else None
    return (
        _about(decision)
        | {
            "messageId": decision.message,
            "status": decision.status,
            "reason": decision.reason,
            "at": happened or unit.at,
        }
        | _automatic(decision)
    )


def _message_data(unit: WorkUnit, message: items.Message, decision: Decision) -> Data:
    content = message.content
    filename = _shown(content.filename, decision)
    media = {"id": decision.message, "mimeType": content.mime_type, "filename": filename}
    media["link"] = media_handler.LINK.format(decision.message)
    return (
        _about(decision)
        | {
            "messageId": decision.message,
            "type": content.type,
            "text": _shown(content.text, decision),
            "choice": content.choice,
            "from": person(message.person) | {"name": _shown(message.person.name, decision)},
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
        | _situation(decision)
    )


def _shown(written: str, decision: Decision) -> str:
    """What a citizen wrote, in a message, the name of a file or their own, as the department may
    see it."""
    return mask_pii(written, decision.mask) if decision.mask else written


def _situation(decision: Decision) -> Data:
    """How it stands with the conversation; what there is nothing to say of is left out."""
    known = {
        "tags": decision.tags,
        "priority": decision.priority,
        "language": decision.language,
        "due": decision.due,
        "care": decision.care,
        "windowUntil": decision.window_until,
        "assignee": decision.assignee,
    }
    return {name: value for name, value in known.items() if value} | _automatic(decision)


def _automatic(decision: Decision) -> Data:
    """What went out by itself."""
    if (reply := decision.reply) is None:
        return {}
    return {"automatic": {"messageId": reply.id, "name": reply.name, "text": reply.text}}


def decision_json(decision: Decision) -> dict[str, str]:
    """The rule and the reason in words; and of which version, where there are several."""
    version = {"version": decision.version} if decision.version else {}
    return {"rule": decision.rule, "reason": decision.reason} | version


def case_json(decision: Decision) -> dict[str, str]:
    """The zaak that the conversation belongs to, once it is linked to one."""
    return {"zaak": decision.zaak} if decision.zaak else {}


def ordered_by(command: Command) -> Data:
    """Who ordered it."""
    return {"token": command.token, "author": command.author}


def person(person: items.Person) -> Data:
    return {
        "identities": [{"kind": i.kind, "value": i.value} for i in person.identities],
        "name": person.name,
    }
