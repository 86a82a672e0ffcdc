"""Which conditions hold wherever others do, found without comparing each with each. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from services.rules import ASKED, Condition

Asked = dict[str, frozenset[object]]
"""What a condition asks beside words: field -> values."""
Thing = tuple[str, object]
"""One value of one field."""
WORDS = ("words", "groups")
MORE = ("without", "all")
"""Fields of which each value must hold: the more, the less fits. Of the others one is enough."""


def asked(condition: Condition) -> Asked:
    """What is asked beside words."""
    given = {name: getattr(condition, name) for name in ASKED if name not in WORDS}
    each = {name: v if isinstance(v, tuple) else (v,) for name, v in given.items() if v}
    return {name: frozenset(values) for name, values in each.items()}


def no_more(earlier: Asked, later: Asked) -> bool:
    """Whether the earlier holds wherever the later does."""
    for name, values in earlier.items():
        theirs = later.get(name, frozenset())
        if not (values <= theirs if name in MORE else theirs and theirs <= values):
            return False
    return True


def wider(conditions: Sequence[Asked]) -> list[list[int]]:
    """For each, the places of those that ask no more, itself among them."""
    often = Counter(thing for each in conditions for thing in _things(each))
    under: dict[Thing | None, list[int]] = {}
    for place, each in enumerate(conditions):
        for thing in _rarest(each, often):
            under.setdefault(thing, []).append(place)
    return [
        [place for place in _candidates(each, under) if no_more(conditions[place], each)]
        for each in conditions
    ]


def _things(asked: Asked) -> Iterator[Thing]:
    return ((name, value) for name, values in asked.items() for value in values)


def _rarest(asked: Asked, often: Mapping[Thing, int]) -> Sequence[Thing | None]:
    """Where to look it up, so that few stand together: what asks as much asks one of these."""
    ways: list[list[Thing]] = []
    for name, values in asked.items():
        things = sorted(((name, value) for value in values), key=often.__getitem__)
        ways.append(things[:1] if name in MORE else things)
    if not ways:
        return [None]
    return min(ways, key=lambda things: often[things[-1]])


def _candidates(asked: Asked, under: Mapping[Thing | None, Sequence[int]]) -> set[int]:
    """Of a field of which one value is enough, who asks no more has all of them."""
    found = set(under.get(None, ()))
    for name, values in asked.items():
        there = [under.get((name, value), ()) for value in values]
        for places in there if name in MORE else [min(there, key=len)]:
            found.update(places)
    return found
