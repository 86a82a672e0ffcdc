"""Bounds on connections that have proven nothing."""

import pytest

from services.http.connection_counts import FEW, SLOW, ConnectionCounts, UnprovenBounds

A, B, FAR = ("a", "net"), ("b", "net"), ("c", "far")
OURS = ()
"""A connection of our proxy."""


class Line:
    def __init__(self, waits: bool = True) -> None:
        self.waits, self.is_new, self.ended = waits, False, False

    def waits_for_client(self, *, spared: bool = True) -> bool:
        return self.waits and not (spared and self.is_new)

    def end(self) -> None:
        self.ended = True


def counts(limit: int = 9) -> ConnectionCounts:
    return ConnectionCounts(limit, UnprovenBounds(per_address=2, per_network=3))


def entered(to: ConnectionCounts, *networks: tuple[str, ...], waits: bool = True) -> list[Line]:
    lines = [Line(waits) for _ in networks]
    for line, each in zip(lines, networks, strict=True):
        to.enter(line, each)
    return lines


def ended(*lines: Line) -> list[bool]:
    return [line.ended for line in lines]


def test_connections_of_an_address_and_of_a_network_are_bounded() -> None:
    door = counts()
    entered(door, A, A)
    assert (door.refusal(A), door.refusal(B), door.refusal(FAR)) == ("address", None, None)
    entered(door, B)
    assert (door.refusal(B), door.refusal(FAR), door.refusal(OURS)) == ("network", None, None)


def test_proven_connection_and_one_that_left_count_no_more() -> None:
    door = counts()
    first, second = entered(door, A, A)
    door.prove(first)
    assert door.refusal(A) is None
    entered(door, A)
    assert door.refusal(A) == "address"
    door.leave(second)
    door.leave(first)
    assert door.refusal(A) is None


def test_connections_of_our_proxy_are_bounded_by_all_alone() -> None:
    door = counts(limit=5)
    entered(door, *[OURS] * 4)
    assert door.refusal(OURS) is None
    entered(door, OURS)
    assert door.refusal(OURS) == door.refusal(A) == "all"
    assert not door.make_room("all", A), "a proxy closes its own"


def test_room_is_made_by_the_oldest_that_waits_and_is_unproven() -> None:
    door = counts(limit=4)
    [busy] = entered(door, A, waits=False)
    proven, oldest, newer = entered(door, B, FAR, FAR)
    door.prove(proven)
    assert door.refusal(B) == "all" and door.make_room("all", B)
    assert ended(busy, proven, oldest, newer) == [False, False, True, False]
    assert door.make_room("all", B) and newer.ended
    assert not door.make_room("all", B)
    for each in (busy, proven, oldest, newer):
        door.leave(each)
    assert door.refusal(FAR) is None


def test_room_is_made_by_the_network_and_the_address_that_have_most() -> None:
    door = counts(limit=6)
    alone, first, second, third, busy, last = entered(door, FAR, B, A, A, A, FAR)
    busy.waits = False
    assert door.make_room("all", ("d", "new"))
    assert ended(alone, first, second, third, busy, last) == [False] * 2 + [True] + [False] * 3
    door.leave(second)
    door.leave(third)
    assert door.make_room("all", ("d", "new"))
    assert alone.ended, "the oldest, as both networks have two"


def test_those_on_which_no_whole_request_came_are_bounded_together() -> None:
    door = ConnectionCounts(9, UnprovenBounds(unheard=2))
    heard, first, second = entered(door, A, FAR, FAR)
    door.hear(heard)
    assert (door.refusal(B), door.refusal(OURS)) == ("unheard", None)
    assert door.make_room("unheard", B)
    assert ended(heard, first, second) == [False, True, False]
    assert door.refusal(B) is None


def test_slow_connection_takes_the_places_of_several() -> None:
    door = ConnectionCounts(99, UnprovenBounds(unheard=2 * SLOW + 2))
    first, second, heard = entered(door, A, FAR, FAR)
    door.hear(heard)
    assert [door.note_slow(each, A) for each in (first, heard)] == [0, 0]
    assert door.refusal(B) is None
    assert door.note_slow(second, FAR) == 0
    entered(door, B)
    assert door.refusal(B) is None
    entered(door, B)
    assert door.refusal(B) == "unheard"
    door.hear(first)
    assert door.refusal(B) is None


def test_slow_ones_of_a_crowd_end_until_they_fit_the_oldest_of_the_largest_address_first() -> None:
    door = ConnectionCounts(99, UnprovenBounds(unheard=(FEW + 2) * SLOW))
    lines, noted = list[Line](), 0
    for each in [FAR, *[A] * (FEW + 3)]:
        lines += entered(door, each)
        noted += door.note_slow(lines[-1], each)
    assert ended(*lines) == [False, *[True] * 2, *[False] * (FEW + 1)]
    assert noted == 2
    assert door.refusal(B) == "unheard"
    door.leave(lines[0])
    assert door.refusal(B) is None


def test_one_slow_connection_of_each_of_many_hosts_gives_way_to_many_of_one_sender() -> None:
    door = ConnectionCounts(999, UnprovenBounds(unheard=20 * SLOW))
    hosts = [(f"host{n}", f"net{n}") for n in range(21)]
    slow = entered(door, *hosts)
    for line, each in zip(slow, hosts, strict=True):
        door.note_slow(line, each)
    assert [line.ended for line in slow] == [True, *[False] * 20]
    sent = list[Line]()
    for _ in range(3 * FEW):
        assert door.refusal(A) is None or door.make_room("unheard", A)
        sent += entered(door, A)
        sent[-1].is_new = True
    assert not any(ended(*sent))
    door.note_slow(*entered(door, B), B)
    assert not any(ended(*sent)), "of slow ones alone any ends for one that becomes slow"


@pytest.mark.parametrize(("of_address", "gives"), [(FEW, False), (FEW + 1, True)])
def test_rest_of_a_burst_gives_way_to_the_first_of_it_that_is_slow(
    of_address: int, gives: bool
) -> None:
    door = ConnectionCounts(99, UnprovenBounds(unheard=of_address + 1))
    first, new, *rest, far = entered(door, *[A] * of_address, FAR)
    new.is_new = True
    noted = door.note_slow(first, A)
    waiting = [True] * (SLOW - 1) + [False] * (len(rest) - SLOW + 1)
    assert ended(*rest) == (waiting if gives else [False] * len(rest))
    assert (ended(first, new, far), noted) == (
        ([False] * 3, SLOW - 1) if gives else ([True, False, False], 1)
    )
    assert (door.refusal(B) == "unheard") == gives


@pytest.mark.parametrize(("of_address", "gives"), [(FEW, False), (FEW + 1, True)])
def test_burst_of_an_address_is_not_spared_when_it_has_all_places(
    of_address: int, gives: bool
) -> None:
    door = ConnectionCounts(99, UnprovenBounds(unheard=of_address))
    lines = entered(door, *[A] * of_address)
    for line in lines:
        line.is_new = True
    assert (door.refusal(FAR), door.make_room("unheard", FAR)) == ("unheard", gives)
    assert ended(*lines) == [gives, *[False] * (of_address - 1)]
    assert not door.make_room("all", FAR), "all are spared"


def test_of_equal_crowds_none_gives_way_to_another() -> None:
    door = ConnectionCounts(2 * FEW + 1, None)
    lines = entered(door, *[A, FAR] * FEW, A)
    assert not door.make_room("all", FAR), "it would have as many"
    assert door.make_room("all", ("d", "new"))
    assert [line for line in lines if line.ended] == lines[:1]
    assert not door.make_room("all", A)
    assert door.make_room("all", B), "its own network makes room for it"
    assert [line for line in lines if line.ended] == lines[:3:2]


def test_room_in_a_full_network_is_made_by_the_address_that_has_most() -> None:
    door = counts()
    old, first, second = entered(door, B, A, A)
    third = ("c", "net")
    assert door.refusal(third) == "network" and door.make_room("network", third)
    assert ended(old, first, second) == [False, True, False]
    entered(door, third)
    assert door.refusal(third) == "network" and not door.make_room("network", third)
    assert not door.make_room("network", B), "none has more than it"
    door.prove(old)
    entered(door, A)
    assert door.refusal(A) == "address" and not door.make_room("address", A)


def test_port_without_bounds_for_strangers_counts_all() -> None:
    door = ConnectionCounts(2, None)
    entered(door, OURS)
    assert door.refusal(OURS) is None
    entered(door, OURS)
    assert door.refusal(OURS) == "all" and not door.make_room("all", OURS)
