"""Which rules of one table come first for who writes a phrase as it stands. Pure.

Phrases that the same rules find are looked at once, and so are rules that ask the same beside them:
a group of 1,000 words that 1,000 rules use makes a million pairs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from cli.check.implication import wider
from cli.check.normal_form import Form, In, Simple, Words, simple
from router.rules.matcher import Matcher, PatternCollector
from router.ruleset.validation import rules_for
from services.config.model import Configuration
from services.config.routing_rules import Rule, SafetyRule
from services.toml.errors import Location

ANYTHING = "qxqx"
"""Stands for what a star stands for: in no word are these letters."""
First = Mapping[int, int]
"""Kind -> place of the first rule of that kind that decides, among those that find something."""
Kind = tuple[Form, frozenset[str]]
"""What is asked beside words, in which municipalities."""


class Ruled(msgspec.Struct, frozen=True):
    """A rule, what it asks, and the municipalities that it holds for."""

    where: Location
    rule: Rule | SafetyRule
    asks: Simple
    tenants: frozenset[str]

    @property
    def decides(self) -> bool:
        return not isinstance(self.rule, Rule) or self.rule.decides

    @property
    def barred(self) -> tuple[str | In, ...]:
        """What may not be said."""
        found = (v for name, values in self.asks.beside if name == "without" for v in values)
        return tuple(word for word in found if isinstance(word, str | In))


class View(msgspec.Struct, frozen=True):
    """A rule by one of its lists of words; or, without words, by all that it asks."""

    place: int
    words: Words
    kind: int


class Ordered(msgspec.Struct, frozen=True):
    """All rules of one table, and the views of each, as a whole first. `before`: kind -> those that
    hold wherever it does. `finds`: phrase -> lists that find it; `worded`: who that makes first;
    `grouped`: group -> the same of all its words; `wordless`: who asks for no word. `barred`: rule
    -> the lists of what may not be said. `same`: phrase -> the first one that says the same."""

    rules: tuple[Ruled, ...]
    views: Sequence[Sequence[View]]
    before: Sequence[Sequence[int]]
    finds: Mapping[str, frozenset[int]]
    worded: Mapping[str, First]
    grouped: Mapping[str, Sequence[First]]
    wordless: First
    barred: Sequence[frozenset[int]]
    same: Mapping[str, str]

    def first(self, view: View, found: First) -> tuple[str, ...]:
        """Ids of the rules that fit before this one, for each of its municipalities; none where it
        may come to its turn in any of them."""
        open = set(self.rules[view.place].tenants)
        ids: list[str] = []
        for earlier in sorted(found[kind] for kind in self.before[view.kind] if kind in found):
            if earlier >= view.place or not open:
                break
            if open & self.rules[earlier].tenants:
                ids.append(self.rules[earlier].rule.id)
                open -= self.rules[earlier].tenants
        return () if open else tuple(ids)

    def bars(self, place: int, phrase: str) -> bool:
        """Whether a rule itself does not hold for who writes this."""
        return not self.barred[place].isdisjoint(self.finds[phrase])


def ordered(table: str, config: Configuration) -> Ordered:
    rules = _ruled(table, config)
    views, before = _views(rules)
    lists = _Lists([view for each in views for view in each], rules, config)
    book = PatternCollector(())
    book.lists = lists.phrases
    reader = book.closed(misspelled=False)
    finds = {phrase: _lists(phrase, reader) for phrase in reader.phrases}
    wordless = _first((each[0] for each in views if len(each) == 1), rules)
    worded = lists.worded(finds, rules)
    grouped = {id: _different(worded[word] for word in words) for id, words in lists.used.items()}
    return Ordered(
        rules, views, before, finds, worded, grouped, wordless, lists.barred, _same(reader)
    )


class _Lists:
    """The lists in which a phrase may be found: of each view, of each group, and of what each rule
    does not hold for."""

    def __init__(
        self, views: Sequence[View], rules: Sequence[Ruled], config: Configuration
    ) -> None:
        groups = {group.id: group.words for group in config.groups}
        words = [*(view.words for view in views), *(each.barred for each in rules)]
        named = dict.fromkeys(word.id for each in words for word in each if isinstance(word, In))
        self.used = {id: groups[id] for id in named if id in groups}
        self.phrases = [tuple(w for w in each if isinstance(w, str)) for each in words]
        self.phrases += self.used.values()
        place = {id: len(words) + n for n, id in enumerate(self.used)}
        self._users: list[list[View]] = [[] for _ in self.phrases]
        """Views by whose words each list is asked."""
        for n, view in enumerate(views):
            self._users[n].append(view)
            for word in view.words:
                if isinstance(word, In) and word.id in place:
                    self._users[place[word.id]].append(view)
        self.barred = [
            frozenset(place[w.id] for w in each.barred if isinstance(w, In) and w.id in place)
            | {len(views) + n}
            for n, each in enumerate(rules)
        ]

    def worded(
        self, finds: Mapping[str, frozenset[int]], rules: Sequence[Ruled]
    ) -> dict[str, First]:
        """Who is first for each phrase: one object for those that the same lists find."""
        known: dict[frozenset[int], First] = {}
        found: dict[str, First] = {}
        for phrase, lists in finds.items():
            asking = frozenset(n for n in lists if self._users[n])
            if asking not in known:
                known[asking] = _first((v for n in asking for v in self._users[n]), rules)
            found[phrase] = known[asking]
        return found


def _ruled(table: str, config: Configuration) -> tuple[Ruled, ...]:
    tenants: dict[Location, set[str]] = {}
    for tenant in config.tenants:
        for where, _ in rules_for(config, tenant.id):
            tenants.setdefault(where, set()).add(tenant.id)
    return tuple(
        Ruled((table, n), rule, simple(rule), frozenset(tenants.get((table, n), ())))
        for n, rule in enumerate(getattr(config, table))
    )


def _views(rules: Sequence[Ruled]) -> tuple[list[list[View]], list[list[int]]]:
    """The views of each rule, and for each kind of them those that hold wherever it does."""
    numbers: dict[Kind, int] = {}
    views = [
        [
            View(place, words, numbers.setdefault((beside, each.tenants), len(numbers)))
            for words, beside in _apart(each.asks)
        ]
        for place, each in enumerate(rules)
    ]
    kinds = list(numbers)
    first = dict.fromkeys(_by_words(each).kind for each in views)
    before = [
        [n for n in more if kinds[n][1] & tenants]
        for (_, tenants), more in zip(kinds, wider([form for form, _ in kinds], first), strict=True)
    ]
    return views, before


def _apart(asks: Simple) -> Iterator[tuple[Words, Form]]:
    yield (), asks.form
    for n, words in enumerate(asks.lists):
        yield words, asks.without(n)


def _by_words(views: Sequence[View]) -> View:
    """That by which another rule may come after it: who comes after is looked at by each."""
    return views[min(1, len(views) - 1)]


def _first(views: Iterable[View], rules: Sequence[Ruled]) -> First:
    first: dict[int, int] = {}
    for view in views:
        if rules[view.place].decides:
            first[view.kind] = min(view.place, first.get(view.kind, view.place))
    return first


def _lists(phrase: str, reader: Matcher) -> frozenset[int]:
    """Those that find it, as it stands, in whatever form of it."""
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


def _same(reader: Matcher) -> dict[str, str]:
    """Phrases that end in one state of the lexicon are one."""
    return {
        reader.phrases[phrase]: reader.phrases[min(there)]
        for there in reader.lexicon.ends.values()
        for phrase in there
    }
