"""Whether a condition holds for a message, and in which words to say so. Pure.

All conditions of a municipality share one lexicon and one set of patterns: a text is read once,
however many rules there are, and only rules that something in it may fit are looked at.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

from router.rules.matcher import Book, Facts, Hits
from services.calendar import opening_hours
from services.config.routing_rules import Condition
from services.language.words import plain_words

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

SPACED = 64
"""Words of links that are remembered: many rules may ask for the same ones."""


Test = Callable[[Facts, Hits], str | None]
"""A Dutch clause that says why it holds; None when it does not."""


class Compiled(msgspec.Struct, frozen=True):
    """`triggers`: it holds only when one of these was hit; None when that cannot be said. `broad`:
    some of them are facts, which are so of many messages."""

    test: Test
    triggers: frozenset[int] | None = None
    broad: bool = False


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
    times = opening_hours.compiled(given.hours, ())

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
