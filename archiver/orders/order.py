"""An order of destruction and its outcome, as they are kept outside the database. Pure.

Each is sealed under a key of the master key and bound to its number: nobody else reads it, writes
one, or puts one in the place of another.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeVar
from uuid import UUID

import msgspec

from services.sealing.wrapping import CannotDecrypt, unwrap, wrap

PURPOSE = "destruction orders"
"""Purpose for which the key is derived from the master key."""
Kind = Literal["begin", "conversations", "entries", "municipality"]
"""begin: the first, which destroys nothing. A store without it is not the store of this archive."""
State = Literal["done", "void"]
"""done: its transaction was committed. void: it was not, and nothing is destroyed by it."""
_encode = msgspec.json.Encoder(order="deterministic").encode
T = TypeVar("T", "Order", "Outcome")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order of destruction, written before its transaction is committed."""

    number: int
    """One after the other, without a gap."""
    kind: Kind
    at: datetime
    tenant: str = ""
    conversations: tuple[str, ...] = ()
    entries: tuple[UUID, ...] = ()
    beside: tuple[UUID, ...] = ()
    """Entries outside any conversation of people who had none but these."""
    ground: str = ""
    list: str = ""
    """Destruction list, and who approved it; '' without one."""
    by: str = ""

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(_encode(self)).digest()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of an order, written after its transaction, or when the order is settled."""

    number: int
    digest: bytes
    """Digest of the order."""
    state: State
    spared: tuple[str, ...] = ()
    """Conversations that were held when the order was settled, and stay."""


class Unreadable(Exception):
    """An object is no order, or no outcome, of this archive."""


def seal(item: Order | Outcome, key: bytes, nonce: bytes) -> bytes:
    """Return the object that keeps an order or an outcome. `nonce` must be random."""
    return wrap(key, _encode(item), _name(type(item), item.number), nonce)


def open_sealed(sealed: bytes, kind: type[T], number: int, keys: Sequence[bytes]) -> tuple[T, int]:
    """Return an order or an outcome, and the place of its key among `keys`. Raises Unreadable."""
    for place, key in enumerate(keys):
        try:
            content = unwrap(key, sealed, _name(kind, number))
            return msgspec.json.decode(content, type=kind), place
        except (CannotDecrypt, msgspec.DecodeError):
            continue
    raise Unreadable


def _name(kind: type[Order] | type[Outcome], number: int) -> str:
    return f"{kind.__name__.lower()} {number}"
