"""Menus: asked when no rule decides, and answered by a tap, a number, a name or words."""

from typing import Any

import msgspec
import pytest

from router.conversation.menus import BACK
from tests.support.router.config_full import BORNE, config
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis

ROWS = [
    ("menu:keuze/paspoort", "Paspoort of ID"),
    ("menu:keuze/afval", "Afval en straat"),
    ("menu:keuze/wonen", "Wonen"),
    ("menu:keuze/tijden", "Openingstijden"),
    ("menu:keuze/anders", "Iets anders, medewerker"),
]
WITHIN = [
    ("menu:keuze/wonen/huren", "Huren"),
    ("menu:keuze/wonen/bouwen", "Bouwen"),
    ("menu:keuze/wonen/terug", "Terug"),
]
ASKED = "er is iets met de buren -> keuze\n +90s\n"
SCRIPTS = {
    "a choice stays as what a rule decided stays": f"""{ASKED}
        <menu:keuze/afval; mijn paspoort        -> @groen
        <menu:keuze/paspoort                    -> @groen""",
    "the way back may be typed as its number": f"""{ASKED}
        <menu:keuze/wonen                       -> keuze_wonen
        +90s 3                                  -> keuze""",
    "the way back may be typed": f"""{ASKED}
        <menu:keuze/wonen                       -> keuze_wonen
        +90s terug                              -> keuze""",
    "a number beyond the rows is no way back": f"""{ASKED}
        <menu:keuze/wonen                       -> keuze_wonen
        +90s 4                                  -> keuze_onduidelijk""",
    "an answer that fits no option goes to a person": f"""{ASKED}
        de buren hebben een trampoline          -> keuze_onduidelijk, @klantcontact, task
        +30m en die is groot""",
    "words that a rule knows are better than a choice": f"""{ASKED}
        mijn container is vol                   -> @groen, #afval
        +11m""",
    "the time runs from the menu that was asked last": f"""{ASKED}
        +5m <menu:keuze/wonen                   -> keuze_wonen
        +29m
        +1m                                     -> keuze_onduidelijk, ~decided""",
    "the menu that a silence asks is ignored like any other": """
        hoi
        +1m                                     -> keuze, ~decided
        +10m                                    -> keuze_onduidelijk, ~decided""",
    "an old menu may be tapped later": f"""{ASKED}
        +1h; hallo?                         -> keuze_onduidelijk, duurt_langer, ~decided, ~waiting
        <menu:keuze/afval                       -> @groen, #_menu:keuze/afval""",
    "an old menu may be tapped when all is closed": f"""{ASKED}
        <menu:keuze/afval; /close               -> afgesloten
        +16d <menu:keuze/paspoort               -> opened, @burgerzaken""",
    "a rule may ask a menu of its own, once": """
        ik wil huren                            -> keuze_wonen, @klantcontact, task
        +90s ja ik wil graag huren              -> keuze_onduidelijk, @klantcontact""",
    "no menu goes out when none is configured": """
        = 2026-11-25 13:00 menu=
        er is iets met de buren; +5m""",
} | {
    f"an option may be typed: {answer}": f"""{ASKED}
        {answer}                                -> task, @{department}, #_menu:keuze/{option}
        +11m"""
    for answer, option, department in [
        ("1", "paspoort", "burgerzaken"),
        ("optie 2", "afval", "groen"),
        ("2. ", "afval", "groen"),
        ("5", "anders", "klantcontact"),
        ("Nr. 1 graag", "paspoort", "burgerzaken"),
        ("doe maar twee", "afval", "groen"),
        ("één", "paspoort", "burgerzaken"),
        ("Paspoort of ID", "paspoort", "burgerzaken"),
        ("afval en STRAAT!", "afval", "groen"),
        ("iets anders medewerker", "anders", "klantcontact"),
    ]
} | {
    f"small talk and files are no answer, and the menu stays: {words}": f"""{ASKED}
        {words}
        +90s 2                                  -> @groen"""
    for words in ("hoi", "ok", "👍", "[image]", "[sticker]")
} | {
    f"a menu ends when a person takes the conversation: {command}": f"""{ASKED}
        {command}
        +30m"""
    for command in ("/text", "/transfer balie -> doorgestuurd", "/close -> afgesloten")
} | {
    f"a row is ignored once a person has answered: {row}": f"""{ASKED}
        /text; +5m <{row}                       -> @klantcontact, task
        +5m dat bedoel ik"""
    for row in ("menu:keuze/wonen", "menu:keuze/wonen/terug")
}  # fmt: skip


def interactive(hall: Stadhuis) -> Any:
    """The interactive message that was sent last."""
    sends = [changes.send for changes in hall.router.changes if changes.send]
    return msgspec.json.decode(sends[-1].content)["interactive"]


def rows(hall: Stadhuis) -> list[tuple[str, str]]:
    [section] = interactive(hall)["action"]["sections"]
    return [(row["id"], row["title"]) for row in section["rows"]]


@pytest.mark.parametrize("case", SCRIPTS)
def test_menu(case: str) -> None:
    hall = play(SCRIPTS[case])
    assert hall.state.menu == ("keuze" if "the way back may" in case else "")


def test_words_that_no_rule_knows_are_asked_about_with_a_list() -> None:
    hall = play(ASKED)
    asked = interactive(hall)
    assert (asked["type"], asked["body"]["text"]) == ("list", "Waarover gaat uw vraag?")
    assert asked["action"]["button"] == "Kies onderwerp"
    assert rows(hall) == ROWS and hall.state.menu == "keuze"
    descriptions = [row.get("description") for row in asked["action"]["sections"][0]["rows"]]
    assert descriptions == [None, None, None, "Van de balie", None]


def test_up_to_three_options_are_buttons() -> None:
    asked = interactive(play("er is iets met de buren -> keuze", number=BORNE))
    assert asked["type"] == "button"
    assert asked["action"]["buttons"] == [
        {"type": "reply", "reply": {"id": "menu:kort/vraag", "title": "Een vraag"}},
        {"type": "reply", "reply": {"id": "menu:kort/medewerker", "title": "Medewerker"}},
    ]


@pytest.mark.parametrize(
    ("row", "heard", "menu", "tags"),
    [
        (ROWS[0], [], "", ()),
        (ROWS[1], [], "", ("afval",)),
        (ROWS[2], ["keuze_wonen"], "keuze/wonen", ()),
        (ROWS[3], ["tijden"], "", ()),
        (ROWS[4], [], "", ()),
    ],
)
def test_tap_follows_the_option(
    row: tuple[str, str], heard: list[str], menu: str, tags: tuple[str, ...]
) -> None:
    hall = play(ASKED)
    said = hall.taps(*row)
    assert (hall.heard, hall.state.menu, said.tags) == (heard, menu, tags)
    if not heard:
        assert said.rule == f"_{row[0]}"
        assert said.reason == f'"{row[1]}" is gekozen uit het menu'


def test_menu_within_a_menu_has_a_way_back() -> None:
    hall = play(ASKED)
    hall.taps("menu:keuze/wonen", "Wonen")
    assert interactive(hall)["type"] == "list" and rows(hall) == WITHIN
    assert interactive(hall)["action"]["button"]  # Meta takes no list without
    hall.after(seconds=90).taps("menu:keuze/wonen/terug", BACK.title)
    assert hall.heard == ["keuze_wonen", "keuze"] and rows(hall) == ROWS
    play("+90s 3 -> keuze_wonen\n +90s huren -> @balie, #_menu:keuze/wonen/huren", hall)


def test_ignored_menu_is_read_by_a_person_after_ten_minutes() -> None:
    hall = play(f"{ASKED} +8m29s")
    play("+1s -> keuze_onduidelijk, ~decided", hall)
    assert "op het menu kwam geen antwoord" in hall.conversation.reason
    play("+30m; 2 -> @klantcontact", hall)  # there is no menu any more


def test_menu_of_a_rule_has_its_own_rows() -> None:
    hall = play("ik wil huren -> keuze_wonen")
    ids = [button["reply"]["id"] for button in interactive(hall)["action"]["buttons"]]
    assert ids == ["menu:wonen/huren", "menu:wonen/bouwen"] and hall.state.menu == "wonen"


def test_photograph_for_which_a_rule_asks_a_menu_is_provisional() -> None:
    rule = {"id": "foto", "tenant": "hengelo", "types": ["image"], "menu": "wonen"}
    script = "[image] -> keuze_wonen, provisional\n 2 -> @groen\n +5m"
    play(script, given=config(rules=[rule]))
