"""Cutting what came in into units: each item of a receipt, each order, outcome, time-out. Pure.

From here on a number is called by our own id: Meta's stands in the bytes of an item alone.
"""

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from router.model.decision import UNPROVEN, Hash, RoutingContext, WorkUnit
from services.contract import Command, Entry, MediaOutcome, Receipt, SendOutcome, Timeout
from services.whatsapp.items import AnyItem, Unknown
from services.whatsapp.parser import Unparseable, identity_key, parse

UNOPENED = "nobody has looked at what is in it"
"""Why all of a body is one item."""


def keyed_hash(key: bytes) -> Hash:
    """A hash of some strings that cannot be guessed back without `key`; 16 bytes."""
    keyed = hashlib.blake2b(key=key, digest_size=16)

    def hash(*parts: str) -> bytes:
        digest = keyed.copy()
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return digest.digest()

    return hash


def items_of(entry: Entry) -> list[AnyItem] | None:
    """Everything in the body of a receipt; None where it cannot be read, or there is none."""
    if not isinstance(entry, Receipt):
        return None
    try:
        return parse(entry.body)
    except Unparseable:
        return None


def units(entry: Entry, ground: RoutingContext) -> Iterator[WorkUnit]:
    """What is to be decided of one entry, in order."""
    return split_entry(entry, items_of(entry), ground)


def split_entry(
    entry: Entry, items: Sequence[AnyItem] | None, ground: RoutingContext
) -> Iterator[WorkUnit]:
    """The same, of an entry whose body was read."""
    match entry:
        case Receipt():
            yield from _of_receipt(entry, items, ground)
        case Command():
            number = ground.config.number(entry.number)
            scope = number.portfolio if number else ""
            yield WorkUnit(ground.hash("command", str(entry.id)), entry, scope=scope)
        case SendOutcome():
            yield WorkUnit(ground.hash("outcome", str(entry.id)), entry)
        case Timeout():
            yield WorkUnit(ground.hash("timeout", str(entry.id)), entry)
        case MediaOutcome():
            yield WorkUnit(ground.hash("media", str(entry.id)), entry)


def opaque_unit(entry: Entry, ground: RoutingContext) -> WorkUnit:
    """An entry as one unit, without a look at what is in it: of a receipt, all its bytes. An order
    or an outcome is known again by its own key: what becomes of it here is final."""
    if isinstance(entry, Receipt):
        everything = Unknown(raw=entry.body, reason=UNOPENED)
        return WorkUnit(ground.hash("crash", str(entry.id)), entry, everything)
    return next(units(entry, ground))


def _of_receipt(
    receipt: Receipt, items: Sequence[AnyItem] | None, ground: RoutingContext
) -> Iterator[WorkUnit]:
    """The items that this copy is for: each copy of a body names its numbers, so that a body of
    several numbers is decided once for each."""
    if items is None:
        yield WorkUnit(ground.hash("receipt", str(receipt.id)), receipt)
        return
    seen: set[bytes] = set()
    for place, item in enumerate(items):
        if receipt.keys and item.key not in receipt.keys:
            continue
        cut = _unproven if item.key in receipt.unproven else _proven
        key, own, scope = cut(receipt, item, ground)
        yield WorkUnit(key, receipt, own, scope, place, is_repeat=key in seen)
        seen.add(key)


def _proven(receipt: Receipt, item: AnyItem, ground: RoutingContext) -> tuple[bytes, AnyItem, str]:
    """Its key, the item at our own number, and the portfolio that it came from."""
    known_as = item.number
    number = ground.config.number(ground.config.number_id_for(known_as)) if known_as else None
    scope = ""
    if number is not None:
        scope = number.portfolio
        if number.previous:
            provider, _, _ = receipt.proof.rpartition("-")
            scope = number.portfolio_of(known_as, item.waba, provider)
        if number.id != known_as:
            item = msgspec.structs.replace(item, number=number.id)
    return ground.hash("item", *identity_key(item)), item, scope


def _unproven(
    receipt: Receipt, item: AnyItem, ground: RoutingContext
) -> tuple[bytes, AnyItem, str]:
    """Kept aside, under a key that no real item has: what is forged makes nothing a repeat."""
    aside = Unknown(
        raw=item.raw,
        contact=item.contact,
        waba=item.waba,
        number=item.number,
        field=item.field,
        reason=UNPROVEN,
    )
    return ground.hash("unproven", *identity_key(aside)), aside, ""
