"""Cutting what came in into units: each item of a receipt, each order, outcome, time-out. Pure.

From here on a number is called by our own id: Meta's stands in the bytes of an item alone.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from router.decisions import UNPROVEN, Ground, Hash, Unit
from services.contract import Command, Entry, MediaOutcome, Receipt, SendOutcome, Timeout
from services.whatsapp.items import AnyItem, Unknown
from services.whatsapp.parse import Unparseable, identity_key, parse


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


def units(entry: Entry, ground: Ground) -> Iterator[Unit]:
    """What is to be decided of one entry, in order."""
    match entry:
        case Receipt():
            yield from _of_receipt(entry, ground)
        case Command():
            number = ground.config.number(entry.number)
            scope = number.portfolio if number else ""
            yield Unit(ground.hash("command", str(entry.id)), entry, scope=scope)
        case SendOutcome():
            yield Unit(ground.hash("outcome", str(entry.id)), entry)
        case Timeout():
            yield Unit(ground.hash("timeout", str(entry.id)), entry)
        case MediaOutcome():
            yield Unit(ground.hash("media", str(entry.id)), entry)


def whole(entry: Entry, ground: Ground) -> Unit:
    """An entry as one unit, without a look at what is in it. An order or an outcome is known again
    by its own key: what becomes of it here is final."""
    if isinstance(entry, Receipt):
        return Unit(ground.hash("crash", str(entry.id)), entry)
    return next(units(entry, ground))


def _of_receipt(receipt: Receipt, ground: Ground) -> Iterator[Unit]:
    """The items that this copy is for: each copy of a body names its numbers, so that a body of
    several numbers is decided once for each."""
    try:
        items = parse(receipt.body)
    except Unparseable:
        yield Unit(ground.hash("receipt", str(receipt.id)), receipt)
        return
    for item in items:
        if receipt.keys and item.key not in receipt.keys:
            continue
        if item.key in receipt.unproven:
            yield _unproven(receipt, item, ground)
        else:
            yield _unit(receipt, item, ground)


def _unit(receipt: Receipt, item: AnyItem, ground: Ground) -> Unit:
    """The item at our own number, and the portfolio that it came from."""
    known_as = item.number
    number = ground.config.number(ground.config.ours(known_as)) if known_as else None
    scope = ""
    if number is not None:
        scope = number.portfolio
        if number.previous:
            provider, _, _ = receipt.proof.rpartition("-")
            scope = number.portfolio_of(known_as, item.waba, provider)
        if number.id != known_as:
            item = msgspec.structs.replace(item, number=number.id)
    return Unit(ground.hash("item", *identity_key(item)), receipt, item, scope)


def _unproven(receipt: Receipt, item: AnyItem, ground: Ground) -> Unit:
    """Kept aside, under a key that no real item has: what is forged makes nothing a repeat."""
    aside = Unknown(
        raw=item.raw, waba=item.waba, number=item.number, field=item.field, reason=UNPROVEN
    )
    return Unit(ground.hash("unproven", *identity_key(aside)), receipt, aside)
