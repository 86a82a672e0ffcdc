"""Rules that can never match, and values that no message has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.check.unsatisfiable import find_warnings
from router.rules.engine import compile_rules
from router.rules.matcher import MessageFacts
from router.text.language_detection import detect_language, detectable_languages
from services.config.model import parse
from tests.support.cli import rule_strategies
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_strategies import CONDITIONS, FACTS, NOW
from tests.support.cli.rule_texts import cases, rules_toml

MENU = """
[[menus]]
id = "onderwerp"
options = [
    {id = "afval", title = "Afval", menu = "afval", tag = ["afval"]},
    {id = "mens", title = "Een medewerker", department = "kcc"},
]
[[menus]]
id = "afval"
options = [{id = "grof", title = "Grofvuil", department = "groen"}]
[[contacts]]
tenant = "almelo"
tag = "pers"
phones = ["+31600000000"]
"""
RULES = """
# What nothing gives.
x: numbers = 10000001
x: numbers = 20000001
    rule x never holds: 20000001 is no number of a municipality that it holds for
x: tag = druk; numbers = 20000001
x: numbers = 10000001, 20000001
    rule x: 20000001 is no number of a municipality that it holds for
x: tagged = pers
x: department = groen; tagged = afval, druk; tag = druk
x: tagged = mogelijk-gevaar
x: tagged = perss
    rule x never holds: nothing gives the tag perss
x: tagged = pers, perss
    rule x: nothing gives the tag perss
x: any = [{words = ["a"]}, {tagged = ["perss"]}]
    rule x: nothing gives the tag perss
x: words = a; not = {tagged = ["perss"]}
    rule x: nothing gives the tag perss
x: types = image, voice
x: types = foto
    rule x never holds: Meta has no type of message foto
x: languages = nl, pl, ar, zh, he
x: languages = xx
    rule x never holds: no text is ever found to be in xx
x: choices = payload, afspraak_ja
x: choices = menu:onderwerp/mensen, ja
    rule x: no menu has the choice menu:onderwerp/mensen
x: tag = druk; choices = menu:onderwerp/mens, menu:onderwerp/afval/grof
x: tag = druk; choices = menu:onderwerp/afval/terug
x: tag = druk; choices = menu:onderwerp/terug
    rule x never holds: no menu has the choice menu:onderwerp/terug
# What cannot be at once.
x: states = new; all = [{states = ["reopened"]}]
    rule x never holds: it asks for different states of the conversation at once
x: all = [{types = ["text"]}, {all = [{types = ["image"]}]}]
    rule x never holds: it asks for different types of message at once
x: any = [{types = ["text"]}, {types = ["image"]}]
x: tagged = pers; all = [{tagged = ["afval"]}]
x: states = new; tagged = afval
    rule x never holds: a new conversation is not tagged afval yet
x: states = new; tagged = pers
x: states = new, reopened; tagged = afval
x: words = a; types = audio, location
    rule x never holds: audio and location has no words that rules look at
x: words = a; types = audio, image
x: pattern = a; types = sticker
    rule x never holds: sticker has no words that rules look at
x: types = sticker; without = a
x: choices = ja; types = text
    rule x never holds: text has no choice in it
x: any = [{types = ["foto"]}, {hours = "2025 Mo-Fr 09:00-17:00"}]
    rule x never holds: Meta has no type of message foto
x: words = a; hours = 2025 Mo-Fr 09:00-17:00
    rule x never holds: its hours never come
x: words = a; hours = Dec 31 10:00-12:00
care x: kind = threat; words = a; types = audio
    rule x never holds: audio has no words that rules look at
# What holds, and leads nowhere.
x: words = a; states = answered, decided
    rule x decides nothing: where somebody has decided or answered, no rule moves a conversation
x: words = a; states = answered, undecided
x: tag = druk; words = a; states = answered
x: choices = menu:onderwerp/afval
    rule x decides nothing: where an option of a menu leads, the menu says
"""


def warnings(rules: str) -> list[tuple[object, str]]:
    town = parse(TOML + MENU + rules_toml(rules, "groen"), "postkamer.toml")
    return list(find_warnings(town, NOW))


@pytest.mark.parametrize(("rules", "found"), cases(RULES))
def test_rule_that_never_matches_or_asks_for_an_unknown_value_is_named(
    rules: str, found: list[str]
) -> None:
    assert [what for _, what in warnings(rules)] == found


def test_warning_has_the_location_of_the_unknown_value() -> None:
    [(where, _)] = warnings('x: words = a; any = [{types = ["text"]}, {tagged = ["perss"]}]')
    assert where == ("rules", 1, "any", 1, "tagged")


@pytest.mark.slow
@given(CONDITIONS, st.lists(FACTS, min_size=10, max_size=30))
def test_rule_that_never_holds_matches_no_message(
    condition: dict[str, Any], messages: list[MessageFacts]
) -> None:
    made = rule_strategies.town([condition])
    if any("never holds" in what for _, what in find_warnings(made, NOW)):
        table = compile_rules(made, "almelo")
        [compiled] = table.rules.compiled
        for facts in messages:
            facts = rule_strategies.as_it_can_be(facts)
            assert compiled.test(facts, table.matcher.match_text(facts.text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Goedemiddag, ik wil graag een afspraak maken voor mijn nieuwe paspoort.",
        "Good afternoon, I would like to make an appointment for my new passport.",
        "Добрый день, скажите пожалуйста, как получить паспорт",
        "مساء الخير، أريد موعدًا لتجديد جواز السفر",
        "我想预约更换护照，请问需要什么材料",
        "አዲስ ፓስፖርት እፈልጋለሁ",
        "שלום, אני צריך תור לדרכון חדש",
    ],
)
def test_detected_languages_can_be_asked_for(text: str) -> None:
    assert detect_language(text) in detectable_languages()
