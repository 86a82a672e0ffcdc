"""A condition in its simplest form holds for the same messages as the condition itself."""

from collections.abc import Callable
from typing import Any

import re2
from hypothesis import given

from cli.check.normal_form import Form, simple
from router.rules.engine import compile_rules
from router.rules.matcher import MessageFacts
from tests.unit.cli import asking
from tests.unit.cli.asking import CONDITIONS, FACTS

Said = set[str]
HOLDS: dict[str, Callable[[Any, MessageFacts, Said], bool]] = {
    "words": lambda values, _, said: bool(values & said),
    "without": lambda values, _, said: not values & said,
    "text": lambda _, facts, __: bool(facts.text),
    "pattern": lambda values, facts, _: any(
        facts.text and re2.search(f"(?i){pattern}", facts.text) for pattern in values
    ),
    "types": lambda values, facts, _: facts.type in values,
    "states": lambda values, facts, _: facts.state in values,
    "languages": lambda values, facts, _: facts.language in values,
    "tagged": lambda values, facts, _: bool(values & facts.tags),
    "any": lambda values, facts, said: any(holds(form, facts, said) for form in values),
    "not": lambda values, facts, said: not any(holds(form, facts, said) for form in values),
}


def holds(form: Form, facts: MessageFacts, said: Said) -> bool:
    return all(HOLDS[name](values, facts, said) for name, values in form)


@given(CONDITIONS, FACTS)
def test_the_simplest_form_holds_where_the_condition_does(
    condition: dict[str, Any], facts: MessageFacts
) -> None:
    made = asking.town([condition])
    table = compile_rules(made, "almelo")
    said = {table.reader.phrases[f.phrase] for f in table.reader.lexicon.find(facts.text)}
    [compiled] = table.rules.compiled
    fits = compiled.test(facts, table.reader.read(facts.text)) is not None
    assert holds(simple(made.rules[0]).form, facts, said) == fits
