"""Events of Postkamer, as far as the desk uses them. Pure."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_EVENTS = 256
"""Events of one batch: the largest that a destination can be configured for."""
Text = Annotated[str, msgspec.Meta(max_length=64 * 1024)]


class InvalidEvent(ValueError):
    """The body holds no events as Postkamer sends them. The message quotes nothing of it."""


class Author(msgspec.Struct, frozen=True):
    kind: str = "citizen"


class Sender(msgspec.Struct, frozen=True):
    """Citizen who wrote a message, under the name that they chose in WhatsApp."""

    name: Text = ""


class EventData(msgspec.Struct, frozen=True, rename="camel"):
    conversation_id: Text = ""
    message_id: UUID | None = None
    department: Text = ""
    type: Text = ""
    text: Text = ""
    author: Author = Author()
    sender: Sender = msgspec.field(default=Sender(), name="from")
    received_at: datetime | None = None
    at: datetime | None = None
    status: Text = ""
    reason: Text = ""
    provisional: bool = False
    task: bool = False
    reopened: bool = False
    window_until: datetime | None = None
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    language: Text = ""
    priority_reason: Text = ""
    also_about: tuple[str, ...] = ()
    """Other departments that a sentence of the citizen was about."""
    tags: tuple[str, ...] = ()
    due: date | None = None
    care: Text = ""
    nth: int = 0
    """Number of a care alarm."""
    assignee: Text = ""
    zaak: Text = ""
    outcome: str | None = None


class Event(msgspec.Struct, frozen=True):
    id: UUID
    source: Text
    type: Text
    time: datetime
    data: EventData
    sequence: int
    covers: int | None = None
    """Sequence number of the newest message that its writer saw, of an answer of the desk."""


class _Envelope(msgspec.Struct, frozen=True):
    specversion: Literal["1.0"]
    id: UUID
    source: Text
    type: Text
    time: datetime
    data: msgspec.Raw
    sequence: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}$")] = "0"


_envelopes = msgspec.json.Decoder(_Envelope)
_lists = msgspec.json.Decoder(list[msgspec.Raw])
_data = msgspec.json.Decoder(EventData)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_events(content_type: str, body: bytes) -> list[Event]:
    """Return the events of a request, one or a batch. Raises InvalidEvent."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in (SINGLE, BATCH):
        raise InvalidEvent(f"the content type is neither {SINGLE} nor {BATCH}")
    try:
        raws = [msgspec.Raw(body)] if media_type == SINGLE else _lists.decode(body)
        if len(raws) > MAX_EVENTS:
            raise InvalidEvent(f"a batch has at most {MAX_EVENTS} events")
        return [_read_event(raw) for raw in raws]
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidEvent("the body is no CloudEvent of Postkamer") from None


def _read_event(raw: msgspec.Raw) -> Event:
    envelope = _envelopes.decode(raw)
    members = _members.decode(envelope.data)
    sender = members.get("from")
    if sender is not None and not bytes(sender).lstrip().startswith(b"{"):
        del members["from"]  # a transfer's: the department that the conversation left
    data = _data.decode(msgspec.json.encode(members))
    return Event(
        envelope.id, envelope.source, envelope.type, envelope.time, data, int(envelope.sequence)
    )
