"""Find the conversations that are with the same person. Pure.

The rules are the router's (`router.identity.resolver`). A name that Meta gives in one portfolio,
such as a BSUID, belongs to one person: it is their own name. A phone number belongs to its last
holder, unless another own name came with it, or the record says that it ended or moved. In doubt
two persons stay apart, so that a report to one holds nothing of the other.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from archiver.index.record_fields import PHONE, Identity

Names = frozenset[Identity]


class IdentitySighting(msgspec.Struct, frozen=True, kw_only=True):
    """Names of a person at one moment, in a conversation or in an entry outside any (`place`).

    `moved`: names that belonged to another person until then. `merged`: a conversation with the
    same person, as an employee recorded. `is_indirect`: a former name that Meta reported; from then
    on the person may be known by the new name alone.
    """

    place: str
    at: datetime
    names: Names = frozenset()
    gained: Names = frozenset()
    moved: Names = frozenset()
    ended: Names = frozenset()
    merged: str = ""
    is_indirect: bool = False

    @property
    def every(self) -> Names:
        return self.names | self.gained | self.moved | self.ended


class Person(msgspec.Struct, frozen=True):
    """One person. `said`: their names with those that Meta only reported, by which more of their
    conversations may be found."""

    places: frozenset[str]
    names: Names
    said: Names = frozenset()


class IdentityGraph:
    """Sightings grouped into persons, and the last holder of each phone number."""

    def __init__(self, seen: Iterable[IdentitySighting]) -> None:
        self._all = sorted(seen, key=_order)
        self._seen = list(_believed(self._all))
        self._above = {each.place: each.place for each in self._seen}
        self._own = _own(self._seen)
        self._last: dict[Identity, str] = {}
        self._by_own_names()
        self._by_numbers()

    def persons(self) -> list[Person]:
        together: dict[str, list[tuple[IdentitySighting, IdentitySighting]]] = {}
        for pair in zip(self._seen, self._all, strict=True):
            together.setdefault(self._top(pair[0].place), []).append(pair)
        return [
            Person(
                frozenset(each.place for each, _ in those),
                frozenset[Identity]().union(*(each.every for each, _ in those)),
                frozenset[Identity]().union(*(said.every for _, said in those)),
            )
            for those in together.values()
        ]

    def matching(self, names: Collection[Identity]) -> list[Person]:
        """Return the persons with one of these own names. If there are none, return the last
        holders of the phone numbers; where own names were asked too, only holders without any."""
        own = [name for name in names if name.kind != PHONE]
        clusters = self.persons()
        if found := [person for person in clusters if not person.names.isdisjoint(own)]:
            return found
        last = {self._last[name] for name in names if name in self._last}
        return [
            person
            for person in clusters
            if not person.places.isdisjoint(last) and not (own and _own_of(person.names))
        ]

    def _by_own_names(self) -> None:
        first: dict[Identity, str] = {}
        for each in self._seen:
            for name in _own_of(each.every):
                self._join(each.place, first.setdefault(name, each.place))
            if each.merged in self._above:
                self._join(each.place, each.merged)

    def _by_numbers(self) -> None:
        continued, holder = _continued(self._seen), dict[Identity, str]()
        for each in self._seen:
            for number in each.ended:
                gone = holder.pop(number, "")
                if gone and self._may(gone, each.place, continued):
                    self._join(gone, each.place)
            for number in filter(_is_number, each.names | each.gained | each.moved):
                before = holder.get(number)
                if before and number not in each.moved and self._may(before, each.place, continued):
                    self._join(before, each.place)
                if not each.is_indirect:
                    holder[number] = self._last[number] = each.place

    def _may(self, before: str, place: str, continued: Collection[str]) -> bool:
        theirs, ours = self._own[self._top(before)], self._own[self._top(place)]
        same = self._top(before) == self._top(place)
        return same or not (theirs and ours) or place in continued

    def _top(self, place: str) -> str:
        while (above := self._above[place]) != place:
            self._above[place] = self._above[above]
            place = above
        return place

    def _join(self, one: str, other: str) -> None:
        one, other = self._top(one), self._top(other)
        if one != other:
            self._above[other] = one
            self._own[one] |= self._own[other]


def _order(seen: IdentitySighting) -> tuple[datetime, int]:
    """Sort key. At one moment, a number moves before its holder writes, and ends after that."""
    return seen.at, 0 if seen.moved else 2 if seen.ended else 1


def _believed(seen: Iterable[IdentitySighting]) -> Iterator[IdentitySighting]:
    """Yield the sightings, with former names that Meta reported only if they were seen before.

    An unseen name may belong to another person, in whose conversation Meta put the report. Beside
    an own name, a reported number proves nothing and is left out.
    """
    known: set[Identity] = set()
    for each in seen:
        own = _own_of(each.every)
        if each.is_indirect and own:
            yield msgspec.structs.replace(each, names=own if own <= known else frozenset())
            continue
        known |= own
        yield each


def _own(seen: Sequence[IdentitySighting]) -> dict[str, Names]:
    found: dict[str, Names] = {}
    for each in seen:
        found[each.place] = found.get(each.place, frozenset()) | _own_of(each.every)
    return found


def _own_of(names: Iterable[Identity]) -> Names:
    return frozenset(name for name in names if not _is_number(name))


def _is_number(name: Identity) -> bool:
    return name.kind == PHONE


def _continued(seen: Sequence[IdentitySighting]) -> set[str]:
    """Return the places whose first own names were gained by a known person. They were known by
    phone number alone, as their other names are of a portfolio that our number has left."""
    return set(_continuing(seen))


def _continuing(seen: Sequence[IdentitySighting]) -> Iterator[str]:
    first: dict[str, datetime] = {}
    named: dict[str, Names] = {}
    gained: dict[str, Names] = {}
    for each in seen:
        own = _own_of(each.every)
        if own and first.setdefault(each.place, each.at) == each.at:
            named[each.place] = named.get(each.place, frozenset()) | own
            gained[each.place] = gained.get(each.place, frozenset()) | each.gained
    for place, names in named.items():
        if names <= gained[place]:
            yield place
