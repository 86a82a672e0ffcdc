from collections import OrderedDict

import pytest

from sandbox.memory import Ring, remember


@pytest.mark.parametrize(
    ("after", "limit", "entries"),
    [
        (0, 9, [3, 4, 5]),
        (3, 9, [4, 5]),
        (3, 1, [4]),
        (5, 9, []),
        (-2, 2, [3, 4]),
    ],
)
def test_a_ring_returns_its_newest_entries_after_a_number(
    after: int, limit: int, entries: list[int]
) -> None:
    ring: Ring[int] = Ring(3)
    for n in range(1, 6):
        ring.add(n)
    assert ring.after(after, limit) == entries
    assert (ring.count, ring.dropped) == (5, 2)


def test_the_key_that_was_set_longest_ago_is_forgotten() -> None:
    entries: OrderedDict[str, int] = OrderedDict()
    for n, key in enumerate("abac"):
        remember(entries, key, n, limit=2)
    assert entries == {"a": 2, "c": 3}
