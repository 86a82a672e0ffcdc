"""Warnings of rules that never count are true, whatever a citizen writes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.check.shadowed import find_warnings
from router.rules.engine import compile_rules, evaluate
from router.rules.matcher import MessageFacts
from tests.support.cli import rule_strategies
from tests.support.cli.rule_strategies import CONDITIONS, FACTS


@pytest.mark.slow
@given(st.lists(CONDITIONS, min_size=2, max_size=5), st.lists(FACTS, min_size=5, max_size=20))
def test_a_rule_that_never_counts_decides_no_message(
    conditions: list[dict[str, Any]], messages: list[MessageFacts]
) -> None:
    made = rule_strategies.town(conditions)
    never = {
        what.split()[1].rstrip(":")
        for _, what in find_warnings(made)
        if "never holds:" in what or ("never counts" in what and ":" not in what)
    }
    table = compile_rules(made, "almelo")
    for facts in messages:
        verdict = evaluate(table, facts).verdict
        assert verdict is None or verdict.rule not in never


FORMS = st.lists(
    st.sampled_from(
        ["fiets", "fietsen", "gestolen fiets", '"fietsje"', "fiets*", "*fiets", "boom", "bomen"]
    ),
    min_size=1,
    max_size=3,
    unique=True,
)


@given(FORMS, FORMS, st.sampled_from(["without", "not"]))
def test_a_rule_does_not_hold_for_who_writes_what_it_bars(
    words: list[str], barred: list[str], how: str
) -> None:
    more = {"without": barred} if how == "without" else {"not": {"words": barred}}
    made = rule_strategies.town([{"words": words} | more])
    said = [what for _, what in find_warnings(made) if "what may not be said" in what]
    never = {w for w in words if any(repr(w) in what or "all of its" in what for what in said)}
    table = compile_rules(made, "almelo")
    for phrase in words:
        written = phrase.strip('"').replace("*", "qxqx")
        fits = table.rules.compiled[0].test(
            MessageFacts(at=rule_strategies.NOW), table.matcher.match_text(written)
        )
        assert fits is None or phrase not in never
        assert (
            fits is not None or phrase in never or set(words) <= set(barred) or '"' in str(barred)
        )
