"""The orders that stand outside, held against those that the database knows. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from archiver.orders.order import Order, Outcome, State

MAX_NAMED = 5
"""Numbers that one sentence names; more say no more."""
UNAPPROVED = ("drawn", "reviewed")
"""States of a list that no order can be of: the list was restored from before its approval."""


class KnownOrder(msgspec.Struct, frozen=True):
    """A row of `archiver.destruction_order`."""

    number: int
    digest: bytes
    state: State


class Outside(msgspec.Struct):
    """Orders and outcomes that stand outside, by number."""

    digests: dict[int, bytes] = {}
    """Digest of each order."""
    orders: dict[int, Order] = {}
    """Those orders that the database does not know. The others, of many years, are 10 KB each."""
    outcomes: dict[int, Outcome] = {}
    damaged: set[int] = set()
    """Numbers of which something does not open."""

    @property
    def last(self) -> int:
        """Number of the last order; -1 without one."""
        return max([*self.digests, *self.damaged], default=-1)


class Comparison:
    """Orders outside and those that the database knows."""

    def __init__(self, outside: Outside, known: dict[int, KnownOrder]) -> None:
        self.outside, self.known = outside, known
        self.judged: Outcome | None = None
        """Outcome of the last order, if it was judged here and does not stand outside."""

    def learn(self, known: KnownOrder) -> None:
        """Take in an order that the database has got meanwhile."""
        self.known[known.number] = known
        self.outside.orders.pop(known.number, None)

    @property
    def missing(self) -> list[Order]:
        """Orders that the database does not know, in their order."""
        orders = self.outside.orders
        return [orders[n] for n in sorted(orders)]

    @property
    def lacking(self) -> list[Order]:
        """Those of them that were carried out: the database has again what they destroyed."""
        outcomes = self.outside.outcomes
        done = {number for number, outcome in outcomes.items() if outcome.state == "done"}
        return [order for order in self.missing if order.number in done]

    def state_of(self, order: Order) -> State:
        """Return what became of an order. The first has no outcome, and destroys nothing."""
        outcome = self.outside.outcomes.get(order.number)
        return outcome.state if outcome else "done"

    @property
    def last_known(self) -> int:
        return max(self.known, default=-1)

    @property
    def last(self) -> int:
        return max(self.last_known, self.outside.last)


class NotComparable(Exception):
    """The orders outside are not whole, or the database denies some that were carried out. A
    sentence for each fault."""

    def __init__(self, faults: Sequence[str], denied: int = 0) -> None:
        self.faults, self.denied = tuple(faults), denied
        super().__init__("; ".join(faults))


def find_faults(known: Mapping[int, KnownOrder], outside: Outside) -> list[str]:
    """Return what is wrong with the orders outside, a sentence for each kind of fault."""
    last = max([outside.last, *known, *outside.outcomes])
    present = outside.digests.keys() | outside.damaged
    numbers = range(last + 1)
    faults = {
        "missing": [n for n in numbers if n not in present],
        "altered or unreadable": [
            *sorted(outside.damaged),
            *(n for n in numbers if not _agrees(known.get(n), outside, n)),
        ],
        "carried out, and void in the database": list_denied(known, outside),
        "without an outcome": [
            n
            for n in range(1, last)
            if n in outside.digests and n not in outside.outcomes and n not in outside.damaged
        ],
    }
    return [_sentence(found, what) for what, found in faults.items() if found]


def _agrees(known: KnownOrder | None, outside: Outside, number: int) -> bool:
    digest, outcome = outside.digests.get(number), outside.outcomes.get(number)
    if digest is None:
        return True  # it is missing, or does not open, which is told apart
    if known and known.digest != digest:
        return False
    if outcome is None:
        return True
    states = (known.state if known else outcome.state, outcome.state)
    return outcome.digest == digest and states in (*_SAME, _DENIED)


_SAME = (("done", "done"), ("void", "void"))
_DENIED = ("void", "done")
"""State in the database, and outside: told apart, since the database has what was destroyed."""


def list_denied(known: Mapping[int, KnownOrder], outside: Outside) -> list[int]:
    """Return the numbers of orders that were carried out and that the database calls void."""
    outcomes = outside.outcomes
    both = sorted(known.keys() & outcomes.keys())
    return [n for n in both if (known[n].state, outcomes[n].state) == _DENIED]


def _sentence(numbers: Sequence[int], what: str) -> str:
    return describe_orders(numbers, f"outside {what}")


def describe_orders(numbers: Sequence[int], what: str) -> str:
    """Return which orders of destruction are as `what` says."""
    named = ", ".join(str(n) for n in numbers[:MAX_NAMED])
    more = f" and {len(numbers) - MAX_NAMED} more" if len(numbers) > MAX_NAMED else ""
    plural = "orders" if len(numbers) > 1 else "order"
    return f"{plural} of destruction {what}: {named}{more}"


Settlement = Literal["replay", "void"]


def settle(order: Order, last_known: int, list_state: str | None) -> Settlement:
    """Return what becomes of the last order, of which nobody wrote if it was carried out.

    A list that is approved in this database is destroyed in the ordinary course, which asks for
    holds; one that was withdrawn or has ended is destroyed no further. A list that this database
    does not know, or not as approved, shows that the database is older than the order: then it was
    approved, and is carried out, without what is held now. An order without a list is carried out
    if the database is older for certain.
    """
    if order.list:
        return "replay" if list_state is None or list_state in UNAPPROVED else "void"
    return "replay" if last_known < order.number - 1 else "void"
