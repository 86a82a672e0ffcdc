"""What the gateway's API answers, as its document describes it. Pure."""

import datetime
from typing import Literal
from uuid import UUID

from services.api.operations import Shown


class Accepted(Shown):
    """It is safe, and will be done."""

    id: UUID
    """Of the message, or of the change."""
    status: Literal["accepted"]


class MessageStatus(Shown):
    """What became of a message, or of a change of a conversation or number, so far."""

    id: UUID
    conversation_id: str | None
    """Null until it is known, and of what is said of a number."""
    status: Literal["accepted", "unknown", "sent", "failed", "delivered", "read", "played", "done"]
    """`unknown`: Meta did not say whether it took it; it is not sent again by itself. A change of a
    conversation or a number ends at `done`, or `failed`."""
    reason: str | None
    """Why it failed or waits, in Dutch, for the person who wrote it. Begins with a code, as
    `transferred: ...`."""
    code: int | None
    """Meta's error code."""
    accepted_at: datetime.datetime
    changed_at: datetime.datetime


class CurrentNotice(Shown):
    """What citizens are told of a number now, once in each conversation."""

    text: str
    until: datetime.datetime | None


class NumberStatus(Shown):
    """A number as it stands now: what has ended is over."""

    id: str
    state: Literal["open", "receive-only", "closed"]
    text: str | None
    """Of a closed one: what citizens are told."""
    until: datetime.datetime | None
    """When it is open again by itself; null where somebody has to open it."""
    notice: CurrentNotice | None


class Numbers(Shown):
    numbers: tuple[NumberStatus, ...]
    """In the order of the configuration."""


class MediaAccepted(Shown):
    """A file that can be sent."""

    id: UUID
    mime_type: str
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimals."""
