"""Whether a condition holds for a message, and in which words to say so. Pure.

All conditions of a municipality share one lexicon and one set of patterns: a text is read once,
however many rules there are, and only rules that something in it may fit are looked at.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

from router.rules.matcher import Matches, MessageFacts, PatternCollector
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


Test = Callable[[MessageFacts, Matches], str | None]
"""A Dutch clause that says why it holds; None when it does not."""


class CompiledCondition(msgspec.Struct, frozen=True):
    """`triggers`: it holds only when one of these was hit; None when that cannot be said. `broad`:
    some of them are facts, which are so of many messages."""

    test: Test
    index_keys: frozenset[int] | None = None
    is_common: bool = False


def compile_condition(given: Condition, book: PatternCollector) -> CompiledCondition:
    """All that is asked in one table must hold."""
    parts = [make(given, book) for asked, make in LEAVES if asked(given)]
    if len(parts) == 1:
        return parts[0]
    return _together(parts)


def _together(parts: Sequence[CompiledCondition]) -> CompiledCondition:
    """All of them; looked at when the first one may hold that words or patterns lead to."""
    known = sorted((p for p in parts if p.index_keys is not None), key=lambda part: part.is_common)
    tests = [part.test for part in parts]
    leads = known[0] if known else CompiledCondition(tests[0])
    return CompiledCondition(
        lambda facts, hits: _all(tests, facts, hits), leads.index_keys, leads.is_common
    )


def _all(tests: list[Test], facts: MessageFacts, hits: Matches) -> str | None:
    said: list[str] = []
    for test in tests:
        if (why := test(facts, hits)) is None:
            return None
        if why:
            said.append(why)
    return " en ".join(said)


def _any(tests: list[Test], facts: MessageFacts, hits: Matches) -> str | None:
    return next((why for test in tests if (why := test(facts, hits)) is not None), None)


def _words(given: Condition, book: PatternCollector) -> CompiledCondition:
    words = (*given.words, *(word for id in given.groups for word in book.groups.get(id, ())))
    place = len(book.lists)
    book.lists.append(words)
    return _hit(place)


def _without(given: Condition, book: PatternCollector) -> CompiledCondition:
    place = len(book.lists)
    book.lists.append(given.without)
    return CompiledCondition(lambda _, hits: None if place in hits else "")


def _pattern(given: Condition, book: PatternCollector) -> CompiledCondition:
    place = len(book.patterns)
    book.patterns.append(given.pattern)
    return _hit(~place)


def _hit(place: int) -> CompiledCondition:
    return CompiledCondition(lambda _, hits: hits.get(place), frozenset({place}))


def _one_of(
    kind: str, values: Iterable[str], say: Callable[[str], str], book: PatternCollector
) -> CompiledCondition:
    wanted = frozenset(values)

    def test(facts: MessageFacts, _: Matches) -> str | None:
        fact: str = getattr(facts, kind)
        return say(fact) if fact in wanted else None

    return CompiledCondition(
        test, frozenset(book.fact(kind, value) for value in wanted), is_common=True
    )


def _numbers(given: Condition, book: PatternCollector) -> CompiledCondition:
    return _one_of("number", given.numbers, lambda _: "het kwam op dit nummer binnen", book)


def _choices(given: Condition, book: PatternCollector) -> CompiledCondition:
    return _one_of("choice", given.choices, lambda c: f'gekozen is "{c}"', book)


def _types(given: Condition, book: PatternCollector) -> CompiledCondition:
    return _one_of("type", given.types, lambda t: f"het is {TYPES.get(t, t)}", book)


def _languages(given: Condition, book: PatternCollector) -> CompiledCondition:
    return _one_of("language", given.languages, lambda code: f"de taal is {code}", book)


def _states(given: Condition, book: PatternCollector) -> CompiledCondition:
    return _one_of("state", given.states, lambda s: f"het gesprek is {STATES[s]}", book)


def _referral(given: Condition, book: PatternCollector) -> CompiledCondition:
    wanted = [(phrase, _spaced(phrase)) for phrase in given.referral]

    def test(facts: MessageFacts, _: Matches) -> str | None:
        there = _spaced(facts.referral)
        return next((f'de link noemt "{phrase}"' for phrase, it in wanted if it in there), None)

    return CompiledCondition(test, frozenset([book.fact("referral", "yes")]), is_common=True)


@lru_cache(SPACED)
def _spaced(text: str) -> str:
    return f" {' '.join(plain_words(text))} "


def _tagged(given: Condition, book: PatternCollector) -> CompiledCondition:
    wanted = frozenset(given.tagged)

    def test(facts: MessageFacts, _: Matches) -> str | None:
        there = sorted(wanted & facts.tags)
        return f"het label {there[0]} staat erbij" if there else None

    return CompiledCondition(
        test, frozenset(book.fact("tag", tag) for tag in wanted), is_common=True
    )


def _hours(given: Condition, _: PatternCollector) -> CompiledCondition:
    times = opening_hours.compile_hours(given.hours, ())

    def test(facts: MessageFacts, _: Matches) -> str | None:
        return "het is binnen de tijden van de regel" if times.is_open(facts.at) else None

    return CompiledCondition(test)


def _every(given: Condition, book: PatternCollector) -> CompiledCondition:
    return _together([compile_condition(part, book) for part in given.all])


def _some(given: Condition, book: PatternCollector) -> CompiledCondition:
    parts = [compile_condition(part, book) for part in given.any]
    known = [part.index_keys for part in parts if part.index_keys is not None]
    tests = [part.test for part in parts]
    triggers = frozenset().union(*known) if len(known) == len(parts) else None
    broad = any(part.is_common for part in parts)
    return CompiledCondition(lambda facts, hits: _any(tests, facts, hits), triggers, broad)


def _none(given: Condition, book: PatternCollector) -> CompiledCondition:
    assert given.none is not None
    test = compile_condition(given.none, book).test
    return CompiledCondition(lambda facts, hits: "" if test(facts, hits) is None else None)


LEAVES: tuple[
    tuple[
        Callable[[Condition], object], Callable[[Condition, PatternCollector], CompiledCondition]
    ],
    ...,
] = (
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
