"""What an event says, as far as Open Klant is told of it. Pure."""

from datetime import date, datetime

import msgspec

from services.contract import Delivery

RECEIVED = "nl.postkamer.message-received.v1"
DECIDED = "nl.postkamer.conversation-decided.v1"
TRANSFERRED = "nl.postkamer.conversation-transferred.v1"
CLOSED = "nl.postkamer.conversation-closed.v1"
STATUS_CHANGED = "nl.postkamer.message-status-changed.v1"
SENT_STATUSES = frozenset({"sent", "delivered", "read", "played"})
"""Statuses of a message of ours that is on its way, or further."""
FAILED = "failed"


class Identity(msgspec.Struct, frozen=True):
    kind: str
    value: str


class Citizen(msgspec.Struct, frozen=True):
    identities: list[Identity] = []
    name: str = ""


class DecisionReason(msgspec.Struct, frozen=True):
    reason: str = ""


class Attachment(msgspec.Struct, frozen=True):
    """A file that came with it; its link is a path at the archiver."""

    link: str = ""
    filename: str = ""


class EventData(msgspec.Struct, frozen=True, rename="camel"):
    """The data of any event; of one that does not say all, what it says."""

    department: str = ""
    type: str = ""
    text: str = ""
    media: list[Attachment] = []
    status: str = ""
    citizen: Citizen | str | None = msgspec.field(name="from", default=None)
    """Who wrote; of a transfer, the department that had the conversation."""
    received_at: datetime | None = None
    sent_at: datetime | None = None
    decision: DecisionReason = DecisionReason()
    reason: str = ""
    task: bool = False
    outcome: str | None = None
    tags: list[str] = []
    priority: str = ""
    language: str = ""
    due: date | None = None
    window_until: datetime | None = None


_decode = msgspec.json.Decoder(EventData).decode


def parse_event(delivery: Delivery) -> EventData:
    return _decode(delivery.data)


def written_at(delivery: Delivery, event: EventData) -> datetime:
    """When the citizen wrote it, by their own clock where that is known."""
    return event.sent_at or event.received_at or delivery.time
