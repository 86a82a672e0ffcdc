"""The CRM events of a decision, each with its destination. Pure.

Events are made from the unit and the decision alone, so that a repeat sends the same.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

import msgspec

from router.conversation.confidentiality import HANDOVER_FIELDS, VISIBLE_FIELDS, redact_event
from router.model.decision import (
    Alarm,
    CommandAccepted,
    Data,
    Decision,
    FormerOwner,
    MessageDecision,
    TimerDecision,
)
from router.model.work import WorkUnit
from services.contract import Command, Delivery
from services.event_types import CARE_ALARM, COMMAND_REFUSED, TRANSFERRED
from services.whatsapp import items

AddressedEvent = tuple[str, Delivery]
"""Id of a destination, and an event for it."""

Labelled = MessageDecision | CommandAccepted | TimerDecision
"""Decision that knows the labels of its conversation."""

WITHOUT_CONTENT = frozenset({CARE_ALARM, COMMAND_REFUSED})
"""Types of events that are written without content, so that nothing is left out of them. The reason
of a refusal is a sentence of Postkamer."""

TRANSCRIPT = "/v1/conversations/{}/transcript"
"""Path of a conversation's transcript at the archiver's API."""

_json = msgspec.json.encode


def build_event(
    unit: WorkUnit, decision: Decision, type: str, id: UUID, data: Data
) -> AddressedEvent:
    """Return an event for the department of the decision, with the zaak."""
    return decision.destination, build_delivery(
        unit, decision, type, id, data | case_json(decision)
    )


def build_delivery(unit: WorkUnit, decision: Decision, type: str, id: UUID, data: Data) -> Delivery:
    """Return an event that says no more than `data`."""
    return Delivery(
        id=id,
        type=type,
        tenant=decision.tenant,
        conversation=decision.conversation,
        department=decision.department,
        sequence=decision.sequence,
        time=unit.at,
        received_at=unit.at,
        data=_json(data),
        message=decision.message,
        traceparent=unit.traceparent,
    )


def build_alarm(unit: WorkUnit, decision: Decision, alarm: Alarm) -> AddressedEvent:
    """Return the alarm to a person, without a word of the conversation.

    For a confidential department it also omits the kind of danger, which would reveal as much.
    """
    data: Data = {"conversationId": decision.conversation, "nth": alarm.nth}
    if not decision.confidential:
        data["care"] = alarm.care
    event = build_delivery(unit, decision, CARE_ALARM, alarm.event, data)
    return alarm.destination, msgspec.structs.replace(event, message=None)


def build_transfer(unit: WorkUnit, decision: Labelled) -> Iterator[AddressedEvent]:
    """Yield the transfer by a rule or a timer, just before the event that caused it.

    Both departments get it, unless they share a destination.
    """
    former = decision.former
    if former is None or former.transfer is None:
        return
    data = (
        conversation_json(decision)
        | {"from": former.department, "reason": decision.reason}
        | labels_json(decision)
    )
    destination, event = build_event(unit, decision, TRANSFERRED, former.transfer, data)
    event = msgspec.structs.replace(event, sequence=decision.sequence - 1, message=None)
    yield destination, event
    if former.event:
        yield former.destination, msgspec.structs.replace(event, id=former.event)


def redact(decision: Decision, events: Iterable[AddressedEvent]) -> Iterator[AddressedEvent]:
    """Leave content out of the events that a confidential department or destination receives."""
    for destination, event in events:
        owner = _owner_in(event, decision)
        confidential = decision.confidential or (owner is not None and owner.confidential)
        confidential = confidential and event.type not in WITHOUT_CONTENT
        takes_over = not decision.confidential and destination == decision.destination
        fields = HANDOVER_FIELDS if takes_over else VISIBLE_FIELDS
        yield destination, redact_event(event, confidential=confidential, fields=fields)


def _owner_in(event: Delivery, decision: Decision) -> FormerOwner | None:
    """Return the former owner that an event names, if any."""
    if event.type == TRANSFERRED:
        return decision.former
    merged = decision.merged if isinstance(decision, CommandAccepted) else None
    return merged.owner if merged and merged.conversation == event.conversation else None


def conversation_json(decision: Decision) -> Data:
    return {"conversationId": decision.conversation, "department": decision.department}


def labels_json(decision: Labelled, care: str | None = None) -> Data:
    """Return the labels and the terms of the conversation, without those that are empty.

    `care` is the danger in the message itself; left out: the danger that is not yet confirmed.
    """
    labels = decision.labels
    fields = {
        "tags": labels.tags,
        "priority": labels.priority,
        "priorityReason": labels.priority_reason,
        "alsoAbout": labels.also_about,
        "language": labels.language,
        "due": labels.due,
        "care": labels.care if care is None else care,
        "windowUntil": decision.window_until,
        "assignee": labels.assignee,
    }
    return {name: value for name, value in fields.items() if value}


def reply_json(decision: Decision) -> Data:
    """Return the automatic text that went out, if any."""
    if (reply := decision.reply) is None:
        return {}
    return {"automatic": {"messageId": reply.id, "name": reply.name, "text": reply.text}}


def decision_json(decision: Decision) -> dict[str, str]:
    """Return the rule and the reason in words, and the ruleset version if there is one."""
    data = {"rule": decision.rule, "reason": decision.reason}
    if decision.version:
        data["version"] = decision.version
    return data


def case_json(decision: Decision) -> dict[str, str]:
    """Return the zaak of the conversation; nothing until it is linked to one."""
    return {"zaak": decision.zaak} if decision.zaak else {}


def transcript_json(conversation: str) -> dict[str, str]:
    """Return the path of the transcript, for the event of a closing."""
    return {"transcript": TRANSCRIPT.format(conversation)}


def sender_json(command: Command) -> Data:
    """Return the token and the author that sent a command."""
    return {"token": command.token, "author": command.author}


def person_json(person: items.Person) -> Data:
    return {
        "identities": [{"kind": i.kind, "value": i.value} for i in person.identities],
        "name": person.name,
    }
