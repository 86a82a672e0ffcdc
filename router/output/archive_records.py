"""The archive records of a decision. Pure.

Records are made from the unit and the decision alone, so that a repeat writes the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import msgspec

from router.conversation.outgoing import AUTHOR, content_type, format_reason
from router.handlers import media
from router.model.decision import Data, DecidedUnit, Decision, RepeatedUnit, Reply, WorkUnit
from router.output.command_records import (
    COMMAND_RECORDS,
    conversation_event_data,
    ended_consent_data,
    message_data,
)
from router.output.crm_events import case_json, decision_json, person_json
from services.contract import Command, Entry, MediaOutcome, Receipt, Record, SendOutcome, Timeout
from services.whatsapp import items
from services.whatsapp.segments import split_body

_json = msgspec.json.encode


ParsedEntry = tuple[Entry, Sequence[items.AnyItem] | None]
"""An entry, and the items of its body; None if the body was not parsed or cannot be read."""


def archive_records(
    entries: Iterable[ParsedEntry],
    decided: Iterable[DecidedUnit],
    duplicates: Iterable[RepeatedUnit],
) -> list[Record]:
    """Return all records of a batch."""
    batch = [receipt_record(e, parsed or ()) for e, parsed in entries if isinstance(e, Receipt)]
    batch += [record for unit, decision, _ in decided for record in records(unit, decision)]
    batch += [duplicate_segment(unit, decision) for unit, decision in duplicates if unit.item]
    return batch


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
        id=unit.id(f"segment {unit.entry.id} {unit.item_index}"),
        kind="segment",
        at=unit.at,
        data=_json({"department": decision.department} | _origin(unit.entry)),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=decision.message,
        receipt=unit.entry.id,
        sequence=decision.sequence,
        raw=unit.item.raw,
        item_index=unit.item_index,
        contact=unit.item.contact,
    )


def records(unit: WorkUnit, decision: Decision) -> Iterator[Record]:
    """Yield the records of one decision, in order."""
    if decision.opened:
        data = conversation_event_data("opened", decision)
        yield _record(unit, decision, "conversation", decision.opened, data)
    if decision.transfer:
        data = conversation_event_data("transferred", decision) | {"from": decision.moved_from}
        yield _record(unit, decision, "conversation", decision.transfer, data)
    if decision.identity:
        yield _record(unit, decision, "identity", decision.identity, _identity(unit, decision))
    if isinstance(unit.entry, Timeout) and not decision.timer_effect:
        return  # there was nothing left to do
    kind_of_unit, data = _kind_and_data(unit, decision)
    yield _record(unit, decision, kind_of_unit, decision.record, data)
    if decision.reply:
        yield _reply(unit, decision, decision.reply)


def _record(unit: WorkUnit, decision: Decision, kind: str, id: UUID, data: Data) -> Record:
    is_main = id == decision.record
    receipt = unit.entry if isinstance(unit.entry, Receipt) else None
    if is_main and receipt:
        data = data | _origin(receipt)
    item = unit.item if is_main else None
    return Record(
        id=id,
        kind=kind,
        at=unit.at,
        data=_json(data),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=decision.message if is_main else None,
        receipt=receipt.id if receipt else None,
        # A change to the conversation comes just before the message that caused it.
        sequence=decision.sequence - (kind == "conversation" and not is_main),
        raw=item.raw if item else b"",
        item_index=unit.item_index if item else None,
        contact=item.contact if item else b"",
    )


def _identity(unit: WorkUnit, decision: Decision) -> Data:
    """Return all identity changes of one unit, and their cause; for a command that is its type."""
    match unit.entry, unit.item:
        case Command(type=type), _:
            cause = type
        case _, items.Message(becomes=becomes):
            cause = "system" if becomes else "message"
        case _:
            cause = "notice"
    return {"department": decision.department, "changes": decision.renamed, "cause": cause}


def _reply(unit: WorkUnit, decision: Decision, reply: Reply) -> Record:
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


def _kind_and_data(unit: WorkUnit, decision: Decision) -> tuple[str, Data]:
    """Return the kind and data of the record of the unit itself."""
    if decision.kind == "quarantined":
        return "quarantine", {"reason": decision.reason}
    match unit.entry, unit.item:
        case Command() as command, _:
            kind, data = COMMAND_RECORDS.get(command.type, ("message", message_data))
            return kind, data(command, decision)
        case (SendOutcome() | Timeout() | MediaOutcome()) as outcome, _:
            return _outcome(outcome, decision)
        case _, items.Message() as message:
            return "message", _received(unit, message, decision)
        case _, items.Status() as status:
            return "status", _status(status, decision)
        case _, items.Notice() as notice:
            return "notice", _notice(notice, decision)
        case _:
            raise AssertionError("an unknown item is quarantined")


def _outcome(entry: SendOutcome | Timeout | MediaOutcome, decision: Decision) -> tuple[str, Data]:
    if isinstance(entry, Timeout):
        return "conversation", _timer(decision)
    if isinstance(entry, MediaOutcome):
        return "media", media.media_record(entry)
    return "send", _send_outcome(entry, decision)


def _timer(decision: Decision) -> Data:
    data = conversation_event_data(decision.timer_effect, decision)
    if decision.alarm:
        data |= {"care": decision.alarm.care, "asked": decision.alarm.destination}
    return data


def _send_outcome(outcome: SendOutcome, decision: Decision) -> Data:
    return {
        "state": outcome.state,
        "wamid": outcome.wamid,
        "code": outcome.code,
        "reason": outcome.reason,
        "status": decision.status,
        "at": outcome.at,
    }


def _status(status: items.Status, decision: Decision) -> Data:
    return {
        "status": status.status,
        "wamid": status.id,
        "at": status.at,
        "code": status.code,
        "reason": status.reason or decision.reason,
        "pricing": status.pricing,
    }


def _notice(notice: items.Notice, decision: Decision) -> Data:
    return {"field": notice.field, "event": notice.event} | ended_consent_data(decision)


def _received(unit: WorkUnit, message: items.Message, decision: Decision) -> Data:
    optional = {
        "medium": media.attachment_info(message.content),
        "tags": decision.tags,
        "priority": decision.priority,
        "language": decision.language,
        "sensitive": decision.sensitive,
        "mask": decision.mask,
        "due": decision.due,
        "care": decision.care,
        "careReason": decision.care_reason,
        "asked": decision.alarm.destination if decision.alarm else "",
        "provisional": decision.provisional,
        "reopened": decision.reopened,
        "held": decision.held,
        "marks": decision.marks,
        "automatic": decision.reply.name if decision.reply else "",
        "continued": decision.matched_by_phone,
    }
    return (
        {
            "direction": "in" if decision.kind == "message" else "echo",
            "type": message.content.type,
            "text": message.content.text,
            "wamid": message.id,
            "number": message.number,
            "field": message.field,
            "department": decision.department,
            "decision": decision_json(decision),
            "from": person_json(message.person),
            "receivedAt": unit.at,
            "sentAt": message.sent_at,
            "quoted": message.quoted,
        }
        | {name: value for name, value in optional.items() if value}
        | ended_consent_data(decision)
        | case_json(decision)
    )
