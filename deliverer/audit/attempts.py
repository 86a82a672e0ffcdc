"""Attempts that settled nothing, for the record. Pure.

What is settled in the end leaves a record of its own, with how many attempts it took; these say of
each one before the last what it came to.

    outcome    what follows                                  whose fault it may be
    paused     the destination is probed until it works      destination, token endpoint
    aside      it waits with its conversation; others go     message
    later      it did not go, and is tried again             provider; message: too late for it;
                                                             postkamer: its store or scanner
    stopped    the same, and a person must mend something    account: of ours, or the way to it
    unknown    it may have gone; a status may still say so   provider
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from services.contract import Record

Whose = Literal["destination", "token endpoint", "message", "provider", "account", "postkamer"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One; `data` is what the record says of it, without personal data."""

    tenant: str
    conversation: str = ""
    message: UUID | None = None
    data: dict[str, Any]


def record(attempt: Attempt, id: UUID, at: datetime) -> Record:
    """An attempt happens once, so its id is one of its own."""
    return Record(
        id=id,
        kind="attempt",
        at=at,
        data=msgspec.json.encode(attempt.data),
        tenant=attempt.tenant,
        conversation=attempt.conversation,
        message=attempt.message,
    )
