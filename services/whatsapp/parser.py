"""Parser of a webhook body into its items. Pure.

A body that is no webhook of Meta raises `Unparseable`. Any other fault affects only its own item,
which becomes `Unknown`.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice

from services.whatsapp.account_events import NOTICES, make_unknown, read_notices
from services.whatsapp.body import Change, Unparseable, parse_changes, routing_keys
from services.whatsapp.content import words
from services.whatsapp.items import AnyItem, Message, Notice, Status
from services.whatsapp.message_fields import MESSAGES, read_messages

__all__ = ["Unparseable", "identity_key", "parse", "routing_keys", "words"]

MAX_ITEMS = 25_000
"""Items in one body: 4 MiB of the smallest real messages (170 bytes, in history). The change that
exceeds it becomes one `Unknown`."""


def parse(body: bytes) -> list[AnyItem]:
    """Return the items in `body`, in order. Raises Unparseable if it is no webhook of Meta."""
    items: list[AnyItem] = []
    for change in parse_changes(body):
        added = list(islice(_items_of(change), MAX_ITEMS + 1))
        if len(items) + len(added) > MAX_ITEMS:
            added = [make_unknown(change, change.raw, "too many items in one body")]
        items.extend(added)
    return items


def _items_of(change: Change) -> Iterator[AnyItem]:
    """Yield the items of one change, at least one, so that each key of `routing_keys` has an
    item."""
    if change.members is None:
        yield make_unknown(change, change.raw, change.fault)
    elif change.field in MESSAGES:
        yield from read_messages(change, change.members)
    elif change.field in NOTICES:
        yield from read_notices(change, change.members)
    else:
        yield make_unknown(change, change.raw, "unknown field")


def identity_key(item: AnyItem) -> tuple[str, ...]:
    """Return the key by which an item is recognised in any other body: its own id if it has one,
    else its origin, Meta's time and a hash of its bytes."""
    match item:
        case Message(field="history", id=id) if id:
            # The media of a placeholder come later, under the same id.
            return "history", item.key, id, item.content.type
        case Message(id=id) if id:
            return "echo" if item.field == "smb_message_echoes" else "message", item.key, id
        case Status(id=id) if id:
            return "status", item.key, id, item.status, item.participant
    stamp = item.stamp if isinstance(item, Notice) else ""
    digest = hashlib.sha256(item.raw).hexdigest()
    return "other", item.waba, item.number, item.field, stamp, digest
