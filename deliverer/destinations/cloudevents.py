"""Payload format for CRMs: CloudEvents 1.0, signed as Standard Webhooks. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.contract import Delivery
from services.event_types import event_source

PREFIX = "whsec_"
SINGLE = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json; charset=utf-8"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes of the NL GOV profile. Only `data` holds personal data."""

    specversion: str = "1.0"
    id: UUID
    source: str
    type: str
    time: datetime
    datacontenttype: str = "application/json"
    sequence: str
    sequencetype: str = "Integer"
    dataref: str | msgspec.UnsetType = msgspec.UNSET
    """Address of the full `data`, if it is not all here."""
    data: msgspec.Raw


def key_of(secret: str) -> bytes:
    """Return the signing key in a secret: base64 after `whsec_`, else the text itself.

    ValueError, which quotes nothing, if the text after the prefix is empty or no base64.
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("what follows whsec_ is no base64")
    return key


def body(delivery: Delivery, archiver: str) -> bytes:
    """Return the event of a delivery, the same bytes at each attempt. `archiver` is the address of
    the archiver's API."""
    event = Event(
        id=delivery.id,
        source=event_source(delivery.tenant),
        type=delivery.type,
        time=delivery.time,
        sequence=str(delivery.sequence),
        dataref=archiver + delivery.dataref if delivery.dataref else msgspec.UNSET,
        data=msgspec.Raw(delivery.data),
    )
    return msgspec.json.encode(event)


def headers(
    delivery: Delivery, content: bytes, keys: Sequence[bytes], now: datetime
) -> Mapping[str, str]:
    """Return the content type, and a signature with each key. `webhook-id` is the id of the event,
    at each attempt. The package `standardwebhooks` signs text and copies it: for an event of 64 KiB
    that takes 0.25 ms, and this 0.08. A test compares the two."""
    return _signed(SINGLE, delivery.id, content, keys, now)


def batch_headers(
    id: UUID, content: bytes, keys: Sequence[bytes], now: datetime
) -> Mapping[str, str]:
    """Return the same for several events. The id is new: the next batch has other events."""
    return _signed(BATCH, id, content, keys, now)


def _signed(
    content_type: str, id: UUID, content: bytes, keys: Sequence[bytes], now: datetime
) -> Mapping[str, str]:
    webhook_id, timestamp = str(id), str(int(now.timestamp()))
    signed = f"{webhook_id}.{timestamp}.".encode() + content
    digests = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return {
        "Content-Type": content_type,
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(d).decode()}" for d in digests),
    }
