"""The reasons of rules in two languages: the same sentences, with the same places for words."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from router.rules.engine import compile_rules, evaluate
from router.rules.matcher import MessageFacts
from router.rules.reasons import DUTCH, ENGLISH, Reasons
from services.config.model import parse
from tests.support.cli.command_line import TOML

RULES = """
[[rules]]
id = "r"
department = "groen"
{}
"""


def sentences(reasons: Reasons) -> Iterator[tuple[str, str]]:
    for name, value in msgspec.structs.asdict(reasons).items():
        if isinstance(value, str):
            yield name, value
        else:
            yield from ((f"{name} {code}", word) for code, word in value.items())


def test_each_sentence_has_as_many_places_in_both_languages() -> None:
    dutch, english = (dict(sentences(reasons)) for reasons in (DUTCH, ENGLISH))
    places = {name: sentence.count("{}") for name, sentence in dutch.items()}
    assert places == {name: sentence.count("{}") for name, sentence in english.items()}


@pytest.mark.parametrize(
    ("condition", "facts", "reason"),
    [
        ('words = ["stoep"]', {"text": "de stoep"}, 'it contains "stoep" (rule r)'),
        (
            'words = ["paspoort"]',
            {"text": "pasport"},
            'it contains "pasport" (misspelled: "paspoort") (rule r)',
        ),
        ('pattern = "st.ep"', {"text": "stoep"}, "the pattern matches (rule r)"),
        ('types = ["image"]', {"type": "image"}, "it is a picture (rule r)"),
        ('choices = ["a"]', {"choice": "a"}, '"a" was chosen (rule r)'),
        ('numbers = ["10000001"]', {"number": "10000001"}, "it came in on this number (rule r)"),
        ('languages = ["de"]', {"language": "de"}, "the language is de (rule r)"),
        ('tagged = ["vip"]', {"tags": frozenset({"vip"})}, "it has the label vip (rule r)"),
        ('states = ["new"]', {"state": "new"}, "the conversation is new (rule r)"),
        ('referral = ["markt"]', {"referral": "op de markt"}, 'the link names "markt" (rule r)'),
        ('hours = "24/7"', {}, "it is within the hours of the rule (rule r)"),
        ('not = {words = ["stoep"]}', {"text": "boom"}, "rule r matches"),
        (
            'words = ["stoep"]\nall = [{words = ["tegel"]}]',
            {"text": "tegel op de stoep"},
            'it contains "stoep" and it contains "tegel" (rule r)',
        ),
    ],
)
def test_reason_of_each_condition_may_be_english(
    condition: str, facts: dict[str, str], reason: str
) -> None:
    town = parse(TOML.partition("[[rules]]")[0] + RULES.format(condition), "postkamer.toml")
    table = compile_rules(town, "almelo", reasons=ENGLISH)
    message = MessageFacts(at=datetime(2026, 11, 25, 12, tzinfo=UTC), **facts)
    verdict = evaluate(table, message).verdict
    assert verdict is not None and verdict.reason == reason
