"""Texts of the example town that answer a first message: which of them, and in which language."""

import tomllib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deploy.danger.table import read_rows
from router.rules.engine import compile_rules
from router.rules.matcher import Matcher
from router.text.language_detection import detect_language
from services.calendar.opening_hours import AMSTERDAM
from services.config.loader import LoadedConfig
from tests.support.router.decisions import DecisionView
from tests.support.routing.town_hall import example, hear, open_town_hall

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CITIZENS = ROOT / "tests" / "examples" / "citizens"
EXAMPLES = ROOT / "deploy" / "danger" / "examples"
WEDNESDAY = datetime(2026, 11, 25, 10, tzinfo=AMSTERDAM)
"""An hour at which every department is open."""

WELCOMES = ("Welkom", "Welcome", "Willkommen", "Witamy", "hoş geldiniz", "Вітаємо", "مرحبًا")
"""Words of `eerste_contact` that `eerste_contact_sober` lacks."""


@cache
def choices() -> LoadedConfig:
    return example()


def answer(text: str) -> tuple[str, DecisionView]:
    """The body of the text that answers a first message, '' for none, and the decision."""
    hall = open_town_hall(choices(), WEDNESDAY, few_texts=True)
    decision = hear(hall, {"text": text})
    return "".join(hall.bodies), decision


@pytest.mark.parametrize(
    "text",
    [
        "Mijn buurvrouw van 85 doet al twee dagen niet open",
        "De scheur in de brug is gevaarlijk voor kinderen",
        "Er ligt een put open waar kinderen spelen",
        "There is a dangerous hole in the bike path",
        "My father died yesterday, what do I have to arrange?",
        "Mijn vader is vannacht weggevallen",
        "Mijn moeder leeft niet meer",
        "mijn man heeft gisteren zijn laatste adem uitgeblazen",
        "Oons va is uut de tied ekommen",
        "mijn kindje is met 20 weken geboren en leefde niet",
        "lijk vervoeren naar turkije",
        "Ik wil een grafsteen plaatsen voor mijn dochter",
        "Babam dün öldü",
        "Annemi kaybettik",
        "Moj mąż umarł wczoraj",
        "Mój ojciec nie żyje",
        "Mein Vater ist tot",
        "Opa ist tot",
        "مات أبي أمس",
        "My wife is dead",
    ],
)
def test_report_of_a_death_or_a_danger_gets_no_welcome(text: str) -> None:
    body, decision = answer(text)
    assert not decision.care and body
    assert not any(word in body for word in WELCOMES)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I want to die"),
        ("en", "my husband beats me"),
        ("en", "help fire"),
        ("en", "ik spreek geen nederlands, do you speak english"),
        ("en", "Fire!"),
        ("de", "Ich will sterben"),
        ("de", "Selbstmord"),
        ("de", "Hilfe, es brennt"),
        ("de", "Hilfe!!"),
        ("de", "Parkausweis beantragen"),
        ("tr", "intihar etmek istiyorum"),
        ("tr", "Kocam beni dövüyor"),
        ("tr", "yangın var"),
        ("tr", "Merhaba, pasaportumu kaybettim"),
        ("tr", "Park cezası aldım"),
        ("tr", "Babam dün öldü"),
        ("pl", "Mój ojciec nie żyje"),
        ("de", "Opa ist tot"),
        ("en", "My wife is dead"),
        ("pl", "chcę umrzeć"),
        ("pl", "Mąż mnie bije"),
        ("uk", "хочу померти"),
        ("uk", "пожежа"),
        ("uk", "Я загубила паспорт"),
    ],
)
def test_short_message_is_answered_in_the_language_of_its_words(language: str, text: str) -> None:
    body, decision = answer(text)
    assert body and decision.reply.language == decision.language == language


BY_WORDS = {
    ("pl", "wypadek na rondzie, człowiek"),
    ("tr", "artık yaşamak istemiyorum"),
    ("tr", "belediyeye gelip hepinizi vu"),
    ("pl", "przyjdę tam i połamię ci nog"),
    ("tr", "Babam geçen yıl vefat etti, "),
    ("uk", "Куди здати старий вогнегасни"),
    ("en", "someone got stabbed in front"),
    ("tr", "Babam geçen ay vefat etti. E"),
    ("tr", "belediyeye gelip hepinizi öl"),
    ("tr", "sıcaktan öldüm havuz kaçta a"),
}
"""Messages of the tables whose language only a word of a group shows: none of them is Dutch."""


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    config = choices().config
    return compile_rules(config, config.tenants[0].id, misspelled=False).matcher


def test_no_dutch_message_of_the_tables_becomes_one_of_another_language(matcher: Matcher) -> None:
    silent = [text for text in spoken(tables(CITIZENS)) if not detect_language(text)]
    found = [(matcher.find_language(text), text[:28]) for text in silent]
    assert len(silent) > 200 and {each for each in found if each[0]} == BY_WORDS


def test_word_gives_no_example_of_a_danger_another_language_than_its_own(matcher: Matcher) -> None:
    rows = [row for row in read_rows(tables(EXAMPLES)) if not detect_language(row.text)]
    found = {row.text: (matcher.find_language(row.text), row.language) for row in rows}
    named = {text: each for text, each in found.items() if each[0]}
    assert len(named) > 100 and [text for text, each in named.items() if each[0] != each[1]] == []


def tables(folder: Path) -> list[dict[str, Any]]:
    return [tomllib.loads(path.read_text()) for path in sorted(folder.glob("*.toml"))]


def spoken(table: Any) -> Iterator[str]:
    """Each message of a citizen in a table, however deep."""
    if isinstance(table, list):
        for each in table:
            yield from spoken(each)
    elif isinstance(table, dict):
        yield from (table[key] for key in ("text", "citizen") if isinstance(table.get(key), str))
        yield from spoken(list(table.values()))
