"""What the gateway's API answers, as its document describes it. Pure."""

import datetime
from typing import Literal
from uuid import UUID

from services.operations import Shown


class Accepted(Shown):
    """It is safe, and will be done."""

    id: UUID
    """Of the message, or of the change."""
    status: Literal["accepted"]


class MessageStatus(Shown):
    """What became of a message, or of a change of a conversation, so far."""

    id: UUID
    conversation_id: str | None
    """Null until it is known."""
    status: Literal["accepted", "unknown", "sent", "failed", "delivered", "read", "played", "done"]
    """`unknown`: Meta did not say whether it took it; it is not sent again by itself. A change of a
    conversation ends at `done`, or `failed`."""
    reason: str | None
    """Why it failed or waits, in Dutch, for the person who wrote it. Begins with a code, as
    `transferred: ...`."""
    code: int | None
    """Meta's error code."""
    accepted_at: datetime.datetime
    changed_at: datetime.datetime


class MediaAccepted(Shown):
    """A file that can be sent."""

    id: UUID
    mime_type: str
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimals."""
