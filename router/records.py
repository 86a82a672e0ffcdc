"""What a decision leaves in the archive. Pure.

Made from the unit and the decision alone, so that saying it again says the same.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import msgspec

from router import files
from router.automatic import AUTHOR, because, kind
from router.commands import content
from router.consents import brought, ended, of_person
from router.decisions import Decision, Reply, Unit
from router.outputs import Data, by, person, why, zaak
from router.renames import kept as renamed
from services.contract import Command, MediaOutcome, Receipt, Record, SendOutcome, Timeout
from services.whatsapp import items

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
        opened = _happened("opened", decision)
        yield _record(unit, decision, "conversation", decision.opened, opened)
    if decision.transfer:
        moved = _happened("transferred", decision) | {"from": decision.moved_from}
        yield _record(unit, decision, "conversation", decision.transfer, moved)
    if decision.identity:
        yield _record(unit, decision, "identity", decision.identity, renamed(unit, decision))
    if isinstance(unit.entry, Timeout) and not decision.happened:
        return  # there was nothing left to do
    kind_of, data = _own(unit, decision)
    yield _record(unit, decision, kind_of, decision.record, data)
    if decision.reply:
        yield _said(unit, decision, decision.reply)


def _record(unit: Unit, decision: Decision, kind: str, id: UUID, data: Data) -> Record:
    own = id == decision.record
    return Record(
        id=id,
        kind=kind,
        at=unit.at,
        data=_json(data),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=decision.message if own else None,
        receipt=unit.entry.id if isinstance(unit.entry, Receipt) else None,
        # What happened to the conversation stands just before the message that caused it.
        sequence=decision.sequence - (kind == "conversation" and not own),
        raw=unit.item.raw if own and unit.item else b"",
    )


def _said(unit: Unit, decision: Decision, reply: Reply) -> Record:
    """A text that went out by itself, just after what it answers."""
    data = {
        "direction": "out",
        "type": kind(reply),
        "text": reply.text,
        "content": msgspec.Raw(reply.content),
        "author": AUTHOR,
        "name": reply.name,
        "language": reply.language,
        "department": decision.department,
        # Why the conversation is here is of the message which it answers.
        "decision": why(decision) | {"reason": because(reply)},
        "status": "accepted",
        "receivedAt": unit.at,
    }
    return Record(
        id=reply.record,
        kind="message",
        at=unit.at,
        data=_json(data | zaak(decision)),
        tenant=decision.tenant,
        conversation=decision.conversation,
        message=reply.id,
        sequence=decision.sequence + 1,
    )


def _happened(event: str, decision: Decision) -> Data:
    happened = {"event": event, "department": decision.department, "decision": why(decision)}
    return happened | zaak(decision)


def _own(unit: Unit, decision: Decision) -> tuple[str, Data]:
    """Kind and data of the record of the unit itself."""
    if decision.kind == "quarantined":
        return "quarantine", {"reason": decision.reason}
    match unit.entry, unit.item:
        case Command() as command, _:
            kind, data = ORDERS.get(command.type, ("message", _written))
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


def _written(command: Command, decision: Decision) -> Data:
    return (
        {
            "direction": "out",
            "type": command.type,
            "text": command.text,
            "content": _content(command),
            "author": command.author,
            "token": command.token,
            "to": command.to,
            "department": decision.department,
            "decision": why(decision),
            "status": decision.status,
            "receivedAt": command.received_at,
            "quoted": command.about,
            "media": command.media,
        }
        | brought(command, decision)
        | zaak(decision)
    )


def _content(command: Command) -> Any:
    """As JSON; None where it is none, which is refused wherever it is written."""
    try:
        return msgspec.json.decode(content(command))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _come_back(entry: SendOutcome | Timeout | MediaOutcome, decision: Decision) -> tuple[str, Data]:
    if isinstance(entry, Timeout):
        return "conversation", _timed_out(decision)
    if isinstance(entry, MediaOutcome):
        return "media", files.kept(entry)
    return "send", _outcome(entry, decision)


def _timed_out(decision: Decision) -> Data:
    data = _happened(decision.happened, decision)
    if decision.alarm:
        data |= {"care": decision.alarm.care, "asked": decision.alarm.destination}
    return data


def _ordered(event: str) -> Callable[[Command, Decision], Data]:
    """What was done with a conversation, or refused."""

    def data(command: Command, decision: Decision) -> Data:
        done = event if decision.kind == "accepted" else "refused"
        ordered = {"order": command.type, "by": by(command), "status": decision.status}
        return _happened(done, decision) | ordered | {"reason": command.reason}

    return data


def _transferred(command: Command, decision: Decision) -> Data:
    to = {"from": decision.moved_from, "to": command.to_department}
    return _ordered("transferred")(command, decision) | to


def _linked(command: Command, decision: Decision) -> Data:
    return _ordered("linked")(command, decision) | {"zaak": command.zaak}


def _read(command: Command, decision: Decision) -> Data:
    return _ordered("read")(command, decision) | {"typing": command.typing}


def _merged(command: Command, decision: Decision) -> Data:
    return _ordered("merged")(command, decision) | {"other": decision.merged} | ended(decision)


def _closed(command: Command, decision: Decision) -> Data:
    return _ordered("closed")(command, decision) | {"outcome": command.outcome or None}


def _of_number(command: Command, decision: Decision) -> Data:
    """What the contact centre says of a number."""
    return {
        "event": command.type,
        "number": command.number,
        "text": command.text,
        "state": command.state or None,
        "until": command.until,
        "by": by(command),
        "status": decision.status,
    }


def _noted(command: Command, decision: Decision) -> Data:
    return {
        "id": command.id,
        "text": command.text,
        "author": command.author,
        "token": command.token,
        "department": decision.department,
        "status": decision.status,
        "decision": why(decision),
        "receivedAt": command.received_at,
    } | zaak(decision)


ORDERS: dict[str, tuple[str, Callable[[Command, Decision], Data]]] = {
    "transfer": ("conversation", _transferred),
    "close": ("conversation", _closed),
    "link": ("conversation", _linked),
    "read": ("conversation", _read),
    "confirm": ("conversation", _ordered("confirmed")),
    "release": ("conversation", _ordered("released")),
    "merge": ("conversation", _merged),
    "notice": ("number", _of_number),
    "state": ("number", _of_number),
    "note": ("note", _noted),
    "consent": ("consent", of_person),
    "withdraw": ("consent", of_person),
}
"""Type of an order that is no message -> the kind and the data of its record."""


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


def _received(unit: Unit, message: items.Message, decision: Decision) -> Data:
    marked = {
        "medium": files.announced(message.content),
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
        "continued": decision.continued,
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
            "decision": why(decision),
            "from": person(message.person),
            "receivedAt": unit.at,
            "sentAt": message.sent_at,
            "quoted": message.quoted,
        }
        | {name: value for name, value in marked.items() if value}
        | ended(decision)
        | zaak(decision)
    )
