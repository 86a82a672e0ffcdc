"""Rows of the record for a test, and a message as a client reads it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from archiver.api import presenter

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MESSAGE = UUID(int=1)


def row(kind: str, data: dict[str, Any], second: int = 0, **changed: Any) -> dict[str, Any]:
    """A row of archiver.entry, opened, as the store gives it."""
    fields: dict[str, Any] = {
        "id": UUID(int=1000 + second),
        "kind": kind,
        "at": NOON + timedelta(seconds=second),
        "conversation": "10000001-x",
        "message": MESSAGE,
        "sequence": 1,
        "data": msgspec.json.encode(data).decode(),
        "raw": b"",
    }
    return fields | changed


DECISION = {"rule": "afval", "reason": '"container" staat erin (regel afval)'}
SHOWN = DECISION | {"version": None}
"""As it is shown where its record names no version."""
MARKED = {
    "tags": ["officieel"],
    "priority": "high",
    "language": "nl",
    "due": "2027-01-01",
    "care": "threat",
    "sensitive": ["bsn"],
    "automatic": "bsn",
    "provisional": True,
    "held": True,
    "marks": ["waarom"],
}
NOT_MARKED = {
    "tags": [],
    "priority": None,
    "language": None,
    "due": None,
    "care": None,
    "sensitive": [],
    "automatic": None,
    "provisional": False,
    "held": False,
    "marks": [],
}
WRITTEN = {"type": "text", "text": "Één", "department": "groen", "decision": DECISION}
RECEIVED = WRITTEN | {
    "direction": "in",
    "from": {"identities": [{"kind": "phone", "value": "31611111111"}], "name": "Anna"},
    "wamid": "wamid.theirs",
    "receivedAt": "2026-11-25T12:00:00Z",
    "sentAt": "2026-11-25T11:59:59Z",
}
SENT = WRITTEN | {
    "direction": "out",
    "author": {"kind": "employee", "id": "sanne"},
    "status": "accepted",
    "receivedAt": "2026-11-25T12:00:00Z",
}


def told(word: str, second: int = 0, at: str | None = "2026-11-25T12:01:00Z") -> dict[str, Any]:
    """What Meta said of it."""
    data = {"status": word, "wamid": "wamid.ours", "at": at, "code": 0, "reason": "", "pricing": {}}
    return row("status", data, second)


def sent(state: str, status: str, wamid: str = "", reason: str = "") -> dict[str, Any]:
    """What the deliverer heard."""
    data = {"state": state, "status": status, "wamid": wamid, "code": 0, "reason": reason}
    return row("send", data | {"at": "2026-11-25T12:00:30Z"})


def shown(message: dict[str, Any], *about: dict[str, Any], raw: bytes = b"") -> dict[str, Any]:
    """One message, as a client reads it."""
    [made] = presenter.messages_json([row("message", message, raw=raw)], about)
    result: dict[str, Any] = json.loads(msgspec.json.encode(made))
    return result
