"""Orders outside are held against those of the database, and the last one is settled."""

from dataclasses import dataclass, field

import pytest

from archiver.orders.comparison import KnownOrder, Outside, find_faults, settle
from archiver.orders.order import Order, Outcome, State, Unreadable, open_sealed, seal
from services import clock

AT = clock.now()
KEY, OTHER, NONCE = b"k" * 32, b"o" * 32, b"n" * 12


def order(number: int, list: str = "VL-2026-0001") -> Order:
    kind = "conversations" if number else "begin"
    return Order(number=number, kind=kind, at=AT, conversations=(f"c{number}",), list=list)  # type: ignore[arg-type]


def outcome(number: int, state: State = "done") -> Outcome:
    return Outcome(number=number, digest=order(number).digest, state=state)


def outside(count: int, *, without: int | None = None) -> Outside:
    """Orders 0 to `count`; the last has no outcome yet."""
    made = {n: order(n) for n in range(count + 1) if n != without}
    return Outside(
        {n: each.digest for n, each in made.items()},
        made,
        {n: outcome(n) for n in range(1, count)},
    )


def known(count: int) -> dict[int, KnownOrder]:
    return {n: KnownOrder(n, order(n).digest, "done") for n in range(count + 1)}


@dataclass
class Case:
    outside: Outside
    known: dict[int, KnownOrder]
    faults: list[str] = field(default_factory=list)


def altered() -> Outside:
    made = outside(3)
    made.digests[1] = order(1, "VL-2026-0002").digest
    return made


def contradicting() -> Outside:
    made = outside(3)
    made.outcomes[2] = outcome(2, "void")
    return made


def damaged() -> Outside:
    made = outside(3, without=2)
    made.damaged.add(2)
    return made


def silent() -> Outside:
    made = outside(9)
    made.outcomes.clear()
    return made


CASES = {
    "nothing anywhere": Case(Outside(), {}),
    "the same": Case(outside(3), known(3)),
    "a restored database": Case(outside(3), known(1)),
    "a database of before the first order": Case(outside(3), {}),
    "another store": Case(Outside(), known(2), ["orders of destruction outside missing: 0, 1, 2"]),
    "a gap": Case(outside(3, without=2), known(1), ["order of destruction outside missing: 2"]),
    "the newest is lost": Case(
        outside(3, without=3), known(3), ["order of destruction outside missing: 3"]
    ),
    "the newest is lost, and its outcome is not": Case(
        Outside({0: order(0).digest}, {0: order(0)}, {1: outcome(1)}),
        {},
        ["order of destruction outside missing: 1"],
    ),
    "altered": Case(altered(), known(3), ["order of destruction outside altered or unreadable: 1"]),
    "altered, in a restored database": Case(
        altered(), {}, ["order of destruction outside altered or unreadable: 1"]
    ),
    "contradicting": Case(
        contradicting(), known(3), ["order of destruction outside altered or unreadable: 2"]
    ),
    "does not open": Case(
        damaged(), known(3), ["order of destruction outside altered or unreadable: 2"]
    ),
    "nobody knows what became of them": Case(
        silent(),
        known(9),
        ["orders of destruction outside without an outcome: 1, 2, 3, 4, 5 and 3 more"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_faults_of_the_orders_outside_are_named(name: str) -> None:
    case = CASES[name]
    assert find_faults(case.known, case.outside) == case.faults


@pytest.mark.parametrize(
    ("list", "last_known", "state", "settlement"),
    [
        # The list goes on in the ordinary course, or somebody stopped it.
        ("VL-1", 4, "approved", "void"),
        ("VL-1", 4, "destroying", "void"),
        ("VL-1", 2, "destroying", "void"),
        ("VL-1", 4, "withdrawn", "void"),
        ("VL-1", 4, "destroyed", "void"),
        # The database is older than the approval.
        ("VL-1", 4, "drawn", "replay"),
        ("VL-1", 4, "reviewed", "replay"),
        ("VL-1", 4, None, "replay"),
        ("VL-1", 0, None, "replay"),
        # An erasure without a list: only if the database is older for certain.
        ("", 4, None, "void"),
        ("", 3, None, "replay"),
    ],
)
def test_last_order_is_settled_by_the_state_of_its_list(
    list: str, last_known: int, state: str | None, settlement: str
) -> None:
    assert settle(order(5, list), last_known, state) == settlement


def test_order_opens_under_its_number_and_its_key_alone() -> None:
    sealed = seal(order(3), KEY, NONCE)
    assert open_sealed(sealed, Order, 3, [KEY]) == (order(3), 0)
    assert open_sealed(sealed, Order, 3, [OTHER, KEY]) == (order(3), 1)
    for kind, number, keys in (
        (Order, 4, [KEY]),
        (Order, 3, [OTHER]),
        (Outcome, 3, [KEY]),
    ):
        with pytest.raises(Unreadable):
            open_sealed(sealed, kind, number, keys)  # type: ignore[type-var]
    with pytest.raises(Unreadable):
        open_sealed(sealed[:-1] + bytes([sealed[-1] ^ 1]), Order, 3, [KEY])
    assert b"VL-2026" not in sealed
