"""Failed attempts, for the archive. Pure.

The record of a settled delivery holds the number of attempts; these records hold the outcome of
each attempt before the last.

    outcome    consequence                                   `whose`: possible owner of the fault
    paused     the destination is probed until it works      destination, token endpoint
    aside      it waits with its conversation; others go     message
    later      it did not go, and is tried again             provider; message: its window closed;
                                                             postkamer: its store or scanner
    stopped    the same, and a person must mend something    account: ours, or the way to it
    unknown    it may have gone; a status may still say so   provider
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from services.contract import Record

FaultOwner = Literal["destination", "token endpoint", "message", "provider", "account", "postkamer"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    tenant: str
    conversation: str = ""
    message: UUID | None = None
    data: dict[str, Any]
    """Contents of the record, without personal data."""


def attempt_record(attempt: Attempt, id: UUID, at: datetime) -> Record:
    """Return the record of an attempt. An attempt happens once, so the caller passes a new id."""
    return Record(
        id=id,
        kind="attempt",
        at=at,
        data=msgspec.json.encode(attempt.data),
        tenant=attempt.tenant,
        conversation=attempt.conversation,
        message=attempt.message,
    )
