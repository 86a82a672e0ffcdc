"""Which rules of one table come first for who writes a phrase as it stands. Pure.

Phrases that the same rules find are looked at once, and so are rules that ask the same beside them:
a group of 1,000 words that 1,000 rules use makes a million pairs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import msgspec

from cli.wider import Asked, asked, wider
from router.conditions import Book, Reader
from router.soundness import held
from services.config import Config
from services.faults import Location
from services.rules import Care, Rule

ANYTHING = "qxqx"
"""Stands for what a star stands for: in no word are these letters."""
First = Mapping[int, int]
"""Kind -> place of the first rule of that kind that decides, among those that find something."""
Groups = Mapping[str, tuple[str, ...]]


class Ruled(msgspec.Struct, frozen=True):
    """A rule, what it asks beside words, and the municipalities that it holds for."""

    where: Location
    rule: Rule | Care
    asked: Asked
    tenants: frozenset[str]

    @property
    def decides(self) -> bool:
        return not isinstance(self.rule, Rule) or self.rule.decides

    @property
    def kind(self) -> tuple[frozenset[object], frozenset[str]]:
        """The same for all that ask the same beside words, of the same municipalities."""
        return frozenset(self.asked.items()), self.tenants


class Ordered(msgspec.Struct, frozen=True):
    """All rules of one table, and the kind of each. `before`: kind -> those that hold wherever it
    does. `worded`: phrase -> who finds it; `grouped`: group -> that of each of its words;
    `wordless`: who asks for no word. `same`: phrase -> the first one that says the same."""

    rules: tuple[Ruled, ...]
    kinds: tuple[int, ...]
    before: Sequence[Sequence[int]]
    worded: Mapping[str, First]
    grouped: Mapping[str, Sequence[First]]
    wordless: First
    same: Mapping[str, str]

    def first(self, place: int, found: First) -> tuple[str, ...]:
        """Ids of the rules that fit before this one, for each of its municipalities; none where it
        may come to its turn in any of them."""
        open = set(self.rules[place].tenants)
        ids: list[str] = []
        for earlier in sorted(found[k] for k in self.before[self.kinds[place]] if k in found):
            if earlier >= place or not open:
                break
            if open & self.rules[earlier].tenants:
                ids.append(self.rules[earlier].rule.id)
                open -= self.rules[earlier].tenants
        return () if open else tuple(ids)


def ordered(table: str, config: Config) -> Ordered:
    rules = _ruled(table, config)
    kinds, before = _kinds(rules)
    groups = {group.id: group.words for group in config.groups}
    used = {id: groups[id] for each in rules for id in each.rule.groups if id in groups}
    users = [*([place] for place in range(len(rules))), *_users(rules, used)]
    book = Book(())
    book.lists = [*(each.rule.words for each in rules), *used.values()]
    reader = book.closed(misspelled=False)

    def first(places: Iterable[int]) -> First:
        deciding = [n for n in sorted(places) if rules[n].decides]
        return {kinds[n]: n for n in reversed(deciding)}

    wordless = first(n for n, each in enumerate(rules) if not (each.rule.words or each.rule.groups))
    worded = _worded(reader, cache(lambda lists: first({n for one in lists for n in users[one]})))
    grouped = {id: _different(worded[word] for word in words) for id, words in used.items()}
    return Ordered(rules, kinds, before, worded, grouped, wordless, _same(reader))


def _ruled(table: str, config: Config) -> tuple[Ruled, ...]:
    tenants: dict[Location, set[str]] = {}
    for tenant in config.tenants:
        for where, _ in held(config, tenant.id):
            tenants.setdefault(where, set()).add(tenant.id)
    return tuple(
        Ruled((table, n), rule, asked(rule), frozenset(tenants.get((table, n), ())))
        for n, rule in enumerate(getattr(config, table))
    )


def _kinds(rules: Sequence[Ruled]) -> tuple[tuple[int, ...], list[list[int]]]:
    """The kind of each rule, and for each kind those that hold wherever it does."""
    one_of = {each.kind: each for each in rules}
    numbers = {kind: n for n, kind in enumerate(one_of)}
    those = list(one_of.values())
    before = [
        [n for n in more if those[n].tenants & this.tenants]
        for this, more in zip(those, wider([each.asked for each in those]), strict=True)
    ]
    return tuple(numbers[each.kind] for each in rules), before


def _users(rules: Sequence[Ruled], used: Iterable[str]) -> Iterable[list[int]]:
    """The places of the rules that use each of these groups."""
    users: dict[str, list[int]] = {id: [] for id in used}
    for place, each in enumerate(rules):
        for id in users.keys() & {*each.rule.groups}:
            users[id].append(place)
    return users.values()


def _worded(reader: Reader, first: Callable[[frozenset[int]], First]) -> dict[str, First]:
    """Who finds each phrase, as it stands, in whatever form of it. `first` has them by the lists
    that do."""
    return {phrase: first(_lists(phrase, reader)) for phrase in reader.phrases}


def _lists(phrase: str, reader: Reader) -> frozenset[int]:
    quoted = _quoted(phrase)
    return frozenset(
        one
        for found in reader.lexicon.find(phrase.replace("*", ANYTHING))
        # Who is quoted finds no other form.
        if quoted or not _quoted(reader.phrases[found.phrase])
        for one in reader.holds[found.phrase]
    )


def _quoted(phrase: str) -> bool:
    return phrase.strip()[:1] == '"'


def _different(found: Iterable[First]) -> list[First]:
    """Each once: those of the same rules are one object."""
    return list({id(each): each for each in found}.values())


def _same(reader: Reader) -> dict[str, str]:
    """Phrases that end in one state of the lexicon are one."""
    return {
        reader.phrases[phrase]: reader.phrases[min(there)]
        for there in reader.lexicon.ends.values()
        for phrase in there
    }
