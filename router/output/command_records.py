"""The archive record of a command, by its type. Pure.

A record is made from the command and the decision alone, so that a repeat writes the same.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from router.model.decision import Data, Decision
from router.output.crm_events import case_json, decision_json, sender_json
from services.contract import Command


def conversation_event_data(event: str, decision: Decision) -> Data:
    """Return what the record of a change to a conversation says."""
    data = {
        "event": event,
        "department": decision.department,
        "decision": decision_json(decision),
    }
    return data | case_json(decision)


def ended_consent_data(decision: Decision) -> Data:
    """Return the purposes for which consent ended here; nothing if there are none."""
    return {"consentEnded": decision.ended} if decision.ended else {}


def message_data(command: Command, decision: Decision) -> Data:
    """Return what the record of an outgoing message says."""
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
        | _consent_of_message(command, decision)
        | case_json(decision)
    )


def _consent_of_message(command: Command, decision: Decision) -> Data:
    """Return the consent that allows a message, and the evidence of consent that came with it."""
    purpose = {"purpose": decision.purpose} if decision.purpose else {}
    return purpose | ({"consent": _evidence(command)} if command.given_at else {})


def _evidence(command: Command) -> Data:
    return {"purpose": command.purpose, "givenAt": command.given_at, "source": command.source}


def _content(command: Command) -> Any:
    """Return the content as JSON; None for anything else, which no table or record accepts."""
    try:
        return msgspec.json.decode(command.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _steering(event: str) -> Callable[[Command, Decision], Data]:
    """Return a function that makes the record of a command to a conversation, done or refused."""

    def data(command: Command, decision: Decision) -> Data:
        outcome = event if decision.kind == "accepted" else "refused"
        cause = {"order": command.type, "by": sender_json(command), "status": decision.status}
        return conversation_event_data(outcome, decision) | cause | {"reason": command.reason}

    return data


def _transfer(command: Command, decision: Decision) -> Data:
    departments = {"from": decision.moved_from, "to": command.to_department}
    return _steering("transferred")(command, decision) | departments


def _link(command: Command, decision: Decision) -> Data:
    return _steering("linked")(command, decision) | {"zaak": command.zaak}


def _read_receipt(command: Command, decision: Decision) -> Data:
    return _steering("read")(command, decision) | {"typing": command.typing}


def _merge(command: Command, decision: Decision) -> Data:
    data = _steering("merged")(command, decision) | {"other": decision.merged}
    return data | ended_consent_data(decision)


def _close(command: Command, decision: Decision) -> Data:
    return _steering("closed")(command, decision) | {"outcome": command.outcome or None}


def _number_notice(command: Command, decision: Decision) -> Data:
    return {
        "event": command.type,
        "number": command.number,
        "text": command.text,
        "state": command.state or None,
        "until": command.until,
        "by": sender_json(command),
        "status": decision.status,
    }


def _consent(command: Command, decision: Decision) -> Data:
    """Return the consent that a citizen gave, or withdrew."""
    return {
        "event": "given" if command.type == "consent" else "ended",
        "number": command.number,
        "to": command.to,
        **_evidence(command),
        "by": sender_json(command),
        "status": decision.status,
        "reason": decision.reason or None,
    }


def _note(command: Command, decision: Decision) -> Data:
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
    "transfer": ("conversation", _transfer),
    "close": ("conversation", _close),
    "link": ("conversation", _link),
    "read": ("conversation", _read_receipt),
    "confirm": ("conversation", _steering("confirmed")),
    "release": ("conversation", _steering("released")),
    "merge": ("conversation", _merge),
    "notice": ("number", _number_notice),
    "state": ("number", _number_notice),
    "note": ("note", _note),
    "consent": ("consent", _consent),
    "withdraw": ("consent", _consent),
}
"""Type of a command that is no message -> kind and data of its record."""
