"""Read messages of citizens from records of the archive. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.model.work import WorkUnit
from services.contract import Receipt
from services.ids import created_at
from services.whatsapp import items
from services.whatsapp.parser import Unparseable, parse


class DecisionData(msgspec.Struct, frozen=True):
    version: str = ""


class MessageData(msgspec.Struct, frozen=True):
    """The members of a message's data in the archive that a replay needs."""

    direction: str = ""
    text: str = ""
    number: str = ""
    decision: DecisionData = DecisionData()


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one message.

    `item` is its index in the webhook body that brought it. `data` is None if its form is unknown.
    """

    id: UUID
    at: datetime
    conversation: str
    receipt: UUID | None
    item: int | None
    data: MessageData | None
    raw: bytes = b""

    @property
    def number(self) -> str:
        """Our number; the id of a conversation begins with it."""
        return (self.data.number if self.data else "") or self.conversation.partition("-")[0]


_decode = msgspec.json.Decoder(MessageData).decode


def read_row(row: dict[str, Any]) -> MessageRecord:
    """Read a decrypted row of the archive."""
    fields = {name: row[name] for name in MessageRecord.__struct_fields__}
    try:
        return MessageRecord(**fields | {"data": _decode(row["data"])})
    except msgspec.ValidationError:
        return MessageRecord(**fields | {"data": None})


def sort_rows(rows: Iterable[MessageRecord]) -> list[MessageRecord]:
    """Sort by time, and messages of one body by their index: ids of one millisecond are random."""
    return sorted(rows, key=lambda row: (created_at(row.id), str(row.receipt), row.item or 0))


def read_message(row: MessageRecord) -> WorkUnit | None:
    """Return the message as the router received it, or None if it can no longer be read."""
    value = {
        "metadata": {"phone_number_id": row.number},
        "messages": [msgspec.Raw(row.raw or b"null")],
    }
    changes = [{"field": "messages", "value": value}]
    body = msgspec.json.encode({"object": "replay", "entry": [{"id": "0", "changes": changes}]})
    try:
        messages = [item for item in parse(body) if isinstance(item, items.Message)]
    except Unparseable:
        return None
    if not messages:
        return None
    message = msgspec.structs.replace(messages[0], number=row.number)
    receipt = Receipt(
        id=row.id, received_at=row.at, door="", proof="archived", signature="", body=b""
    )
    return WorkUnit(row.id.bytes, receipt, message)
