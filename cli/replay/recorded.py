"""Messages of citizens, as the archive has them. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.model.decision import WorkUnit
from services.contract import Receipt
from services.ids import created_at
from services.whatsapp import items
from services.whatsapp.parser import Unparseable, parse


class DecisionData(msgspec.Struct, frozen=True):
    version: str = ""


class MessageData(msgspec.Struct, frozen=True):
    """See `router.records`."""

    direction: str = ""
    text: str = ""
    number: str = ""
    decision: DecisionData = DecisionData()


class MessageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one message; `item` is its place in the body that brought it. `data` is None
    where it has a form that is not known."""

    id: UUID
    at: datetime
    conversation: str
    receipt: UUID | None
    item: int | None
    data: MessageData | None
    raw: bytes = b""

    @property
    def number(self) -> str:
        """Ours; a conversation's id begins with it."""
        return (self.data.number if self.data else "") or self.conversation.partition("-")[0]


_decode = msgspec.json.Decoder(MessageData).decode


def read_row(given: dict[str, Any]) -> MessageRecord:
    """A record of the archive, opened."""
    fields = {name: given[name] for name in MessageRecord.__struct_fields__}
    try:
        return MessageRecord(**fields | {"data": _decode(given["data"])})
    except msgspec.ValidationError:
        return MessageRecord(**fields | {"data": None})


def sort_rows(rows: Iterable[MessageRecord]) -> list[MessageRecord]:
    """By time, and those of one body by their place in it: ids of one millisecond are random."""
    return sorted(rows, key=lambda row: (created_at(row.id), str(row.receipt), row.item or 0))


def read_message(row: MessageRecord) -> WorkUnit | None:
    """The message as the router got it; None where it cannot be read any more."""
    value = {
        "metadata": {"phone_number_id": row.number},
        "messages": [msgspec.Raw(row.raw or b"null")],
    }
    changes = [{"field": "messages", "value": value}]
    body = msgspec.json.encode({"object": "replay", "entry": [{"id": "0", "changes": changes}]})
    try:
        found = [item for item in parse(body) if isinstance(item, items.Message)]
    except Unparseable:
        return None
    if not found:
        return None
    message = msgspec.structs.replace(found[0], number=row.number)
    receipt = Receipt(
        id=row.id, received_at=row.at, door="", proof="archived", signature="", body=b""
    )
    return WorkUnit(row.id.bytes, receipt, message)
