"""Language of a message by a word of a group that has one."""

import pytest

from router.rules.engine import compile_rules
from services.config.routing_rules import Group
from tests.support.router.bare_rules import rule, town

GROUPS = (
    Group(id="geweld-engels", language="en", words=("beats me", "rape", "stabbed")),
    Group(id="geweld-turks", language="tr", words=("dövüyor", "intihar*", "taciz")),
    Group(id="geweld-pools", language="pl", words=("taciz",)),
    Group(id="geweld", words=("slaat",)),
    Group(id="unused", language="de", words=("brennt",)),
)
USED = rule("geweld", groups=[each.id for each in GROUPS if each.id != "unused"], words=["bije"])
MATCHER = compile_rules(town(USED).model_copy(update={"groups": GROUPS}), "almelo").matcher


def test_word_of_another_language_is_matched_as_it_is_written() -> None:
    assert [bool(MATCHER.match_text(text)) for text in ("stabbed", "stabed")] == [True, False]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("my husband beats me", '"beats me" staat erin (Engels)'),
        ("dövüyor", '"dövüyor" staat erin (Turks)'),
        ("hij slaat mij", '"slaat" staat erin'),
    ],
)
def test_reason_names_the_language_of_a_word(text: str, reason: str) -> None:
    assert set(MATCHER.match_text(text).values()) == {reason}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("my husband BEATS me", "en"),
        ("Kocam beni dovuyor", "tr"),
        ("intiharı düşünüyorum", "tr"),
        ("hij slaat mij, kocam beni dövüyor", "tr"),  # words without a language say nothing
        ("hij slaat mij", ""),
        ("bije", ""),  # of the rule itself
        ("zwerfvuil rapen", ""),  # another form, by the stems of Dutch
        ("stabed", ""),  # a misspelling
        ("he beats me, dövüyor", ""),  # two languages
        ("taciz", ""),  # a word of two languages
        ("es brennt", ""),  # a group that no rule uses
        ("", ""),
    ],
)
def test_word_of_one_language_shows_the_language(text: str, language: str) -> None:
    assert MATCHER.find_language(text) == language
