"""Cutting what came in into units: each item of a receipt, each command, each outcome. Pure."""

import hashlib
from collections.abc import Iterator

from router.decisions import Hash, Unit
from services.contract import Command, Entry, Receipt, SendOutcome
from services.whatsapp.parse import Unparseable, identity_key, parse


def keyed_hash(key: bytes) -> Hash:
    """A hash of some strings that cannot be guessed back without `key`; 16 bytes."""

    def hash(*parts: str) -> bytes:
        digest = hashlib.blake2b(key=key, digest_size=16)
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return digest.digest()

    return hash


def units(entry: Entry, hash: Hash) -> Iterator[Unit]:
    """What is to be decided of one entry, in order."""
    match entry:
        case Receipt():
            yield from _of_receipt(entry, hash)
        case Command():
            yield Unit(hash("command", str(entry.id)), entry)
        case SendOutcome():
            yield Unit(hash("outcome", str(entry.id)), entry)


def _of_receipt(receipt: Receipt, hash: Hash) -> Iterator[Unit]:
    """The items that this copy is for: each copy of a body names its numbers, so that a body of
    several numbers is decided once for each."""
    try:
        items = parse(receipt.body)
    except Unparseable:
        yield Unit(hash("receipt", str(receipt.id)), receipt)
        return
    for item in items:
        if not receipt.keys or item.key in receipt.keys:
            yield Unit(hash("item", *identity_key(item)), receipt, item)
