"""Compile conditions to tests on a message, which also explain why they hold. Pure.

All conditions of a municipality share one lexicon and one set of patterns: a text is read once for
any number of rules, and only rules that may match something in it are tested.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, reduce

import msgspec

from router.rules.matcher import Matches, MessageFacts, PatternCollector
from router.rules.reasons import Reasons
from services.calendar import opening_hours
from services.config.routing_rules import Condition
from services.language.words import plain_words

CACHED_LINKS = 64
"""Link texts to cache: many rules may ask for the same ones."""


Test = Callable[[MessageFacts, Matches], str | None]
"""Test of a message. It returns a clause that says why the condition holds, None if it does
not."""


class CompiledCondition(msgspec.Struct, frozen=True):
    """A condition, compiled. It can hold only if one of `index_keys` matches; None if it may hold
    for any message. `is_common`: some keys are facts, which are true of many messages."""

    test: Test
    index_keys: frozenset[int] | None = None
    is_common: bool = False


def compile_condition(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    """Compile one table, all of whose members must hold."""
    parts = [
        compile_part(condition, collector)
        for applies, compile_part in COMPILERS
        if applies(condition)
    ]
    if len(parts) == 1:
        return parts[0]
    return _combine(parts, collector.reasons)


def _combine(parts: Sequence[CompiledCondition], reasons: Reasons) -> CompiledCondition:
    """Combine conditions that must all hold. The first one with words or patterns selects the
    messages to test."""
    indexed = sorted(
        (p for p in parts if p.index_keys is not None), key=lambda part: part.is_common
    )
    tests = [part.test for part in parts]
    narrowest = indexed[0] if indexed else CompiledCondition(tests[0])
    return CompiledCondition(
        lambda facts, matches: _explain_all(tests, reasons, facts, matches),
        narrowest.index_keys,
        narrowest.is_common,
    )


def _explain_all(
    tests: list[Test], reasons: Reasons, facts: MessageFacts, matches: Matches
) -> str | None:
    clauses: list[str] = []
    for test in tests:
        if (clause := test(facts, matches)) is None:
            return None
        if clause:
            clauses.append(clause)
    return reduce(reasons.both.format, clauses) if clauses else ""


def _explain_any(tests: list[Test], facts: MessageFacts, matches: Matches) -> str | None:
    return next((clause for test in tests if (clause := test(facts, matches)) is not None), None)


def _compile_words(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    words = (
        *condition.words,
        *(word for id in condition.groups for word in collector.groups.get(id, ())),
    )
    place = len(collector.lists)
    collector.lists.append(words)
    return _require_match(place)


def _compile_without(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    place = len(collector.lists)
    collector.lists.append(condition.without)
    return CompiledCondition(lambda _, matches: None if place in matches else "")


def _compile_pattern(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    place = len(collector.patterns)
    collector.patterns.append(condition.pattern)
    return _require_match(~place)


def _require_match(place: int) -> CompiledCondition:
    return CompiledCondition(lambda _, matches: matches.get(place), frozenset({place}))


def _compile_fact(
    kind: str, values: Iterable[str], explain: Callable[[str], str], collector: PatternCollector
) -> CompiledCondition:
    accepted = frozenset(values)

    def test(facts: MessageFacts, _: Matches) -> str | None:
        fact: str = getattr(facts, kind)
        return explain(fact) if fact in accepted else None

    return CompiledCondition(
        test, frozenset(collector.index_fact(kind, value) for value in accepted), is_common=True
    )


def _compile_numbers(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    reason = collector.reasons.number
    return _compile_fact("number", condition.numbers, lambda _: reason, collector)


def _compile_choices(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    return _compile_fact("choice", condition.choices, collector.reasons.choice.format, collector)


def _compile_types(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    reasons = collector.reasons
    return _compile_fact(
        "type", condition.types, lambda t: reasons.type.format(reasons.types.get(t, t)), collector
    )


def _compile_languages(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    explain = collector.reasons.language.format
    return _compile_fact("language", condition.languages, explain, collector)


def _compile_states(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    reasons = collector.reasons
    return _compile_fact(
        "state", condition.states, lambda s: reasons.state.format(reasons.states[s]), collector
    )


def _compile_referral(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    phrases = [(phrase, _pad_words(phrase)) for phrase in condition.referral]

    def test(facts: MessageFacts, _: Matches) -> str | None:
        words = _pad_words(facts.referral)
        named = (phrase for phrase, padded in phrases if padded in words)
        return next(map(collector.reasons.referral.format, named), None)

    return CompiledCondition(
        test, frozenset([collector.index_fact("referral", "yes")]), is_common=True
    )


@lru_cache(CACHED_LINKS)
def _pad_words(text: str) -> str:
    return f" {' '.join(plain_words(text))} "


def _compile_tags(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    accepted = frozenset(condition.tagged)

    def test(facts: MessageFacts, _: Matches) -> str | None:
        tags = sorted(accepted & facts.tags)
        return collector.reasons.tag.format(tags[0]) if tags else None

    return CompiledCondition(
        test, frozenset(collector.index_fact("tag", tag) for tag in accepted), is_common=True
    )


def _compile_hours(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    hours = opening_hours.compile_hours(condition.hours, ())

    def test(facts: MessageFacts, _: Matches) -> str | None:
        return collector.reasons.hours if hours.is_open(facts.at) else None

    return CompiledCondition(test)


def _compile_all(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    parts = [compile_condition(part, collector) for part in condition.all]
    return _combine(parts, collector.reasons)


def _compile_any(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    parts = [compile_condition(part, collector) for part in condition.any]
    indexed = [part.index_keys for part in parts if part.index_keys is not None]
    tests = [part.test for part in parts]
    index_keys = frozenset().union(*indexed) if len(indexed) == len(parts) else None
    is_common = any(part.is_common for part in parts)
    return CompiledCondition(
        lambda facts, matches: _explain_any(tests, facts, matches), index_keys, is_common
    )


def _compile_not(condition: Condition, collector: PatternCollector) -> CompiledCondition:
    assert condition.none is not None
    test = compile_condition(condition.none, collector).test
    return CompiledCondition(lambda facts, matches: "" if test(facts, matches) is None else None)


COMPILERS: tuple[
    tuple[
        Callable[[Condition], object], Callable[[Condition, PatternCollector], CompiledCondition]
    ],
    ...,
] = (
    (lambda c: c.words or c.groups, _compile_words),
    (lambda c: c.pattern, _compile_pattern),
    (lambda c: c.choices, _compile_choices),
    (lambda c: c.types, _compile_types),
    (lambda c: c.referral, _compile_referral),
    (lambda c: c.numbers, _compile_numbers),
    (lambda c: c.languages, _compile_languages),
    (lambda c: c.tagged, _compile_tags),
    (lambda c: c.states, _compile_states),
    (lambda c: c.hours, _compile_hours),
    (lambda c: c.all, _compile_all),
    (lambda c: c.any, _compile_any),
    (lambda c: c.without, _compile_without),
    (lambda c: c.none is not None, _compile_not),
)
"""Members of a condition in the order of their clauses, with the function that compiles them."""
