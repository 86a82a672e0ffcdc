"""Validate received events against Standard Webhooks and CloudEvents 1.0. Pure."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from services.event_types import DESTINATION_STATE_CHANGED

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

TOLERANCE_SECONDS = 300
"""Largest clock difference for a signature, as Standard Webhooks advises."""
LARGEST_BYTES = 64 * 1024
"""Largest event that the NL GOV profile allows."""
ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}")
"""Name of a context attribute, as the NL GOV profile defines it."""


class Event(msgspec.Struct, frozen=True):
    """Fields of an event that the stand-in uses, and the whole event as received."""

    id: str
    type: str
    sequence: int
    """Sequence number in the conversation; -1 if there is none."""
    conversation: str
    raw: bytes
    dataref: str = ""
    """Address of the data that the event leaves out."""


Filled = Annotated[str, msgspec.Meta(min_length=1)]


class _Data(msgspec.Struct, frozen=True):
    conversationId: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    specversion: Literal["1.0"]
    id: Filled
    source: Filled
    type: Filled
    time: Filled
    datacontenttype: Literal["application/json"]
    data: _Data
    sequence: Annotated[str, msgspec.Meta(pattern="^[0-9]*$")] = ""
    sequencetype: Literal["", "Integer"] = ""
    dataref: str = ""

    def __post_init__(self) -> None:
        if self.sequence and not self.sequencetype:
            raise ValueError("sequencetype must be Integer")
        if not self.data.conversationId and self.type != DESTINATION_STATE_CHANGED:
            raise ValueError("conversationId is missing")


_envelopes = msgspec.json.Decoder(_Envelope)
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists = msgspec.json.Decoder(list[msgspec.Raw])


def signature(secret: bytes, id: str, timestamp: str, body: bytes) -> str:
    """Return a `v1` signature of Standard Webhooks."""
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def signature_fault(headers: Mapping[str, str], body: bytes, secret: bytes, at: float) -> str:
    """Return why the signature is not Postkamer's; '' if it is. `at` is in Unix seconds."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id:
        return "webhook-id is missing"
    if not timestamp.isdecimal():
        return "webhook-timestamp must be a whole number of seconds"
    if abs(at - int(timestamp)) > TOLERANCE_SECONDS:
        return f"webhook-timestamp is more than {TOLERANCE_SECONDS} seconds away"
    expected = signature(secret, id, timestamp, body).encode()
    signatures = headers.get("webhook-signature", "").encode().split(b" ")
    if not any([hmac.compare_digest(expected, one) for one in signatures]):
        return "no webhook-signature fits"
    return ""


def split_batch(content_type: str, body: bytes) -> list[bytes] | None:
    """Split the body into events, not yet validated; None for an unsupported content type.

    Raises msgspec.DecodeError for a batch that is not a JSON array.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == SINGLE:
        return [body]
    if media_type == BATCH:
        return [bytes(raw) for raw in _lists.decode(body)]
    return None


def read_event(raw: bytes) -> Event | str:
    """Return the event in `raw`, or why it is not valid."""
    try:
        envelope, names = _envelopes.decode(raw), _objects.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"not a CloudEvent in JSON: {error}"
    if wrong := [name for name in names if not ATTRIBUTE.fullmatch(name)]:
        return f"{wrong[0]!r} is no name of an attribute"
    if len(raw) > LARGEST_BYTES:
        return f"an event is at most {LARGEST_BYTES} bytes"
    sequence = int(envelope.sequence) if envelope.sequence else -1
    conversation = envelope.data.conversationId
    return Event(envelope.id, envelope.type, sequence, conversation, raw, envelope.dataref)
