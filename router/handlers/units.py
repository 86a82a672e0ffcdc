"""Splitting entries into units: each item of a receipt, each command, outcome and timer. Pure.

From here on a number has our own id. Meta's id occurs only in the bytes of an item.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from router.model.hashes import Hash
from router.model.work import UNPROVEN, RoutingContext, WorkUnit
from services.contract import (
    Command,
    ConversationDestroyed,
    Entry,
    MediaOutcome,
    Receipt,
    SendOutcome,
    Timeout,
)
from services.whatsapp.items import AnyItem, Unknown
from services.whatsapp.parser import Unparseable, identity_key, parse

UNOPENED = "nobody has looked at what is in it"
"""Reason why a whole body is one item."""


def parse_items(entry: Entry) -> list[AnyItem] | None:
    """Return the items of a receipt's body; None for an unreadable body or another entry."""
    if not isinstance(entry, Receipt):
        return None
    try:
        return parse(entry.body)
    except Unparseable:
        return None


def parse_units(entry: Entry, context: RoutingContext) -> Iterator[WorkUnit]:
    """Parse one entry, and yield its units in order."""
    return split_entry(entry, parse_items(entry), context)


def split_entry(
    entry: Entry, items: Sequence[AnyItem] | None, context: RoutingContext
) -> Iterator[WorkUnit]:
    """Yield the units of an entry whose body was parsed into `items`."""
    match entry:
        case Receipt():
            yield from _split_receipt(entry, items, context)
        case Command():
            number = context.config.number(entry.number)
            scope = number.portfolio if number else ""
            yield WorkUnit(context.hashes.own("command", str(entry.id)), entry, scope=scope)
        case SendOutcome():
            yield WorkUnit(context.hashes.own("outcome", str(entry.id)), entry)
        case Timeout():
            yield WorkUnit(context.hashes.own("timeout", str(entry.id)), entry)
        case MediaOutcome():
            yield WorkUnit(context.hashes.own("media", str(entry.id)), entry)
        case ConversationDestroyed():
            yield WorkUnit(context.hashes.own("destroyed", str(entry.id)), entry)


def opaque_unit(entry: Entry, context: RoutingContext) -> WorkUnit:
    """Return an entry as one unit without parsing it; a receipt with all its bytes.

    A command, outcome or timer keeps its own key, so this decision on it is final.
    """
    if isinstance(entry, Receipt):
        body = Unknown(raw=entry.body, reason=UNOPENED)
        return WorkUnit(context.hashes.own("crash", str(entry.id)), entry, body)
    return next(parse_units(entry, context))


def _split_receipt(
    receipt: Receipt, items: Sequence[AnyItem] | None, context: RoutingContext
) -> Iterator[WorkUnit]:
    """Yield a unit for each item that this copy of the body is for.

    Each copy names its numbers, so that a body of several numbers is decided once for each.
    """
    if items is None:
        yield WorkUnit(context.hashes.own("receipt", str(receipt.id)), receipt)
        return
    seen: set[bytes] = set()
    for index, item in enumerate(items):
        if receipt.keys and item.key not in receipt.keys:
            continue
        convert = _unverified_item if item.key in receipt.unproven else _verified_item
        key, converted, scope = convert(receipt, item, context)
        place: int | None = index
        if receipt.is_single_item:
            key, place = retried_key(key, receipt.id, context.hashes.own), None
        yield WorkUnit(key, receipt, converted, scope, place, is_repeat=key in seen)
        seen.add(key)


def retried_key(key: bytes, retry: UUID, hash: Hash) -> bytes:
    """Return the key under which a retry decides an item whose own key is taken."""
    return hash("retry", str(retry), key.hex())


def _verified_item(
    receipt: Receipt, item: AnyItem, context: RoutingContext
) -> tuple[bytes, AnyItem, str]:
    """Return the key, the item with our own number id, and the portfolio that it came from."""
    meta_id = item.number
    number = context.config.number(context.config.number_id_for(meta_id)) if meta_id else None
    scope = ""
    if number is not None:
        scope = number.portfolio
        if number.previous:
            provider, _, _ = receipt.proof.rpartition("-")
            scope = number.portfolio_of(meta_id, item.waba, provider)
        if number.id != meta_id:
            item = msgspec.structs.replace(item, number=number.id)
    hash = context.hashes.of(number.tenant) if number else context.hashes.own
    return hash("item", *identity_key(item)), item, scope


def _unverified_item(
    receipt: Receipt, item: AnyItem, context: RoutingContext
) -> tuple[bytes, AnyItem, str]:
    """Return an item to quarantine, under a key that no verified item has.

    A forged item therefore cannot turn a real one into a repeat.
    """
    unknown = Unknown(
        raw=item.raw,
        contact=item.contact,
        waba=item.waba,
        number=item.number,
        field=item.field,
        reason=UNPROVEN,
    )
    return context.hashes.own("unproven", *identity_key(unknown)), unknown, ""
