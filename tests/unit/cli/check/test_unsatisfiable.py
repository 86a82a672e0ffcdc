"""Rules that can never hold, and what they ask for that nothing gives."""

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
RULE = '[[rules]]\nid = "x"\ndepartment = "groen"\n'
MARK = '[[rules]]\nid = "x"\ntag = ["druk"]\n'


@pytest.mark.parametrize(
    ("more", "found"),
    [
        # What nothing gives.
        (RULE + 'numbers = ["10000001"]', []),
        (
            RULE + 'numbers = ["20000001"]',  # of Borne, which has no groen
            ["rule x never holds: 20000001 is no number of a municipality that it holds for"],
        ),
        (MARK + 'numbers = ["20000001"]', []),
        (
            RULE + 'numbers = ["10000001", "20000001"]',
            ["rule x: 20000001 is no number of a municipality that it holds for"],
        ),
        (RULE + 'tagged = ["pers"]', []),
        (RULE + 'tagged = ["afval", "druk"]\ntag = ["druk"]', []),
        (RULE + 'tagged = ["perss"]', ["rule x never holds: nothing gives the tag perss"]),
        (RULE + 'tagged = ["pers", "perss"]', ["rule x: nothing gives the tag perss"]),
        (
            RULE + 'any = [{words = ["a"]}, {tagged = ["perss"]}]',
            ["rule x: nothing gives the tag perss"],
        ),
        (
            RULE + 'words = ["a"]\nnot = {tagged = ["perss"]}',
            ["rule x: nothing gives the tag perss"],
        ),
        (RULE + 'types = ["image", "voice"]', []),
        (RULE + 'types = ["foto"]', ["rule x never holds: Meta has no type of message foto"]),
        (RULE + 'languages = ["nl", "pl", "ar", "zh", "he"]', []),
        (RULE + 'languages = ["xx"]', ["rule x never holds: no text is ever found to be in xx"]),
        (RULE + 'choices = ["payload", "afspraak_ja"]', []),
        (
            RULE + 'choices = ["menu:onderwerp/mensen", "ja"]',
            ["rule x: no menu has the choice menu:onderwerp/mensen"],
        ),
        (MARK + 'choices = ["menu:onderwerp/mens", "menu:onderwerp/afval/grof"]', []),
        (MARK + 'choices = ["menu:onderwerp/afval/terug"]', []),
        (
            MARK + 'choices = ["menu:onderwerp/terug"]',
            ["rule x never holds: no menu has the choice menu:onderwerp/terug"],
        ),
        # What cannot be at once.
        (
            RULE + 'states = ["new"]\nall = [{states = ["reopened"]}]',
            ["rule x never holds: it asks for different states of the conversation at once"],
        ),
        (
            RULE + 'all = [{types = ["text"]}, {all = [{types = ["image"]}]}]',
            ["rule x never holds: it asks for different types of message at once"],
        ),
        (RULE + 'any = [{types = ["text"]}, {types = ["image"]}]', []),
        (RULE + 'tagged = ["pers"]\nall = [{tagged = ["afval"]}]', []),
        (
            RULE + 'states = ["new"]\ntagged = ["afval"]',
            ["rule x never holds: a new conversation is not tagged afval yet"],
        ),
        (RULE + 'states = ["new"]\ntagged = ["pers"]', []),
        (RULE + 'states = ["new", "reopened"]\ntagged = ["afval"]', []),
        (
            RULE + 'words = ["a"]\ntypes = ["audio", "location"]',
            ["rule x never holds: audio and location has no words that rules look at"],
        ),
        (RULE + 'words = ["a"]\ntypes = ["audio", "image"]', []),
        (
            RULE + 'pattern = "a"\ntypes = ["sticker"]',
            ["rule x never holds: sticker has no words that rules look at"],
        ),
        (RULE + 'types = ["sticker"]\nwithout = ["a"]', []),
        (
            RULE + 'choices = ["ja"]\ntypes = ["text"]',
            ["rule x never holds: text has no choice in it"],
        ),
        (
            RULE + 'any = [{types = ["foto"]}, {hours = "2025 Mo-Fr 09:00-17:00"}]',
            ["rule x never holds: Meta has no type of message foto"],
        ),
        (
            RULE + 'words = ["a"]\nhours = "2025 Mo-Fr 09:00-17:00"',
            ["rule x never holds: its hours never come"],
        ),
        (RULE + 'words = ["a"]\nhours = "Dec 31 10:00-12:00"', []),
        (
            '[[care]]\nid = "x"\nkind = "threat"\nwords = ["a"]\ntypes = ["audio"]',
            ["rule x never holds: audio has no words that rules look at"],
        ),
        # What holds, and leads nowhere.
        (
            RULE + 'words = ["a"]\nstates = ["answered", "decided"]',
            [
                "rule x decides nothing: where somebody has decided or answered, no rule moves"
                " a conversation"
            ],
        ),
        (RULE + 'words = ["a"]\nstates = ["answered", "undecided"]', []),
        (MARK + 'words = ["a"]\nstates = ["answered"]', []),
        (
            RULE + 'choices = ["menu:onderwerp/afval"]',
            ["rule x decides nothing: where an option of a menu leads, the menu says"],
        ),
    ],
)
def test_what_cannot_be_is_said_and_nothing_else(more: str, found: list[str]) -> None:
    config = parse(TOML + MENU + more, "postkamer.toml")
    assert [what for _, what in find_warnings(config, NOW)] == found


def test_it_is_said_where_it_is_asked() -> None:
    more = RULE + 'words = ["a"]\nany = [{types = ["text"]}, {tagged = ["perss"]}]'
    [(where, _)] = find_warnings(parse(TOML + more, "postkamer.toml"), NOW)
    assert where == ("rules", 1, "any", 1, "tagged")


@pytest.mark.slow
@given(CONDITIONS, st.lists(FACTS, min_size=10, max_size=30))
def test_a_rule_that_never_holds_fits_no_message(
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
def test_each_language_that_a_text_is_found_to_be_in_can_be_asked_for(text: str) -> None:
    assert detect_language(text) in detectable_languages()
