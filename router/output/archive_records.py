"""What a decision leaves in the archive. Pure.

Made from the unit and the decision alone, so that saying it again says the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import msgspec

from router.conversation.outgoing import AUTHOR, content_type, format_reason
from router.handlers import media
from router.identity.changes import identity_change_record as renamed
from router.model.decision import Data, DecidedUnit, Decision, RepeatedUnit, Reply, WorkUnit
from router.output.command_records import COMMAND_RECORDS, conversation_event_data, message_data
from router.output.consent_records import ended
from router.output.crm_events import case_json, decision_json, person
from services.contract import Command, Entry, MediaOutcome, Receipt, Record, SendOutcome, Timeout
from services.whatsapp import items
from services.whatsapp.segments import split_body

_json = msgspec.json.encode


ParsedEntry = tuple[Entry, Sequence[items.AnyItem] | None]
"""An entry, and what its body holds where that was looked at and could be read."""


def archive_records(
    entries: Iterable[ParsedEntry], said: Iterable[DecidedUnit], again: Iterable[RepeatedUnit]
) -> list[Record]:
    """Everything that a batch leaves."""
    found = [receipt_record(e, inside or ()) for e, inside in entries if isinstance(e, Receipt)]
    found += [record for unit, decision, _ in said for record in records(unit, decision)]
    return found + [duplicate_segment(unit, decision) for unit, decision in again if unit.item]


def receipt_record(receipt: Receipt, inside: Sequence[items.AnyItem]) -> Record:
    """What its items left of the signed bytes, and where they stood; all of them where nobody
    looked, or nothing could be cut out. The same for every copy of the receipt."""
    envelope = split_body(receipt.body, inside)
    data = _proof(receipt) | {"signature": receipt.signature, "holes": envelope.holes}
    return Record(
        id=receipt.id, kind="receipt", at=receipt.received_at, data=_json(data), raw=envelope.rest
    )


def _proof(receipt: Receipt) -> Data:
    """What the check of the signature said. It stands with each item too: the envelope may go."""
    return {"door": receipt.door, "proof": receipt.proof}


def duplicate_segment(unit: WorkUnit, decision: Decision) -> Record:
    """The bytes of an item that came again: what it says is on the record, and this place in this
    body is not. It belongs where the item was put when it came first."""
    assert isinstance(unit.entry, Receipt) and unit.item
    return Record(
        id=unit.id(f"segment {unit.entry.id} {unit.item_index}"),
        kind="segment",
        at=unit.at,
        data=_json({"department": decision.department} | _proof(unit.entry)),
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
    """The records of one decision, in order."""
    if decision.opened:
        opened = conversation_event_data("opened", decision)
        yield _record(unit, decision, "conversation", decision.opened, opened)
    if decision.transfer:
        moved = conversation_event_data("transferred", decision) | {"from": decision.moved_from}
        yield _record(unit, decision, "conversation", decision.transfer, moved)
    if decision.identity:
        yield _record(unit, decision, "identity", decision.identity, renamed(unit, decision))
    if isinstance(unit.entry, Timeout) and not decision.timer_effect:
        return  # there was nothing left to do
    kind_of, data = _own(unit, decision)
    yield _record(unit, decision, kind_of, decision.record, data)
    if decision.reply:
        yield _said(unit, decision, decision.reply)


def _record(unit: WorkUnit, decision: Decision, kind: str, id: UUID, data: Data) -> Record:
    own = id == decision.record
    receipt = unit.entry if isinstance(unit.entry, Receipt) else None
    if own and receipt:
        data = data | _proof(receipt)
    item = unit.item if own else None
    return Record(
        id=id,
        kind=kind,
        at=unit.at,
        data=_json(data),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=decision.message if own else None,
        receipt=receipt.id if receipt else None,
        # What happened to the conversation stands just before the message that caused it.
        sequence=decision.sequence - (kind == "conversation" and not own),
        raw=item.raw if item else b"",
        item_index=unit.item_index if item else None,
        contact=item.contact if item else b"",
    )


def _said(unit: WorkUnit, decision: Decision, reply: Reply) -> Record:
    """A text that went out by itself, just after what it answers."""
    data = {
        "direction": "out",
        "type": content_type(reply),
        "text": reply.text,
        "content": msgspec.Raw(reply.content),
        "author": AUTHOR,
        "name": reply.name,
        "language": reply.language,
        "department": decision.department,
        # Why the conversation is here is of the message which it answers.
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


def _own(unit: WorkUnit, decision: Decision) -> tuple[str, Data]:
    """Kind and data of the record of the unit itself."""
    if decision.kind == "quarantined":
        return "quarantine", {"reason": decision.reason}
    match unit.entry, unit.item:
        case Command() as command, _:
            kind, data = COMMAND_RECORDS.get(command.type, ("message", message_data))
            return kind, data(command, decision)
        case (SendOutcome() | Timeout() | MediaOutcome()) as entry, _:
            return _come_back(entry, decision)
        case _, items.Message() as message:
            return "message", _received(unit, message, decision)
        case _, items.Status() as status:
            return "status", _status(status, decision)
        case _, items.Notice() as notice:
            return "notice", {"field": notice.field, "event": notice.event} | ended(decision)
        case _:
            raise AssertionError("an unknown item is quarantined")


def _come_back(entry: SendOutcome | Timeout | MediaOutcome, decision: Decision) -> tuple[str, Data]:
    if isinstance(entry, Timeout):
        return "conversation", _timed_out(decision)
    if isinstance(entry, MediaOutcome):
        return "media", media.media_record(entry)
    return "send", _outcome(entry, decision)


def _timed_out(decision: Decision) -> Data:
    data = conversation_event_data(decision.timer_effect, decision)
    if decision.alarm:
        data |= {"care": decision.alarm.care, "asked": decision.alarm.destination}
    return data


def _outcome(outcome: SendOutcome, decision: Decision) -> Data:
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


def _received(unit: WorkUnit, message: items.Message, decision: Decision) -> Data:
    marked = {
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
            "from": person(message.person),
            "receivedAt": unit.at,
            "sentAt": message.sent_at,
            "quoted": message.quoted,
        }
        | {name: value for name, value in marked.items() if value}
        | ended(decision)
        | case_json(decision)
    )
