"""Rules, and words of rules, that never count: an earlier rule always fits first. Pure.

Said only of what is certain. Of a word that means: who writes it as it stands in the rule comes to
the earlier one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from router.conditions import Book, Reader
from router.soundness import Found, held
from services.config import Config
from services.faults import Location
from services.rules import ASKED, Care, Condition, Rule

Asked = dict[str, frozenset[object]]
"""What a condition asks beside words: field -> values."""
WORDS = ("words", "groups")
MORE = ("without", "all")
"""Fields of which each value must hold: the more, the less fits. Of the others one is enough."""
ANYTHING = "qxqx"
"""Stands for what a star stands for: in no word are these letters."""
NAMED = 3
"""Words or rules that one sentence names; the others are counted."""


class Ruled(msgspec.Struct, frozen=True):
    """A rule, what it asks beside words, and the municipalities that it holds for."""

    where: Location
    rule: Rule | Care
    asked: Asked
    tenants: frozenset[str]

    @property
    def decides(self) -> bool:
        return not isinstance(self.rule, Rule) or self.rule.decides


class Ordered(msgspec.Struct, frozen=True):
    """All rules of one table. `worded`: phrase -> places of the rules that find it. `wordless`: one
    thing that is asked -> places of the rules without words that ask it. `same`: phrase -> the
    first one that says the same."""

    rules: tuple[Ruled, ...]
    worded: Mapping[str, Sequence[int]]
    wordless: Mapping[tuple[str, object], Sequence[int]]
    same: Mapping[str, str]


def doubts(config: Config) -> Iterator[Found]:
    groups = {group.id: group.words for group in config.groups}
    for table in ("rules", "care"):
        ordered = _ordered(table, config, groups)
        for place, each in enumerate(ordered.rules):
            yield from _twice(each, ordered, groups)
            if each.tenants:
                yield from _never(place, ordered, groups)
    for n, group in enumerate(config.groups):
        if twice := list(_repeated(group.words, set(), {})):
            yield ("groups", n, "words"), f"group {group.id}: {_stand(twice)} in it twice"


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


def listed(names: Iterable[str]) -> str:
    """`a and b`; `a, b, c and 2 more`."""
    every = list(dict.fromkeys(names))
    if len(every) > NAMED:
        every = [*every[:NAMED], f"{len(every) - NAMED} more"]
    return " and ".join(filter(None, (", ".join(every[:-1]), every[-1])))


def _ordered(table: str, config: Config, groups: Mapping[str, tuple[str, ...]]) -> Ordered:
    tenants: dict[Location, set[str]] = {}
    for tenant in config.tenants:
        for where, _ in held(config, tenant.id):
            tenants.setdefault(where, set()).add(tenant.id)
    rules = tuple(
        Ruled((table, n), rule, asked(rule), frozenset(tenants.get((table, n), ())))
        for n, rule in enumerate(getattr(config, table))
    )
    book = Book(config.groups)
    book.lists = [_phrases(each.rule, groups) for each in rules]
    reader = book.closed(misspelled=False)
    worded = {phrase: _found(phrase, reader) for phrase in reader.phrases}
    return Ordered(rules, worded, _wordless(rules), _same(reader))


def _phrases(rule: Rule | Care, groups: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return (*rule.words, *(word for id in rule.groups for word in groups.get(id, ())))


def _found(phrase: str, reader: Reader) -> list[int]:
    """Places of the rules that find it, as it stands, in whatever form of it."""
    quoted = phrase.strip()[:1] == '"'
    lists = {
        place
        for found in reader.lexicon.find(phrase.replace("*", ANYTHING))
        # Who is quoted finds no other form.
        if quoted or reader.phrases[found.phrase].strip()[:1] != '"'
        for place in reader.holds[found.phrase]
    }
    return sorted(lists)


def _wordless(rules: Sequence[Ruled]) -> dict[tuple[str, object], list[int]]:
    """Under the values of the first thing that they ask, so that few need to be compared."""
    found: dict[tuple[str, object], list[int]] = {}
    for place, each in enumerate(rules):
        if not (each.rule.words or each.rule.groups):
            name, values = next(iter(each.asked.items()))
            for value in list(values)[:1] if name in MORE else values:
                found.setdefault((name, value), []).append(place)
    return found


def _same(reader: Reader) -> dict[str, str]:
    """Phrases that end in one state of the lexicon are one."""
    return {
        reader.phrases[phrase]: reader.phrases[min(there)]
        for there in reader.lexicon.ends.values()
        for phrase in there
    }


def _never(place: int, ordered: Ordered, groups: Mapping[str, tuple[str, ...]]) -> Iterator[Found]:
    """What of one rule never counts: all of it, or some of its words."""
    this = ordered.rules[place]
    phrases = _phrases(this.rule, groups)
    always = _first(place, _without_words(this, ordered), ordered)
    firsts = {p: always or _first(place, ordered.worded[p], ordered) for p in phrases}
    if always or (phrases and all(firsts.values())):
        before = [always, *firsts.values()] if always else firsts.values()
        yield this.where, f"rule {this.rule.id} never counts, {_fit_first(before)}"
        return
    if idle := [p for p in this.rule.words if firsts[p]]:
        first = _fit_first(firsts[p] for p in idle)
        verb = "count" if len(idle) > 1 else "counts"
        said = f"rule {this.rule.id}: {listed(map(repr, idle))} never {verb}, {first}"
        yield (*this.where, "words"), said


def _without_words(this: Ruled, ordered: Ordered) -> list[int]:
    """Places of the rules without words that may ask no more than this one."""
    each = (
        ordered.wordless.get((name, value), ())
        for name, values in this.asked.items()
        for value in (values if name in MORE else list(values)[:1])
    )
    return sorted({place for places in each for place in places})


def _first(place: int, candidates: Iterable[int], ordered: Ordered) -> tuple[str, ...]:
    """Ids of the rules that fit before this one, for each of its municipalities; none where it may
    come to its turn in any of them."""
    this = ordered.rules[place]
    first: dict[str, str] = {}
    for earlier in (ordered.rules[n] for n in candidates if n < place):
        open = earlier.tenants & this.tenants - first.keys()
        if open and earlier.decides and no_more(earlier.asked, this.asked):
            first |= dict.fromkeys(open, earlier.rule.id)
    return tuple(first.values()) if len(first) == len(this.tenants) else ()


def _fit_first(ids: Iterable[Iterable[str]]) -> str:
    every = list(dict.fromkeys(id for those in ids for id in those))
    return f"rules {listed(every)} fit first" if len(every) > 1 else f"rule {every[0]} fits first"


def _twice(this: Ruled, ordered: Ordered, groups: Mapping[str, tuple[str, ...]]) -> Iterator[Found]:
    grouped = (word for id in this.rule.groups for word in groups.get(id, ()))
    seen = {ordered.same.get(word, word) for word in grouped}
    if twice := list(_repeated(this.rule.words, seen, ordered.same)):
        yield (*this.where, "words"), f"rule {this.rule.id}: {_stand(twice)} in it twice"


def _repeated(phrases: Iterable[str], seen: set[str], same: Mapping[str, str]) -> Iterator[str]:
    for phrase in phrases:
        if (meant := same.get(phrase, phrase)) in seen:
            yield phrase
        seen.add(meant)


def _stand(phrases: Sequence[str]) -> str:
    return f"{listed(map(repr, phrases))} {'stand' if len(phrases) > 1 else 'stands'}"
