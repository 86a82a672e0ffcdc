"""Each thing that a rule may ask, alone, together and within each other; and in which words it says
why it holds."""

from datetime import UTC, datetime
from typing import Any

import pytest

from router.rules.engine import evaluate
from tests.support.router.bare_rules import decided, facts, rule, table, why
from tests.support.router.names import BORNE, NOON, NUMBER

TAGGED = {"tags": frozenset({"pers", "raad"})}
Given = dict[str, Any]


CONDITIONS: list[tuple[Given, Given, str | None]] = [
    ({"words": ["boom", "gras"]}, {"text": "het gras"}, '"gras" staat erin'),
    (
        {"words": ["*vergunning"]},
        {"text": "kapvergunning"},
        '"kapvergunning" staat erin (samenstelling met "vergunning")',
    ),
    ({"words": ['"boom"']}, {"text": "de boom"}, '"boom" staat erin'),
    ({"groups": ["tuin"]}, {"text": "een boom"}, '"boom" staat erin'),
    ({"words": ["bal"], "groups": ["tuin"]}, {"text": "gras"}, '"gras" staat erin'),
    ({"words": ["bal"], "groups": ["tuin"]}, {"text": "bal"}, '"bal" staat erin'),
    ({"pattern": "zaak[- ]?[0-9]{4}"}, {"text": "zaak-2026"}, "het patroon past"),
    ({"pattern": "^ZAAK"}, {"text": "zaak 1"}, "het patroon past"),
    ({"pattern": "straße"}, {"text": "STRAßE"}, "het patroon past"),
    ({"numbers": [NUMBER]}, {"number": NUMBER}, "het kwam op dit nummer binnen"),
    ({"choices": ["ja", "nee"]}, {"choice": "nee"}, 'gekozen is "nee"'),
    ({"referral": ["Jaar van"]}, {"referral": "HET JAAR VAN…"}, 'de link noemt "Jaar van"'),
    ({"types": ["image", "video"]}, {"type": "video"}, "het is een video"),
    ({"types": ["nieuw"]}, {"type": "nieuw"}, "het is nieuw"),
    ({"languages": ["pl", "en"]}, {"language": "en"}, "de taal is en"),
    ({"hours": "Mo-Fr 09:00-17:00"}, {}, "het is binnen de tijden van de regel"),
    ({"tagged": ["pers"]}, TAGGED, "het label pers staat erbij"),
    ({"tagged": ["raad", "pers"]}, TAGGED, "het label pers staat erbij"),
    ({"states": ["new"]}, {"state": "new"}, "het gesprek is nieuw"),
    ({"states": ["answered"]}, {"state": "answered"}, "het gesprek is al beantwoord"),
    ({"states": ["reopened", "decided"]}, {"state": "reopened"}, "het gesprek is heropend"),
    ({"words": ["boom"]}, {"text": "een bal"}, None),
    ({"words": ["boom"]}, {}, None),
    ({"words": ["boom"]}, {"referral": "boom", "choice": "boom"}, None),
    ({"groups": ["tuin"]}, {"text": "tuin"}, None),
    ({"pattern": "zaak[0-9]"}, {"text": "zaak"}, None),
    ({"pattern": "boom"}, {}, None),
    ({"numbers": [NUMBER]}, {"number": BORNE}, None),
    ({"choices": ["ja"]}, {"choice": "Ja"}, None),
    ({"choices": ["ja"]}, {"text": "ja"}, None),
    ({"referral": ["jaar"]}, {"referral": "dit jaarlijkse feest"}, None),
    ({"referral": ["jaar"]}, {"text": "jaar"}, None),
    ({"types": ["image"]}, {"type": "text"}, None),
    ({"languages": ["en"]}, {"language": ""}, None),
    ({"hours": "Mo-Fr 09:00-17:00"}, {"at": NOON.replace(hour=16)}, None),  # 17:00 there
    ({"hours": "Mo-Fr 09:00-17:00"}, {"at": datetime(2026, 11, 28, 12, tzinfo=UTC)}, None),
    ({"tagged": ["griffie"]}, TAGGED, None),
    ({"states": ["new"]}, {"state": "undecided"}, None),
]
"""Condition, message -> why it holds; None where it does not."""


@pytest.mark.parametrize(("condition", "message", "clause"), CONDITIONS)
def test_condition_that_holds_says_why(
    condition: Given, message: Given, clause: str | None
) -> None:
    given = {"text": "", "condition": condition} | message
    assert why(**given) == (f"{clause} (regel r)" if clause else None)


@pytest.mark.parametrize(
    ("condition", "text", "said"),
    [
        ({"words": ["boom"], "without": ["gras"]}, "boom", '"boom" staat erin (regel r)'),
        ({"words": ["boom"], "without": ["gras"]}, "boom in het gras", None),
        ({"without": ["gras"]}, "boom", "regel r past"),
        ({"without": ["gras"]}, "", "regel r past"),
        ({"not": {"words": ["gras"]}}, "boom", "regel r past"),
        ({"not": {"words": ["gras"]}}, "gras", None),
        ({"not": {"not": {"words": ["gras"]}}}, "gras", "regel r past"),
        ({"not": {"pattern": "gras"}}, "", "regel r past"),
        ({"words": ["a"], "types": ["text"]}, "a", '"a" staat erin en het is een tekst (regel r)'),
        ({"words": ["a"], "types": ["image"]}, "a", None),
        (
            {"all": [{"words": ["boom"]}, {"words": ["gras"]}]},
            "gras en een boom",
            '"boom" staat erin en "gras" staat erin (regel r)',
        ),
        ({"all": [{"words": ["boom"]}, {"words": ["gras"]}]}, "boom", None),
        ({"any": [{"words": ["boom"]}, {"types": ["text"]}]}, "x", "het is een tekst (regel r)"),
        ({"any": [{"words": ["x"]}, {"types": ["text"]}]}, "x", '"x" staat erin (regel r)'),
        ({"any": [{"words": ["boom"]}, {"types": ["image"]}]}, "x", None),
        ({"any": [{"without": ["boom"]}, {"words": ["x"]}]}, "x", "regel r past"),
        (
            {"words": ["a"], "any": [{"all": [{"words": ["b"]}, {"not": {"words": ["c"]}}]}]},
            "a b",
            '"a" staat erin en "b" staat erin (regel r)',
        ),
        (
            {"words": ["a"], "any": [{"all": [{"words": ["b"]}, {"not": {"words": ["c"]}}]}]},
            "a b c",
            None,
        ),
        ({"all": [{"without": ["a"]}, {"not": {"types": ["image"]}}]}, "b", "regel r past"),
        ({"pattern": "1", "words": ["a"]}, "a 1", '"a" staat erin en het patroon past (regel r)'),
    ],
)
def test_conditions_of_one_rule_must_all_hold(
    condition: Given, text: str, said: str | None
) -> None:
    assert why(text, condition) == said


@pytest.mark.parametrize("table_of", ["all", "any", "not"])
def test_nested_condition_holds_at_the_greatest_depth(table_of: str) -> None:
    nested: Given = {"words": ["boom"]}
    for _ in range(7):
        nested = {table_of: nested if table_of == "not" else [nested]}
    holds = table_of != "not"  # seven times `not` is `not`
    assert bool(decided("boom", rule(**nested))) is holds
    assert bool(decided("gras", rule(**nested))) is not holds


ODD = ["\ud800", "a\udfffb", "\0", "x" * 65_536, "a " * 32_768, "\u0301" * 65_536, "🗑️\u200d", ""]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_text_fits_no_condition(text: str) -> None:
    """The rules have patterns or none; the text fits neither."""
    patterns = [rule("p", pattern="^zaak"), rule("q", pattern="[^\\x00-\\x7f]{3}niets")]
    assert decided(text, *patterns, rule("w", "boom", "🗑️ vol")) == ""
    assert decided(text, rule("w", "boom")) == ""
    assert decided(text, rule("l", referral=("boom",)), referral=text) == ""


def test_pattern_is_found_beside_invalid_characters() -> None:
    assert decided("\ud800 zaak-1\0", rule(pattern="zaak-[0-9]")) == "r"


def test_backtracking_pattern_ends_at_once() -> None:
    assert decided("a" * 65_536, rule(pattern="^(a+)+$x")) == ""


@pytest.mark.slow
def test_two_thousand_patterns_are_told_apart() -> None:
    """The rules are as many as a large town has."""
    pattern = "\\bcode-{}-(foo|bar|straat)*[a-z]{{0,40}}\\b"
    rules = table(*(rule(f"r{n}", pattern=pattern.format(n)) for n in range(2000)))
    for n in (0, 7, 1999):
        found = evaluate(rules, facts(f"mijn CODE-{n}-straat is"))
        assert found.verdict and found.verdict.rule == f"r{n}"
