"""One webhook body in, everything that it holds out, item by item. Pure.

A body that is no envelope raises `Unparseable`; whatever else is wrong costs only the item that it
is wrong in, which becomes `Unknown`.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice

from services.whatsapp.account_events import NOTICES, notices, unknown
from services.whatsapp.body import Change, Unparseable, parse_changes, routing_keys
from services.whatsapp.content import words
from services.whatsapp.items import AnyItem, Message, Notice, Status
from services.whatsapp.message_fields import MESSAGES, messages

__all__ = ["Unparseable", "identity_key", "parse", "routing_keys", "words"]

MAX_ITEMS = 25_000
"""Items in one body: what 4 MiB of the smallest real messages (170 bytes, in history) come to. The
change that goes over it becomes one `Unknown`."""


def parse(body: bytes) -> list[AnyItem]:
    """Everything in `body`, in order. Raises Unparseable where it is no envelope of Meta's."""
    found: list[AnyItem] = []
    for change in parse_changes(body):
        items = list(islice(_items_of(change), MAX_ITEMS + 1))
        if len(found) + len(items) > MAX_ITEMS:
            items = [unknown(change, change.raw, "too many items in one body")]
        found.extend(items)
    return found


def _items_of(change: Change) -> Iterator[AnyItem]:
    """The items of one change: at least one, so that every key that `keys_in` finds has one."""
    if change.members is None:
        yield unknown(change, change.raw, change.fault)
    elif change.field in MESSAGES:
        yield from messages(change, change.members)
    elif change.field in NOTICES:
        yield from notices(change, change.members)
    else:
        yield unknown(change, change.raw, "unknown field")


def identity_key(item: AnyItem) -> tuple[str, ...]:
    """What an item is known again by, whatever body it came in: its own id where it has one, else
    where it came from, when Meta says it was, and its bytes."""
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
