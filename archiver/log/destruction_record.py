"""The record of a destruction: on which ground, by which list, and who approved it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from archiver.index.record_fields import Destruction
from archiver.log.writer import DESTRUCTION
from archiver.orders.order import Order
from services import clock
from services.contract import Record


def destruction_records(
    order: Order, gone: Sequence[str], first_at: datetime | None = None
) -> list[Record]:
    """Return the records of an order, of which these conversations are gone. `first_at`: they
    were destroyed then, and are again after a restore."""
    places: list[tuple[str, UUID | None]] = [(each, None) for each in gone]
    places += [("", entry) for entry in order.beside]
    if order.kind == "entries":
        places = [(order.conversations[0], entry) for entry in order.entries]
    elif order.kind == "municipality":
        places = [("", None)]
    return [_record(order, *place, first_at) for place in places]


def _record(
    order: Order, conversation: str, entry: UUID | None, first_at: datetime | None
) -> Record:
    destruction = Destruction(
        order.ground,
        order.tenant,
        conversation,
        entry,
        list=order.list,
        by=order.by,
        order=order.number,
        first_at=first_at,
    )
    return Record(
        id=clock.new_id(),
        kind=DESTRUCTION,
        at=clock.now(),
        data=msgspec.json.encode(destruction),
        tenant=order.tenant,
        conversation=conversation,
        message=entry,
    )
