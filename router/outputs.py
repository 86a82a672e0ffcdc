"""What a decision says to others: records for the archive, events for CRMs. Pure.

Made from the unit and the decision alone, so that saying it again says the same.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from router.decisions import Decision, Unit
from services.contract import Command, Delivery, Receipt, Record, SendOutcome
from services.whatsapp import items

RECEIVED = "nl.postkamer.message-received.v1"
STATUS_CHANGED = "nl.postkamer.message-status-changed.v1"
TRANSFERRED = "nl.postkamer.conversation-transferred.v1"

_json = msgspec.json.encode


def receipt_record(receipt: Receipt) -> Record:
    """The signed bytes as they came in. The same for every copy of the receipt."""
    proof = {"door": receipt.door, "proof": receipt.proof, "signature": receipt.signature}
    return Record(
        id=receipt.id, kind="receipt", at=receipt.received_at, data=_json(proof), raw=receipt.body
    )


def records(unit: Unit, decision: Decision) -> Iterator[Record]:
    """The records of one decision, in order."""
    if decision.opened:
        yield _record(unit, decision, "conversation", decision.opened, _opened(decision))
    if decision.transfer:
        yield _record(unit, decision, "conversation", decision.transfer, _moved(decision))
    kind, data = _own(unit, decision)
    yield _record(unit, decision, kind, decision.record, data)


def _record(unit: Unit, decision: Decision, kind: str, id: Any, data: dict[str, Any]) -> Record:
    receipt = unit.entry if isinstance(unit.entry, Receipt) else None
    own = id == decision.record
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
        sequence=decision.sequence if own else decision.sequence - 1,
        raw=unit.item.raw if own and unit.item else b"",
    )


def _opened(decision: Decision) -> dict[str, Any]:
    return {"event": "opened", "department": decision.department, "decision": _why(decision)}


def _moved(decision: Decision) -> dict[str, Any]:
    return {
        "event": "transferred",
        "from": decision.moved_from,
        "department": decision.department,
        "decision": _why(decision),
    }


def _why(decision: Decision) -> dict[str, str]:
    return {"rule": decision.rule, "reason": decision.reason}


def _own(unit: Unit, decision: Decision) -> tuple[str, dict[str, Any]]:
    """Kind and data of the record of the unit itself."""
    if decision.kind == "quarantined":
        return "quarantine", {"reason": decision.reason}
    match unit.entry, unit.item:
        case Command() as command, _:
            return "message", _written(command, decision)
        case SendOutcome() as outcome, _:
            return "send", _outcome(outcome, decision)
        case _, items.Message() as message:
            return "message", _received(unit, message, decision)
        case _, items.Status() as status:
            return "status", _status(status, decision)
        case _, items.Notice() as notice:
            return "notice", {"field": notice.field, "event": notice.event}
        case _:
            raise AssertionError("an unknown item is quarantined")


def _written(command: Command, decision: Decision) -> dict[str, Any]:
    return {
        "direction": "out",
        "type": command.type,
        "text": command.text,
        "author": command.author,
        "token": command.token,
        "to": command.to,
        "department": decision.department,
        "decision": _why(decision),
        "status": decision.status,
        "receivedAt": command.received_at,
    }


def _outcome(outcome: SendOutcome, decision: Decision) -> dict[str, Any]:
    return {
        "state": outcome.state,
        "wamid": outcome.wamid,
        "code": outcome.code,
        "reason": outcome.reason,
        "status": decision.status,
        "at": outcome.at,
    }


def _status(status: items.Status, decision: Decision) -> dict[str, Any]:
    return {
        "status": status.status,
        "wamid": status.id,
        "at": status.at,
        "code": status.code,
        "reason": status.reason or decision.reason,
        "pricing": status.pricing,
    }


def _received(unit: Unit, message: items.Message, decision: Decision) -> dict[str, Any]:
    return {
        "direction": "in" if decision.kind == "message" else "echo",
        "type": message.content.type,
        "text": message.content.text,
        "wamid": message.id,
        "number": message.number,
        "field": message.field,
        "department": decision.department,
        "decision": _why(decision),
        "from": _person(message.person),
        "receivedAt": unit.at,
        "sentAt": message.sent_at,
        "quoted": message.quoted,
    }


def _person(person: items.Person) -> dict[str, Any]:
    return {
        "identities": [{"kind": i.kind, "value": i.value} for i in person.identities],
        "name": person.name,
    }


def deliveries(unit: Unit, decision: Decision) -> Iterator[Delivery]:
    """The events of one decision for its destination, in order; none where no CRM is told."""
    if decision.transfer:
        yield _delivery(unit, decision, TRANSFERRED, _transfer_data(decision))
    if decision.event is None:
        return
    if isinstance(unit.item, items.Message):
        yield _delivery(unit, decision, RECEIVED, _message_data(unit, unit.item, decision))
    else:
        data: dict[str, Any] = {
            "conversationId": decision.conversation,
            "messageId": decision.message,
            "department": decision.department,
            "status": decision.status,
            "reason": decision.reason,
            "at": _happened(unit),
        }
        yield _delivery(unit, decision, STATUS_CHANGED, data)


def _transfer_data(decision: Decision) -> dict[str, Any]:
    return {
        "conversationId": decision.conversation,
        "from": decision.moved_from,
        "department": decision.department,
        "reason": decision.reason,
    }


def _happened(unit: Unit) -> Any:
    return unit.item.at or unit.at if isinstance(unit.item, items.Status) else unit.at


def _message_data(unit: Unit, message: items.Message, decision: Decision) -> dict[str, Any]:
    content = message.content
    media = {"id": content.media, "mimeType": content.mime_type, "filename": content.filename}
    return {
        "conversationId": decision.conversation,
        "messageId": decision.message,
        "department": decision.department,
        "type": content.type,
        "text": content.text,
        "choice": content.choice,
        "from": _person(message.person),
        "receivedAt": unit.at,
        "sentAt": message.sent_at,
        "media": [media] if content.media else [],
        "decision": _why(decision),
    }


def _delivery(unit: Unit, decision: Decision, type: str, data: dict[str, Any]) -> Delivery:
    moved = type == TRANSFERRED
    id = decision.transfer if moved else decision.event
    assert id is not None
    return Delivery(
        id=id,
        type=type,
        tenant=decision.tenant,
        conversation=decision.conversation,
        department=decision.department,
        sequence=decision.sequence - 1 if moved else decision.sequence,
        time=unit.at,
        received_at=unit.at,
        data=_json(data),
        message=None if moved else decision.message,
    )
