"""Whether a condition holds for a message, and in which words to say so. Pure.

All conditions of a municipality share one lexicon and one set of patterns: a text is read once,
however many rules there are, and only rules that something in it may fit are looked at.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from router import patterns
from router.lexicon import HOWS, Found, Lexicon, compiled, plain_words
from router.patterns import Patterns
from services import hours
from services.rules import Condition, Group

TYPES = {
    "text": "een tekst", "image": "een foto", "video": "een video", "audio": "een spraakbericht",
    "voice": "een spraakbericht", "document": "een bestand", "sticker": "een sticker",
    "location": "een locatie", "contacts": "een contactkaart", "interactive": "een keuze",
    "button": "een knop", "reaction": "een reactie", "order": "een bestelling",
}  # fmt: skip
STATES = {
    "new": "nieuw",
    "undecided": "nog onbeslist",
    "decided": "al toegewezen",
    "answered": "al beantwoord",
    "reopened": "heropend",
}

PATTERN = "het patroon past"
SPACED = 64
"""Words of links that are remembered: many rules may ask for the same ones."""
QUOTED = 80
"""Characters of what is quoted, at most."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of a message when rules are looked at."""

    at: datetime
    text: str = ""
    number: str = ""
    type: str = "text"
    choice: str = ""
    referral: str = ""
    language: str = ""
    tags: frozenset[str] = frozenset()
    state: str = "new"


Hits = Mapping[int, str]
"""What of a municipality's lists of words (by their place) and patterns (by `~place`) was found in
a text, and a Dutch clause that says so; and the facts that any condition asks for (by a place too)
which are so."""
Fact = tuple[str, str]
"""Of what kind, and its value: ("type", "image")."""
Test = Callable[[Facts, Hits], str | None]
"""A Dutch clause that says why it holds; None when it does not."""


class Compiled(msgspec.Struct, frozen=True):
    """`triggers`: it holds only when one of these was hit; None when that cannot be said. `broad`:
    some of them are facts, which are so of many messages."""

    test: Test
    triggers: frozenset[int] | None = None
    broad: bool = False


class Book:
    """The words and patterns of many conditions, being gathered."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self.groups = {group.id: group.words for group in groups}
        self.lists: list[tuple[str, ...]] = []
        self.patterns: list[str] = []
        self.facts: dict[Fact, int] = {}

    def fact(self, kind: str, value: str) -> int:
        """The place of a fact that is asked for: among the lists, as one without words."""
        if (kind, value) not in self.facts:
            self.facts[kind, value] = len(self.lists)
            self.lists.append(())
        return self.facts[kind, value]

    def closed(self, *, misspelled: bool = True) -> "Reader":
        phrases = sorted({phrase for words in self.lists for phrase in words})
        place = {phrase: n for n, phrase in enumerate(phrases)}
        holds: list[list[int]] = [[] for _ in phrases]
        for list_id, words in enumerate(self.lists):
            for phrase in set(words):
                holds[place[phrase]].append(list_id)
        lexicon = compiled(phrases, misspelled=misspelled)
        fitting = patterns.compiled(self.patterns)
        written = tuple(self.patterns)
        return Reader(lexicon, tuple(phrases), holds, fitting, self.facts, written)


class Reader(msgspec.Struct, frozen=True):
    """Reads a text once, for all conditions."""

    lexicon: Lexicon
    phrases: tuple[str, ...]
    holds: list[list[int]]
    patterns: Patterns
    facts: dict[Fact, int] = {}
    """Those that any condition asks for."""
    written: tuple[str, ...] = ()
    """The patterns themselves."""
    quotes: bool = False
    """Whether it says on which words a pattern fits. Not in the router: a reason goes wherever its
    conversation goes, past what hides a BSN, and these words are the citizen's."""

    def read(self, text: str) -> Hits:
        if not text:
            return {}
        hits = {~place: self._fits(place, text) for place in self.patterns(text)}
        for found in sorted(self.lexicon.find(text), key=_doubt, reverse=True):
            said = _said(self.phrases[found.phrase], found)
            # The surest comes last, and is what is said.
            hits.update(dict.fromkeys(self.holds[found.phrase], said))
        return hits

    def hits(self, facts: Facts) -> Hits:
        """With the facts that are so."""
        so = {self.facts[fact]: "" for fact in _facts(facts) if fact in self.facts}
        return {**so, **self.read(facts.text)}

    def _fits(self, place: int, text: str) -> str:
        words = " ".join(patterns.part(self.written[place], text).split()) if self.quotes else ""
        return f'{PATTERN} op "{_short(words)}"' if words else PATTERN


def _facts(facts: Facts) -> Iterator[Fact]:
    yield from (
        ("choice", facts.choice),
        ("type", facts.type),
        ("number", facts.number),
        ("language", facts.language),
        ("state", facts.state),
        ("referral", "yes" if facts.referral else ""),
    )
    yield from (("tag", tag) for tag in facts.tags)


def _short(words: str) -> str:
    """So that a line stays a line."""
    return words if len(words) <= QUOTED else f"{words[: QUOTED - 1]}…"


def _doubt(found: Found) -> int:
    return HOWS.index(found.how)


def _said(phrase: str, found: Found) -> str:
    wrong = ", verkeerd gespeld" if found.how == "mistake" else ""
    return f'"{phrase.replace(chr(34), "")}" staat erin{wrong}'


def condition(given: Condition, book: Book) -> Compiled:
    """All that is asked in one table must hold."""
    parts = [make(given, book) for asked, make in LEAVES if asked(given)]
    if len(parts) == 1:
        return parts[0]
    return _together(parts)


def _together(parts: Sequence[Compiled]) -> Compiled:
    """All of them; looked at when the first one may hold that words or patterns lead to."""
    known = sorted((p for p in parts if p.triggers is not None), key=lambda part: part.broad)
    tests = [part.test for part in parts]
    leads = known[0] if known else Compiled(tests[0])
    return Compiled(lambda facts, hits: _all(tests, facts, hits), leads.triggers, leads.broad)


def _all(tests: list[Test], facts: Facts, hits: Hits) -> str | None:
    said: list[str] = []
    for test in tests:
        if (why := test(facts, hits)) is None:
            return None
        if why:
            said.append(why)
    return " en ".join(said)


def _any(tests: list[Test], facts: Facts, hits: Hits) -> str | None:
    return next((why for test in tests if (why := test(facts, hits)) is not None), None)


def _words(given: Condition, book: Book) -> Compiled:
    words = (*given.words, *(word for id in given.groups for word in book.groups.get(id, ())))
    place = len(book.lists)
    book.lists.append(words)
    return _hit(place)


def _without(given: Condition, book: Book) -> Compiled:
    place = len(book.lists)
    book.lists.append(given.without)
    return Compiled(lambda _, hits: None if place in hits else "")


def _pattern(given: Condition, book: Book) -> Compiled:
    place = len(book.patterns)
    book.patterns.append(given.pattern)
    return _hit(~place)


def _hit(place: int) -> Compiled:
    return Compiled(lambda _, hits: hits.get(place), frozenset({place}))


def _one_of(kind: str, values: Iterable[str], say: Callable[[str], str], book: Book) -> Compiled:
    wanted = frozenset(values)

    def test(facts: Facts, _: Hits) -> str | None:
        fact: str = getattr(facts, kind)
        return say(fact) if fact in wanted else None

    return Compiled(test, frozenset(book.fact(kind, value) for value in wanted), broad=True)


def _numbers(given: Condition, book: Book) -> Compiled:
    return _one_of("number", given.numbers, lambda _: "het kwam op dit nummer binnen", book)


def _choices(given: Condition, book: Book) -> Compiled:
    return _one_of("choice", given.choices, lambda c: f'gekozen is "{c}"', book)


def _types(given: Condition, book: Book) -> Compiled:
    return _one_of("type", given.types, lambda t: f"het is {TYPES.get(t, t)}", book)


def _languages(given: Condition, book: Book) -> Compiled:
    return _one_of("language", given.languages, lambda code: f"de taal is {code}", book)


def _states(given: Condition, book: Book) -> Compiled:
    return _one_of("state", given.states, lambda s: f"het gesprek is {STATES[s]}", book)


def _referral(given: Condition, book: Book) -> Compiled:
    wanted = [(phrase, _spaced(phrase)) for phrase in given.referral]

    def test(facts: Facts, _: Hits) -> str | None:
        there = _spaced(facts.referral)
        return next((f'de link noemt "{phrase}"' for phrase, it in wanted if it in there), None)

    return Compiled(test, frozenset([book.fact("referral", "yes")]), broad=True)


@lru_cache(SPACED)
def _spaced(text: str) -> str:
    return f" {' '.join(plain_words(text))} "


def _tagged(given: Condition, book: Book) -> Compiled:
    wanted = frozenset(given.tagged)

    def test(facts: Facts, _: Hits) -> str | None:
        there = sorted(wanted & facts.tags)
        return f"het label {there[0]} staat erbij" if there else None

    return Compiled(test, frozenset(book.fact("tag", tag) for tag in wanted), broad=True)


def _hours(given: Condition, _: Book) -> Compiled:
    times = hours.compiled(given.hours, ())

    def test(facts: Facts, _: Hits) -> str | None:
        return "het is binnen de tijden van de regel" if times.is_open(facts.at) else None

    return Compiled(test)


def _every(given: Condition, book: Book) -> Compiled:
    return _together([condition(part, book) for part in given.all])


def _some(given: Condition, book: Book) -> Compiled:
    parts = [condition(part, book) for part in given.any]
    known = [part.triggers for part in parts if part.triggers is not None]
    tests = [part.test for part in parts]
    triggers = frozenset().union(*known) if len(known) == len(parts) else None
    broad = any(part.broad for part in parts)
    return Compiled(lambda facts, hits: _any(tests, facts, hits), triggers, broad)


def _none(given: Condition, book: Book) -> Compiled:
    assert given.none is not None
    test = condition(given.none, book).test
    return Compiled(lambda facts, hits: "" if test(facts, hits) is None else None)


LEAVES: tuple[tuple[Callable[[Condition], object], Callable[[Condition, Book], Compiled]], ...] = (
    (lambda c: c.words or c.groups, _words),
    (lambda c: c.pattern, _pattern),
    (lambda c: c.choices, _choices),
    (lambda c: c.types, _types),
    (lambda c: c.referral, _referral),
    (lambda c: c.numbers, _numbers),
    (lambda c: c.languages, _languages),
    (lambda c: c.tagged, _tagged),
    (lambda c: c.states, _states),
    (lambda c: c.hours, _hours),
    (lambda c: c.all, _every),
    (lambda c: c.any, _some),
    (lambda c: c.without, _without),
    (lambda c: c.none is not None, _none),
)
"""What may be asked, in the order in which it is said; and how it is looked at."""
