"""Deliveries and jobs, for tests of what delivers them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from deliverer.crm.lanes import IncomingBatch
from services.amqp.incoming_message import IncomingMessage
from services.contract import Delivery
from services.ids import uuid7

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FRAME = IncomingBatch(IncomingMessage(type="", body=b"", delivery_tag=1, delivery_count=0), 0)


def delivery(n: int, conversation: str = "a", **changed: Any) -> Delivery:
    """Delivery number n, of a conversation."""
    at = NOON + timedelta(seconds=n)
    fields: dict[str, Any] = {
        "id": uuid7(at, n.to_bytes(10, "big")),
        "type": "nl.postkamer.message-received.v1",
        "tenant": "almelo",
        "conversation": conversation,
        "department": "kcc",
        "sequence": n,
        "time": at,
        "received_at": at,
        "data": b'{"text":"\xc3\xa9\xc3\xa9n"}',
        "message": UUID(int=n),
    }
    return Delivery(**fields | changed)
