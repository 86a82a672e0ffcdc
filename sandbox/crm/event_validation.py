"""What a CRM demands of the events it is sent: Standard Webhooks and CloudEvents 1.0. Pure."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

import msgspec

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

TOLERANCE_SECONDS = 300
"""Age, or haste, of a signature: what Standard Webhooks advises."""
LARGEST_BYTES = 64 * 1024
"""Of one event: the NL GOV profile's bound."""
ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}")
"""A name of a context attribute, as the NL GOV profile has it."""


class Event(msgspec.Struct, frozen=True):
    """What is looked at of an event, and all of it as it came."""

    id: str
    type: str
    sequence: int
    """-1 where there is none."""
    conversation: str
    raw: bytes
    dataref: str = ""
    """Where the rest of its data is."""


class _Data(msgspec.Struct, frozen=True):
    conversationId: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    specversion: str = ""
    id: str = ""
    source: str = ""
    type: str = ""
    time: str = ""
    datacontenttype: str = ""
    sequence: str = ""
    sequencetype: str = ""
    dataref: str = ""
    data: _Data = _Data()


_envelopes = msgspec.json.Decoder(_Envelope)
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists = msgspec.json.Decoder(list[msgspec.Raw])


def signature(secret: bytes, id: str, timestamp: str, body: bytes) -> str:
    """One `v1` signature of Standard Webhooks."""
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def distrust(headers: Mapping[str, str], body: bytes, secret: bytes, at: float) -> str:
    """Why this is not known to come from Postkamer, '' where it is; `at` in Unix seconds."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id:
        return "webhook-id is missing"
    if not timestamp.isdecimal():
        return "webhook-timestamp must be a whole number of seconds"
    if abs(at - int(timestamp)) > TOLERANCE_SECONDS:
        return f"webhook-timestamp is more than {TOLERANCE_SECONDS} seconds away"
    mine = signature(secret, id, timestamp, body).encode()
    given = headers.get("webhook-signature", "").encode().split(b" ")
    if not any([hmac.compare_digest(mine, one) for one in given]):
        return "no webhook-signature fits"
    return ""


def split(content_type: str, body: bytes) -> list[bytes] | None:
    """The events in the body, not yet looked at; None for a content type that is not ours.

    msgspec.DecodeError for a batch that is no JSON array.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == SINGLE:
        return [body]
    if media_type == BATCH:
        return [bytes(raw) for raw in _lists.decode(body)]
    return None


def read(raw: bytes) -> tuple[Event | None, list[str]]:
    """The event in `raw`, or everything that is wrong with it."""
    try:
        envelope, names = _envelopes.decode(raw), _objects.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, [f"not a CloudEvent in JSON: {error}"]
    faults = list(_faults(envelope))
    faults += [f"{n!r} is no name of an attribute" for n in names if not ATTRIBUTE.fullmatch(n)]
    if len(raw) > LARGEST_BYTES:
        faults.append(f"an event is at most {LARGEST_BYTES} bytes")
    if faults:
        return None, faults
    sequence = int(envelope.sequence) if envelope.sequence else -1
    conversation = envelope.data.conversationId
    return Event(envelope.id, envelope.type, sequence, conversation, raw, envelope.dataref), []


def _faults(envelope: _Envelope) -> list[str]:
    checks = (
        (envelope.specversion == "1.0", "specversion must be 1.0"),
        (envelope.id, "id is required"),
        (envelope.source, "source is required"),
        (envelope.type, "type is required"),
        (envelope.time, "time is required"),
        (
            envelope.datacontenttype == "application/json",
            "datacontenttype must be application/json",
        ),
        (envelope.data.conversationId, "data.conversationId is required"),
        (
            not envelope.sequence or envelope.sequence.isdecimal(),
            "sequence must be a text of digits",
        ),
        (
            not envelope.sequence or envelope.sequencetype == "Integer",
            "sequencetype must be Integer",
        ),
    )
    return [fault for good, fault in checks if not good]
