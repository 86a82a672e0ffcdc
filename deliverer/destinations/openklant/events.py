"""Events, as far as Open Klant receives their data. Pure."""

from datetime import date, datetime
from typing import Any

import msgspec

from deliverer.destinations.citizen import Citizen, Place
from services.contract import Delivery

SENT_STATUSES = frozenset({"sent", "delivered", "read", "played"})
"""Statuses of an outgoing message that has been sent."""
UNDELIVERED = {
    "failed": "Antwoord niet verstuurd. {}",
    "unknown": "Niet zeker of het antwoord is verstuurd: vraag het de inwoner. {}",
}
"""Status after which a question is still open -> remark for the employee, with the reason."""
ASKED_MEANWHILE = "asked_meanwhile"
"""Start of the reason why a conversation was not closed: the citizen asked more, with a task."""
HELD = "held: "
"""Start of the reason why an accepted answer waits until its citizen writes again."""


class DecisionReason(msgspec.Struct, frozen=True):
    reason: str = ""


class PayloadOptions(msgspec.Struct, frozen=True):
    """Settings of a municipality for its Open Klant."""

    channel: str
    """Name of WhatsApp in its list of channels: `kanaal`."""
    archiver: str
    """Address of the archiver's API."""
    link: str
    """Address where an employee sees a conversation; '{conversation}' is replaced by its id."""
    cases_url: str = ""
    """Root of the Zaken API that employees read."""


class Attachment(msgspec.Struct, frozen=True):
    """File of a message; its link is a path at the archiver."""

    link: str = ""
    filename: str = ""


class EventData(msgspec.Struct, frozen=True, rename="camel"):
    """Data of an event of any type, with defaults for fields that it does not have."""

    department: str = ""
    type: str = ""
    text: str = ""
    media: list[Attachment] = []
    place: Place | None = None
    state: str = ""
    """State of a file."""
    status: str = ""
    citizen: Citizen | str | None = msgspec.field(name="from", default=None)
    """Citizen who wrote; in a transfer, the id of the previous department."""
    received_at: datetime | None = None
    sent_at: datetime | None = None
    decision: DecisionReason = DecisionReason()
    reason: str = ""
    task: bool = False
    outcome: str | None = None
    by: dict[str, Any] | None = None
    """Person who made the change; in a status, who settled a message in doubt."""
    tags: list[str] = []
    priority: str = ""
    language: str = ""
    due: date | None = None
    window_until: datetime | None = None
    zaak: str = ""
    order: str = ""
    """Type of the command that was refused."""


_decode = msgspec.json.Decoder(EventData).decode


def parse_event(delivery: Delivery) -> EventData:
    return _decode(delivery.data)


def describe_wait(event: EventData) -> str:
    """Return the remark on an answer that waits for its citizen; '' for any other."""
    is_held = event.status == "accepted" and event.reason.startswith(HELD)
    return f"Antwoord {event.reason.removeprefix(HELD)}" if is_held else ""


def written_at(delivery: Delivery, event: EventData) -> datetime:
    """Return when the citizen wrote the message, by their own clock if that is known."""
    return event.sent_at or event.received_at or delivery.time
