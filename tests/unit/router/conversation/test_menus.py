"""What is asked when no rule decides, and what an answer means: a tap, a number, a name, words."""

from typing import Any

import msgspec
import pytest

from router.conversation.menus import BACK
from tests.support.router.config_full import BORNE, config
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


def asked(words: str = "er is iets met de buren", **more: Any) -> Stadhuis:
    """Somebody who got the menu."""
    hall = Stadhuis(**more)
    hall.hears(words)
    assert hall.heard == ["keuze"] and hall.state.menu == "keuze"
    return hall.after(seconds=90)


def interactive(hall: Stadhuis) -> Any:
    """What Meta is offered last."""
    sends = [changes.send for _, _, changes in hall.done if changes.send]
    return msgspec.json.decode(sends[-1].content)["interactive"]


def rows(hall: Stadhuis) -> list[tuple[str, str]]:
    [section] = interactive(hall)["action"]["sections"]
    return [(row["id"], row["title"]) for row in section["rows"]]


def test_words_that_no_rule_knows_are_asked_about_with_a_list() -> None:
    hall = asked()
    list = interactive(hall)
    assert (list["type"], list["body"]["text"]) == ("list", "Waarover gaat uw vraag?")
    assert list["action"]["button"] == "Kies onderwerp"
    assert rows(hall) == ROWS
    descriptions = [row.get("description") for row in list["action"]["sections"][0]["rows"]]
    assert descriptions == [None, None, None, "Van de balie", None]


def test_up_to_three_options_are_buttons() -> None:
    hall = Stadhuis(number=BORNE)
    hall.hears("er is iets met de buren")
    buttons = interactive(hall)
    assert buttons["type"] == "button"
    assert buttons["action"]["buttons"] == [
        {"type": "reply", "reply": {"id": "menu:kort/vraag", "title": "Een vraag"}},
        {"type": "reply", "reply": {"id": "menu:kort/medewerker", "title": "Medewerker"}},
    ]


@pytest.mark.parametrize(
    ("answer", "department", "rule"),
    [
        ("1", "burgerzaken", "_menu:keuze/paspoort"),
        (" 2. ", "groen", "_menu:keuze/afval"),
        ("5", "klantcontact", "_menu:keuze/anders"),
        ("optie 2", "groen", "_menu:keuze/afval"),
        ("Nr. 1 graag", "burgerzaken", "_menu:keuze/paspoort"),
        ("doe maar twee", "groen", "_menu:keuze/afval"),
        ("één", "burgerzaken", "_menu:keuze/paspoort"),
        ("Paspoort of ID", "burgerzaken", "_menu:keuze/paspoort"),
        ("afval en STRAAT!", "groen", "_menu:keuze/afval"),
        ("iets anders medewerker", "klantcontact", "_menu:keuze/anders"),
    ],
)
def test_an_option_may_be_typed_by_its_number_or_its_name(
    answer: str, department: str, rule: str
) -> None:
    hall = asked()
    said = hall.hears(answer)
    assert (said.department, said.rule, said.task) == (department, rule, True)
    assert hall.state.menu == "" and hall.heard == []
    assert hall.after(minutes=11).happened == []


@pytest.mark.parametrize("row", range(5))
def test_a_tap_goes_where_the_option_leads_and_says_so(row: int) -> None:
    hall = asked()
    id, title = ROWS[row]
    said = hall.taps(id, title)
    name = id.rpartition("/")[2]
    if name == "wonen":
        assert hall.heard == ["keuze_wonen"] and hall.state.menu == "keuze/wonen"
    elif name == "tijden":
        assert hall.heard == ["tijden"] and said.department == "klantcontact"
    else:
        assert said.rule == f"_menu:keuze/{name}"
        assert said.reason == f'"{title}" is gekozen uit het menu'
        assert hall.heard == [] and hall.state.menu == ""
    assert said.tags == (("afval",) if name == "afval" else ())


def test_a_choice_stays_as_what_a_rule_decided_stays() -> None:
    hall = asked()
    hall.taps("menu:keuze/afval")
    assert hall.hears("mijn paspoort").department == "groen"
    assert hall.taps("menu:keuze/paspoort").department == "groen"


def test_a_menu_within_a_menu_has_a_way_back() -> None:
    hall = asked()
    hall.taps("menu:keuze/wonen", "Wonen")
    assert interactive(hall)["type"] == "list" and rows(hall) == WITHIN
    assert interactive(hall)["action"]["button"]  # Meta takes no list without
    hall.after(seconds=90).taps("menu:keuze/wonen/terug", BACK.title)
    assert hall.heard == ["keuze_wonen", "keuze"] and hall.state.menu == "keuze"
    assert rows(hall) == ROWS
    hall.after(seconds=90).hears("3")
    assert hall.heard == ["keuze_wonen"]
    said = hall.after(seconds=90).hears("huren")
    assert (said.department, said.rule) == ("balie", "_menu:keuze/wonen/huren")


@pytest.mark.parametrize(("answer", "back"), [("3", True), ("terug", True), ("4", False)])
def test_the_way_back_may_be_typed(answer: str, back: bool) -> None:
    hall = asked()
    hall.taps("menu:keuze/wonen")
    hall.after(seconds=90).hears(answer)
    assert hall.heard[-1] == ("keuze" if back else "keuze_onduidelijk")


def test_answer_that_fits_no_option_goes_to_a_person() -> None:
    hall = asked()
    said = hall.hears("de buren hebben een trampoline")
    assert (said.department, said.task) == ("klantcontact", True)
    assert hall.heard == ["keuze_onduidelijk"] and hall.state.menu == ""
    hall.after(minutes=30).hears("en die is groot")
    assert hall.heard == [] and hall.happened == []


def test_words_that_a_rule_knows_are_better_than_a_choice() -> None:
    hall = asked()
    said = hall.hears("mijn container is vol")
    assert (said.department, said.rule) == ("groen", "afval")
    assert hall.heard == [] and hall.state.menu == ""
    assert hall.after(minutes=11).happened == []


@pytest.mark.parametrize("words", ["hoi", "ok", "👍"])
def test_a_greeting_or_thanks_are_no_answer_and_the_menu_is_still_there(words: str) -> None:
    hall = asked()
    hall.hears(words)
    assert hall.heard == [] and hall.state.menu == "keuze"
    assert hall.after(seconds=90).hears("2").department == "groen"


@pytest.mark.parametrize("type", ["image", "audio", "sticker"])
def test_media_are_no_answer(type: str) -> None:
    hall = asked()
    hall.hears("", type)
    assert hall.state.menu == "keuze"
    assert hall.hears("2").department == "groen"


def test_a_menu_that_is_ignored_is_read_by_a_person_after_ten_minutes() -> None:
    hall = asked()
    hall.after(minutes=8, seconds=29)
    assert hall.happened == []
    hall.after(seconds=1)
    assert hall.happened == ["decided"] and hall.heard == ["keuze_onduidelijk"]
    assert "op het menu kwam geen antwoord" in hall.router.conversations[hall.id].reason
    hall.after(minutes=30)
    assert hall.happened == []
    assert hall.hears("2").department == "klantcontact"  # there is no menu any more


def test_the_time_runs_from_the_menu_that_was_asked_last() -> None:
    hall = asked()
    hall.after(minutes=5).taps("menu:keuze/wonen")
    hall.after(minutes=29)
    assert hall.happened == []
    hall.after(minutes=1)
    assert hall.happened == ["decided"]


def test_the_menu_that_a_silence_asks_is_ignored_like_any_other() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    hall.after(minutes=1)
    assert (hall.heard, hall.happened) == (["keuze"], ["decided"])
    hall.after(minutes=10)
    assert (hall.heard, hall.happened) == (["keuze_onduidelijk"], ["decided"])
    assert hall.state.menu == ""


@pytest.mark.parametrize("order", ["text", "transfer", "close"])
def test_menu_ends_when_a_person_takes_the_conversation(order: str) -> None:
    hall = asked()
    hall.orders(order, to_department="balie")
    assert hall.state.menu == ""
    hall.after(minutes=30)
    assert hall.happened == [] and "keuze_onduidelijk" not in hall.heard


def test_an_old_menu_may_be_tapped_later() -> None:
    hall = asked()
    hall.after(hours=1)
    hall.hears("hallo?")
    said = hall.taps("menu:keuze/afval", "Afval en straat")
    assert (said.department, said.rule) == ("groen", "_menu:keuze/afval")


def test_an_old_menu_may_be_tapped_when_all_is_closed() -> None:
    hall = asked()
    hall.taps("menu:keuze/afval")
    first = hall.id
    hall.orders("close")
    said = hall.after(days=16).taps("menu:keuze/paspoort")
    assert said.conversation != first and said.department == "burgerzaken"


@pytest.mark.parametrize("row", ["menu:keuze/wonen", "menu:keuze/wonen/terug"])
def test_menu_row_is_ignored_once_a_person_has_answered(row: str) -> None:
    hall = asked()
    hall.orders("text")
    said = hall.after(minutes=5).taps(row)
    assert hall.heard == [] and hall.state.menu == ""
    assert (said.department, said.task) == ("klantcontact", True)
    hall.after(minutes=5).hears("dat bedoel ik")
    assert hall.heard == []


def test_a_rule_may_ask_a_menu_of_its_own_and_asks_it_once() -> None:
    hall = Stadhuis()
    said = hall.hears("ik wil huren")
    assert (said.department, said.rule, said.task) == ("klantcontact", "", True)
    assert hall.heard == ["keuze_wonen"] and hall.state.menu == "wonen"
    assert rows_of_buttons(hall) == ["menu:wonen/huren", "menu:wonen/bouwen"]
    again = hall.after(seconds=90).hears("ja ik wil graag huren")
    assert hall.heard == ["keuze_onduidelijk"] and again.department == "klantcontact"


def test_a_photograph_that_a_rule_asks_a_menu_for_is_still_undecided() -> None:
    rule = {"id": "foto", "tenant": "hengelo", "types": ["image"], "menu": "wonen"}
    hall = Stadhuis(given=config(rules=[rule]))
    assert hall.hears("", "image").provisional
    assert hall.heard == ["keuze_wonen"]
    assert hall.hears("2").department == "groen"
    hall.after(minutes=5)
    assert hall.heard == [] and hall.happened == []


def rows_of_buttons(hall: Stadhuis) -> list[str]:
    return [button["reply"]["id"] for button in interactive(hall)["action"]["buttons"]]


def test_no_menu_goes_out_when_none_is_configured() -> None:
    hall = Stadhuis(given=config(tenant={"menu": ""}))
    hall.hears("er is iets met de buren")
    hall.after(minutes=5)
    assert hall.heard == [] and hall.happened == []
