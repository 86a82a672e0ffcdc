"""Payload format for CRMs: CloudEvents 1.0, signed as Standard Webhooks. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.contract import Delivery
from services.event_types import event_source
from services.http.webhook_signature import sign

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
    at each attempt."""
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
    return {
        "Content-Type": content_type,
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(keys, webhook_id, timestamp, content),
    }
