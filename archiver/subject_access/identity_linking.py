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
    def all_names(self) -> Names:
        return self.names | self.gained | self.moved | self.ended


class Person(msgspec.Struct, frozen=True):
    """One person. `reported`: their names with those that Meta only reported, by which more of
    their conversations may be found."""

    places: frozenset[str]
    names: Names
    reported: Names = frozenset()


class IdentityGraph:
    """Sightings grouped into persons, and the last holder of each phone number."""

    def __init__(self, sightings: Iterable[IdentitySighting]) -> None:
        self._sightings = sorted(sightings, key=_sort_key)
        self._believed = list(_believable(self._sightings))
        self._parents = {each.place: each.place for each in self._believed}
        self._own_names = _own_names_by_place(self._believed)
        self._last_holders: dict[Identity, str] = {}
        self._join_by_own_names()
        self._join_by_numbers()

    def persons(self) -> list[Person]:
        clusters: dict[str, list[tuple[IdentitySighting, IdentitySighting]]] = {}
        for pair in zip(self._believed, self._sightings, strict=True):
            clusters.setdefault(self._root(pair[0].place), []).append(pair)
        return [
            Person(
                frozenset(each.place for each, _ in members),
                frozenset[Identity]().union(*(each.all_names for each, _ in members)),
                frozenset[Identity]().union(*(sighting.all_names for _, sighting in members)),
            )
            for members in clusters.values()
        ]

    def matching(self, names: Collection[Identity]) -> list[Person]:
        """Return the persons with one of these own names. If there are none, return the last
        holders of the phone numbers; where own names were asked too, only holders without any."""
        asked_own_names = [name for name in names if name.kind != PHONE]
        persons = self.persons()
        if matches := [
            person for person in persons if not person.names.isdisjoint(asked_own_names)
        ]:
            return matches
        last = {self._last_holders[name] for name in names if name in self._last_holders}
        return [
            person
            for person in persons
            if not person.places.isdisjoint(last)
            and not (asked_own_names and _own_names(person.names))
        ]

    def _join_by_own_names(self) -> None:
        first: dict[Identity, str] = {}
        for each in self._believed:
            for name in _own_names(each.all_names):
                self._join(each.place, first.setdefault(name, each.place))
            if each.merged in self._parents:
                self._join(each.place, each.merged)

    def _join_by_numbers(self) -> None:
        continued, holder = set(_continued_places(self._believed)), dict[Identity, str]()
        for each in self._believed:
            for number in each.ended:
                former = holder.pop(number, "")
                if former and self._may_join(former, each.place, continued):
                    self._join(former, each.place)
            for number in filter(_is_number, each.names | each.gained | each.moved):
                current = holder.get(number)
                if (
                    current
                    and number not in each.moved
                    and self._may_join(current, each.place, continued)
                ):
                    self._join(current, each.place)
                if not each.is_indirect:
                    holder[number] = self._last_holders[number] = each.place

    def _may_join(self, holder: str, place: str, continued: Collection[str]) -> bool:
        former, present = self._root(holder), self._root(place)
        both_named = self._own_names[former] and self._own_names[present]
        return former == present or not both_named or place in continued

    def _root(self, place: str) -> str:
        while (parent := self._parents[place]) != place:
            self._parents[place] = self._parents[parent]
            place = parent
        return place

    def _join(self, one: str, other: str) -> None:
        one, other = self._root(one), self._root(other)
        if one != other:
            self._parents[other] = one
            self._own_names[one] |= self._own_names[other]


def _sort_key(sighting: IdentitySighting) -> tuple[datetime, int]:
    """Sort key. At one moment, a number moves before its holder writes, and ends after that."""
    return sighting.at, 0 if sighting.moved else 2 if sighting.ended else 1


def _believable(sightings: Iterable[IdentitySighting]) -> Iterator[IdentitySighting]:
    """Yield the sightings, with former names that Meta reported only if they were seen before.

    An unseen name may belong to another person, in whose conversation Meta put the report. Beside
    an own name, a reported number proves nothing and is left out.
    """
    seen_before: set[Identity] = set()
    for each in sightings:
        own_names = _own_names(each.all_names)
        if each.is_indirect and own_names:
            yield msgspec.structs.replace(
                each, names=own_names if own_names <= seen_before else frozenset()
            )
            continue
        seen_before |= own_names
        yield each


def _own_names_by_place(sightings: Sequence[IdentitySighting]) -> dict[str, Names]:
    names: dict[str, Names] = {}
    for each in sightings:
        names[each.place] = names.get(each.place, frozenset()) | _own_names(each.all_names)
    return names


def _own_names(names: Iterable[Identity]) -> Names:
    return frozenset(name for name in names if not _is_number(name))


def _is_number(name: Identity) -> bool:
    return name.kind == PHONE


def _continued_places(sightings: Sequence[IdentitySighting]) -> Iterator[str]:
    """Yield the places whose first own names were gained by a known person. They were known by
    phone number alone, as their other names are of a portfolio that our number has left."""
    first: dict[str, datetime] = {}
    named: dict[str, Names] = {}
    gained: dict[str, Names] = {}
    for each in sightings:
        own_names = _own_names(each.all_names)
        if own_names and first.setdefault(each.place, each.at) == each.at:
            named[each.place] = named.get(each.place, frozenset()) | own_names
            gained[each.place] = gained.get(each.place, frozenset()) | each.gained
    for place, names in named.items():
        if names <= gained[place]:
            yield place
