"""What the record of an order says, by its type. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec

from router.model.decision import Data, Decision
from router.output.consent_records import brought, ended, of_person
from router.output.crm_events import case_json, decision_json, ordered_by
from services.contract import Command


def conversation_event_data(event: str, decision: Decision) -> Data:
    happened = {
        "event": event,
        "department": decision.department,
        "decision": decision_json(decision),
    }
    return happened | case_json(decision)


def message_data(command: Command, decision: Decision) -> Data:
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
            "decision": decision_json(decision),
            "status": decision.status,
            "receivedAt": command.received_at,
            "quoted": command.reply_to_message,
            "media": command.media,
        }
        | brought(command, decision)
        | case_json(decision)
    )


def _content(command: Command) -> Any:
    """As JSON; None where it is none, which is refused wherever it is written."""
    try:
        return msgspec.json.decode(command.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _ordered(event: str) -> Callable[[Command, Decision], Data]:
    """What was done with a conversation, or refused."""

    def data(command: Command, decision: Decision) -> Data:
        done = event if decision.kind == "accepted" else "refused"
        ordered = {"order": command.type, "by": ordered_by(command), "status": decision.status}
        return conversation_event_data(done, decision) | ordered | {"reason": command.reason}

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
        "by": ordered_by(command),
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
        "decision": decision_json(decision),
        "receivedAt": command.received_at,
    } | case_json(decision)


COMMAND_RECORDS: dict[str, tuple[str, Callable[[Command, Decision], Data]]] = {
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
