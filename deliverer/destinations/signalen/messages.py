"""Messages of a citizen, as an event or the archive has them, for a report. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from deliverer.destinations.citizen import Citizen, Place
from deliverer.destinations.citizen_text import clean
from services.contract import Delivery
from services.event_types import RECEIVED

LOOK_BACK = timedelta(days=1)
"""Age of the oldest message that a new report takes along: a citizen may send the photograph first,
and a colleague may pass the conversation on the next morning."""
WAITING, AVAILABLE = "waiting", "available"
IN, REACTION, AUDIO = "in", "reaction", "audio"
DEFAULT, GIVEN, FIXED = "default", "given", "fixed"
"""Pin of a report: at the default place; where the citizen said; and there to stay, since words
came after the place, so that a later place may be about those."""


class CitizenFile(msgspec.Struct, frozen=True, rename="camel"):
    """File of a message; `link` is a path at the archiver."""

    link: str
    mime_type: str = ""
    state: str = WAITING
    size: int | None = None
    reason: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    at: datetime
    """Time at which the citizen wrote it, by their own clock if that is known."""
    type: str = ""
    text: str = ""
    place: Place | None = None
    file: CitizenFile | None = None
    phone: str = ""
    is_work: bool = True
    """False if its event asks for nothing, as thanks do. The archive does not say."""
    is_withheld: bool = False
    """True if its text has a number that may have to be masked, or is too long for an event: the
    archive has it."""


class EventData(msgspec.Struct, frozen=True, rename="camel"):
    """Data of an event of any type, with defaults for fields that it does not have."""

    department: str = ""
    type: str = ""
    text: str = ""
    media: list[CitizenFile] = []
    place: Place | None = None
    citizen: Citizen | str | None = msgspec.field(name="from", default=None)
    """Citizen who wrote; in a transfer, the id of the previous department."""
    received_at: datetime | None = None
    sent_at: datetime | None = None
    reason: str = ""
    by: Any = None
    """Person who made the change, if one did."""
    state: str = ""
    """State of a file."""
    task: bool = False
    priority: str = ""


class ArchivedMessage(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    direction: str
    type: str
    received_at: datetime
    text: str = ""
    sent_at: datetime | None = None
    citizen: Citizen | None = msgspec.field(name="from", default=None)
    media: list[CitizenFile] = []
    sensitive: list[str] = []
    raw: Any = None


class ArchivedPage(msgspec.Struct, frozen=True):
    messages: list[ArchivedMessage]


_decode_event = msgspec.json.Decoder(EventData).decode
_decode_page = msgspec.json.Decoder(ArchivedPage).decode


def parse_event(delivery: Delivery) -> EventData:
    return _decode_event(delivery.data)


def event_message(delivery: Delivery, event: EventData) -> Message | None:
    """Return the message that a citizen wrote; None for an event about something else, or about a
    reaction, which adds nothing to a report."""
    if delivery.type != RECEIVED or delivery.message is None or event.type == REACTION:
        return None
    return Message(
        id=delivery.message,
        at=event.sent_at or event.received_at or delivery.time,
        type=event.type,
        text=clean(event.text),
        place=event.place,
        file=next(iter(event.media), None),
        phone=phone_of(event.citizen),
        is_work=event.task,
        is_withheld=bool(delivery.dataref),
    )


def parse_archive(page: bytes) -> list[Message]:
    """Return what the citizen wrote, the oldest first. Raises msgspec.DecodeError."""
    found = [each for each in _decode_page(page).messages if each.direction == IN]
    messages = [_archived(each) for each in found if each.type != REACTION]
    return sorted(messages, key=lambda message: message.at)


def recent_messages(
    messages: Iterable[Message], own: Message | None, before: datetime, told: Iterable[UUID]
) -> list[Message]:
    """Return the messages for a new report, the oldest first: those of the last day that no other
    report has. The message of the event counts as the event has it, which is masked."""
    others = set(told) | ({own.id} if own else set())
    recent = [m for m in messages if m.id not in others and m.at > before - LOOK_BACK]
    return sorted([*recent, *([own] if own else [])], key=lambda message: message.at)


def next_pin(pin: str, message: Message) -> str:
    """Return the pin of a report to which this message was added. A place moves it until words have
    followed one: they may be a correction or another subject, and no place of either is to be lost.
    """
    if message.place:
        return GIVEN if pin == DEFAULT else pin
    has_words = message.text or message.is_withheld or message.type == AUDIO
    return FIXED if pin == GIVEN and has_words and message.is_work else pin


def phone_of(citizen: Citizen | str | None) -> str:
    """Return the telephone number with its plus, or ''."""
    identities = citizen.identities if isinstance(citizen, Citizen) else []
    numbers = [each.value.removeprefix("+") for each in identities if each.kind == "phone"]
    return f"+{numbers[0]}" if numbers and numbers[0] else ""


def _archived(message: ArchivedMessage) -> Message:
    """The archive has the text as it was sent. One with a number that events may mask is left
    there."""
    return Message(
        id=message.id,
        at=message.sent_at or message.received_at,
        type=message.type,
        text="" if message.sensitive else clean(message.text),
        place=_raw_place(message.raw),
        file=next(iter(message.media), None),
        phone=phone_of(message.citizen),
        is_withheld=bool(message.sensitive),
    )


def _raw_place(raw: Any) -> Place | None:
    """Return the place in an item of Meta's."""
    place = raw.get("location") if isinstance(raw, Mapping) else None
    if not isinstance(place, Mapping):
        return None
    degrees = place.get("latitude"), place.get("longitude")
    if not all(isinstance(each, int | float) for each in degrees):
        return None
    return Place(float(degrees[0]), float(degrees[1]))  # type: ignore[arg-type]
