"""Rule index against trying every rule in turn, for any rules and any message."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rules.engine import Annotations, compile_rules, evaluate, trace_rules
from router.rules.matcher import MessageFacts
from services.config.routing_rules import Condition, Rule, SafetyRule
from services.language.words import plain_words
from tests.support.router.bare_rules import DOES, town
from tests.support.router.names import NOON

WORDS = ("boom", "bal", "gat", "weg", "put")
GROUPS = {"een": ["boom", "gat weg"], "twee": ["put"]}

words = st.sampled_from(WORDS)
phrases = st.lists(words, min_size=1, max_size=2).map(" ".join)
some = st.lists(phrases, min_size=1, max_size=3)
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "words": some,
    "groups": st.lists(st.sampled_from(sorted(GROUPS)), min_size=1, max_size=2),
    "without": some,
    "pattern": st.sampled_from(["bo+m", "^bal", "gat$", "[0-9]{2}", "put|weg"]),
    "numbers": st.just(["1"]),
    "choices": st.sampled_from([["ja"], ["ja", "nee"]]),
    "referral": st.sampled_from([["boom"], ["gat weg"]]),
    "types": st.sampled_from([["text"], ["image", "text"]]),
    "languages": st.just(["en"]),
    "tagged": st.sampled_from([["pers"], ["raad", "pers"]]),
    "states": st.sampled_from([["new"], ["new", "decided"]]),
}
leaf = st.fixed_dictionaries({}, optional=LEAVES)  # type: ignore[arg-type]


def _nested(conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(conditions, min_size=1, max_size=2)
    parts = {"all": lists, "any": lists, "not": conditions}
    return st.fixed_dictionaries({}, optional=LEAVES | parts)  # type: ignore[arg-type]


conditions = st.recursive(leaf.filter(bool), lambda c: _nested(c).filter(bool), max_leaves=4)
does = st.sampled_from(
    [
        {"department": "groen"},
        {"department": "sport"},  # Almelo has none
        {"menu": "keuze"},
        {"hold": True},
        {"tag": ["nat"], "priority": "high", "mask": ["bsn"]},
        {"tag": ["koud"], "reply": "tekst", "priority": "low", "due_days": 14},
        {"due_days": 42, "mask": ["iban", "bsn"]},
    ]
)
tables = st.lists(st.tuples(conditions, does), max_size=6)
cares = st.lists(conditions, max_size=2)
messages = st.builds(
    MessageFacts,
    at=st.just(NOON),
    text=st.lists(words | st.sampled_from(["en", "12"]), max_size=5).map(" ".join),
    number=st.sampled_from(["1", "2"]),
    type=st.sampled_from(["text", "image"]),
    choice=st.sampled_from(["", "ja", "nee"]),
    referral=st.sampled_from(["", "Een boom", "gat weg"]),
    language=st.sampled_from(["", "en"]),
    tags=st.sets(st.sampled_from(["pers", "raad", "nat"])).map(frozenset),
    state=st.sampled_from(["new", "decided", "answered"]),
)


def says(text: str, given: tuple[str, ...]) -> bool:
    there = plain_words(text)
    return any(
        there[n : n + len(phrase)] == phrase
        for phrase in map(plain_words, given)
        for n in range(len(there) - len(phrase) + 1)
    )


def holds(c: Condition, facts: MessageFacts) -> bool:
    """Everything that is asked, one after the other."""
    words = (*c.words, *(word for id in c.groups for word in GROUPS[id]))
    asked = [
        not words or says(facts.text, words),
        not (c.without and says(facts.text, c.without)),
        not c.pattern or bool(re.search(c.pattern, facts.text, re.IGNORECASE)),
        not c.numbers or facts.number in c.numbers,
        not c.choices or facts.choice in c.choices,
        not c.referral or says(facts.referral, c.referral),
        not c.types or facts.type in c.types,
        not c.languages or facts.language in c.languages,
        not c.tagged or bool(facts.tags & set(c.tagged)),
        not c.states or facts.state in c.states,
        all(holds(part, facts) for part in c.all),
        not c.any or any(holds(part, facts) for part in c.any),
        c.none is None or not holds(c.none, facts),
    ]
    return all(asked)


def slowly(rules: list[Rule], facts: MessageFacts) -> tuple[str, Annotations]:
    """The rule that decides, '' for none, and the marks of all up to it."""
    marks = Annotations()
    for rule in rules:
        if rule.department == "sport" or not holds(rule, facts):
            continue
        marks = marks.with_rule(rule, "")
        if rule.decides:
            return rule.id, marks
    return "", marks


@pytest.mark.slow
@given(tables, cares, messages)
def test_rule_index_finds_what_trying_every_rule_in_turn_would_find(
    asked: list[tuple[dict[str, Any], dict[str, Any]]],
    dangers: list[dict[str, Any]],
    facts: MessageFacts,
) -> None:
    rules = [
        Rule.model_validate({"id": f"r{n}"} | condition | done)
        for n, (condition, done) in enumerate(asked)
    ]
    care = tuple(
        SafetyRule.model_validate({"id": f"c{n}", "kind": "threat"} | condition)
        for n, condition in enumerate(dangers)
    )
    compiled = compile_rules(town(*rules, care=care, **GROUPS), "almelo")
    found = evaluate(compiled, facts)
    rule, marks = slowly(rules, facts)
    assert (found.verdict.rule if found.verdict else "") == rule
    assert msgspec.structs.replace(found.annotations, rules=marks.rules) == marks
    named = [re.search(r"regel (r\d+)", why) for why in found.annotations.rules]
    assert tuple(f"regel {name[1]} past" for name in named if name) == marks.rules
    assert found.care == next((c for c in care if holds(c, facts)), None)
    tried = trace_rules(compiled, facts)
    assert tuple(f"regel {s.rule} past" for s in tried if s.outcome != "no") == marks.rules
    assert ([s.rule for s in tried if s.outcome == "fits"] or [""]) == [rule]


def test_generated_rules_cover_every_field_of_a_rule() -> None:
    """So that nothing new is left out above."""
    assert {*LEAVES, "all", "any", "none", "hours"} == set(Condition.model_fields)
    assert {*Rule.model_fields} - {*Condition.model_fields} == DOES | {"id", "tenant"}
