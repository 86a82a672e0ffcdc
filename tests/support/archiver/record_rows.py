"""Rows of the record for a test, and a message as a client reads it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from archiver.api import presenter

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MESSAGE = UUID(int=1)
SANNE = {"kind": "employee", "id": "sanne"}


def row(kind: str, data: dict[str, Any], second: int = 0, **changed: Any) -> dict[str, Any]:
    """A decrypted row of archiver.entry, as the store returns it."""
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
UNMARKED = {
    **dict.fromkeys(("priority", "language", "due", "care", "automatic")),
    "priorityReason": None, "alsoAbout": [],
    **dict.fromkeys(("provisional", "held"), False),
    "tags": [], "sensitive": [], "marks": [],
}  # fmt: skip
"""Annotations of a message that has none."""
WRITTEN = {
    "type": "text", "text": "Één", "department": "groen", "decision": DECISION,
    "receivedAt": "2026-11-25T12:00:00Z",
}  # fmt: skip
RECEIVED = WRITTEN | {
    "direction": "in",
    "from": {"identities": [{"kind": "phone", "value": "31611111111"}], "name": "Anna"},
    "wamid": "wamid.theirs",
    "sentAt": "2026-11-25T11:59:59Z",
}
SENT = WRITTEN | {"direction": "out", "author": SANNE, "status": "accepted"}
NOTED = {
    "id": str(UUID(int=8)), "text": "Belt morgen terug", "author": SANNE, "department": "kcc",
}  # fmt: skip


def status_row(
    status: str, second: int = 0, at: str | None = "2026-11-25T12:01:00Z"
) -> dict[str, Any]:
    """A status that Meta reported."""
    data = {"status": status, "wamid": "wamid.ours", "at": at, "code": 0, "reason": ""}
    return row("status", data | {"pricing": {}}, second)


def send_row(
    state: str, status: str, wamid: str = "", reason: str = "", **more: Any
) -> dict[str, Any]:
    """The outcome of sending, recorded by the deliverer."""
    data = {"state": state, "status": status, "wamid": wamid, "code": 0, "reason": reason}
    return row("send", data | {"at": "2026-11-25T12:00:30Z"} | more)


def shown(message: dict[str, Any], *about: dict[str, Any], raw: bytes = b"") -> dict[str, Any]:
    """One message as a client reads it, with the records about it."""
    [made] = presenter.messages_json([row("message", message, raw=raw)], about)
    result: dict[str, Any] = json.loads(msgspec.json.encode(made))
    return result
