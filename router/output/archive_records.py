"""The archive records of a decision. Pure.

Records are made from the unit and the decision alone, so that a repeat writes the same.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from router.conversation.outgoing import AUTHOR, content_type, format_reason
from router.model.decision import Alarm, CommandAccepted, Data, Decision, MessageDecision, Reply
from router.model.work import WorkUnit
from router.output.crm_events import case_json, decision_json
from services.contract import Command, ConsentEvidence, Receipt, Record
from services.whatsapp import items
from services.whatsapp.segments import split_body

_json = msgspec.json.encode

KindAndData = tuple[str, Data]
"""Kind of a record, and what it says."""


def receipt_record(receipt: Receipt, parsed: Sequence[items.AnyItem]) -> Record:
    """Return the body remainder: the signed bytes without the items, and the places of the items.

    It is the whole body if that was not parsed, or if nothing could be cut out. Every copy of the
    receipt gives the same record.
    """
    body = split_body(receipt.body, parsed)
    data = _origin(receipt) | {"signature": receipt.signature, "holes": body.holes}
    return Record(
        id=receipt.id, kind="receipt", at=receipt.received_at, data=_json(data), raw=body.rest
    )


def unread_record(id: UUID, reason: str, at: datetime) -> Record:
    """Return that a message of the broker was quarantined, which could not be read at all. `id` is
    that of its row."""
    return Record(id=id, kind="quarantine", at=at, data=_json({"reason": reason}))


def _origin(receipt: Receipt) -> Data:
    """Return the verified origin. Each item has it too, since the body remainder may be erased."""
    return {"door": receipt.door, "proof": receipt.proof}


def duplicate_segment(unit: WorkUnit, decision: Decision) -> Record:
    """Return the bytes of an item that came again.

    The content is on record, but its place in this body is not. The record belongs to the
    conversation of the first copy.
    """
    assert isinstance(unit.entry, Receipt) and unit.item
    return Record(
        id=unit.id(f"segment {unit.source} {unit.item_index}"),
        kind="segment",
        at=unit.at,
        data=_json({"department": decision.department} | _origin(unit.entry)),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=decision.message,
        receipt=unit.receipt,
        sequence=decision.sequence,
        raw=unit.item.raw,
        item_index=unit.item_index,
        contact=unit.item.contact,
    )


def records_before(unit: WorkUnit, decision: Decision) -> Iterator[Record]:
    """Yield the records of what else changes with a decision, just before it."""
    opened = decision.opened if isinstance(decision, MessageDecision | CommandAccepted) else None
    if opened:
        data = conversation_event_data("opened", decision)
        yield _change_record(unit, decision, "conversation", opened, data)
    if isinstance(decision, MessageDecision) and decision.reopened:
        # Its term stops: what follows the records of conversations must see it among them.
        data = conversation_event_data("reopened", decision)
        record = _change_record(unit, decision, "conversation", unit.id("reopened"), data)
        yield msgspec.structs.replace(record, sequence=decision.sequence)
    if decision.former and decision.former.transfer:
        data = conversation_event_data("transferred", decision)
        data |= {"from": decision.former.department}
        yield _change_record(unit, decision, "conversation", decision.former.transfer, data)
    if isinstance(decision, MessageDecision) and decision.alarm:
        data = conversation_event_data("alarmed", decision) | alarm_data(decision.alarm)
        record = _change_record(unit, decision, "conversation", decision.alarm.event, data)
        yield msgspec.structs.replace(record, sequence=decision.sequence)
    if decision.identity:
        data = _identity(unit, decision)
        yield _change_record(unit, decision, "identity", decision.identity, data)


def conversation_event_data(event: str, decision: Decision) -> Data:
    """Return what the record of a change to a conversation says."""
    data = {
        "event": event,
        "department": decision.department,
        "decision": decision_json(decision),
    }
    return data | case_json(decision)


def alarm_data(alarm: Alarm) -> Data:
    """Return the danger, the destination that was alarmed, and the number of the alarm."""
    return {"care": alarm.care, "asked": alarm.destination, "nth": alarm.nth}


def _change_record(unit: WorkUnit, decision: Decision, kind: str, id: UUID, data: Data) -> Record:
    return Record(
        id=id,
        kind=kind,
        at=unit.at,
        data=_json(data),
        tenant=decision.tenant,
        conversation=decision.conversation,
        receipt=unit.receipt,
        # A change to the conversation comes just before the message that caused it.
        sequence=decision.sequence - (kind == "conversation"),
    )


def unit_record(unit: WorkUnit, decision: Decision, kind: str, data: Data) -> Record:
    """Return the record of the unit itself."""
    receipt = unit.entry if isinstance(unit.entry, Receipt) else None
    item = unit.item
    return Record(
        id=decision.record,
        kind=kind,
        at=unit.at,
        data=_json(data | _origin(receipt) if receipt else data),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=decision.message,
        receipt=unit.receipt,
        sequence=decision.sequence,
        raw=item.raw if item else b"",
        item_index=unit.item_index if item else None,
        contact=item.contact if item else b"",
        traceparent=unit.traceparent,
    )


def _identity(unit: WorkUnit, decision: Decision) -> Data:
    """Return all identity changes of one unit, and their cause; for a command that is its type."""
    match unit.entry, unit.item:
        case Command() as command, _:
            cause = command.type
        case _, items.Message(becomes=becomes):
            cause = "system" if becomes else "message"
        case _:
            cause = "notice"
    return {"department": decision.department, "changes": decision.renamed, "cause": cause}


def reply_record(unit: WorkUnit, decision: Decision, reply: Reply) -> Record:
    """Return the record of an automatic text, just after the message it answers."""
    data = {
        "direction": "out",
        "type": content_type(reply),
        "text": reply.text,
        "content": msgspec.Raw(reply.content),
        "author": AUTHOR,
        "name": reply.name,
        "language": reply.language,
        "department": decision.department,
        # The record of the message it answers says why the conversation is here.
        "decision": decision_json(decision) | {"reason": format_reason(reply)},
        "status": "accepted",
        "receivedAt": unit.at,
    }
    return Record(
        id=reply.record,
        kind="message",
        at=unit.at,
        data=_json(data | case_json(decision)),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=reply.id,
        sequence=decision.sequence + 1,
    )


def ended_consent_data(purposes: tuple[str, ...]) -> Data:
    """Return the purposes for which consent ended here; nothing if there are none."""
    return {"consentEnded": purposes} if purposes else {}


def evidence_json(purpose: str, evidence: ConsentEvidence | None) -> Data:
    """Return the evidence of consent for a purpose."""
    return {
        "purpose": purpose,
        "givenAt": evidence.given_at if evidence else None,
        "source": evidence.source if evidence else "",
    }
