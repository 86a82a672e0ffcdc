"""Automatic texts: the welcome, once a year; the citizen's language; files that nobody can open."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from router.conversation.auto_reply import FIRST_CONTACT_AGAIN_AFTER
from services.config.model import Configuration
from services.texts.catalogue import Texts
from services.texts.catalogue import parse as parse_texts
from tests.support.router.config_full import BORNE, CONFIG, DESK, DUTCH, ENGLISH, TEXTS, config
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import content_of

AUTOMATIC = ["eerste_contact", *CONFIG.tenants[0].automatic]
WELCOMES = config(tenant={"automatic": AUTOMATIC})
WELCOME = "Welkom bij gemeente Hengelo."
MENU = "Waarover gaat uw vraag?"
SHUT = "Wij zijn gesloten tot donderdag 26 november om 09.00 uur."
OPEN, CLOSED = "2026-11-25 13:00", "2026-11-25 18:00"


def welcoming(start: str = OPEN, **more: Any) -> Stadhuis:
    return Stadhuis(start, **{"given": WELCOMES} | more)


@pytest.mark.parametrize(
    ("start", "words", "bodies"),
    [
        (OPEN, "er is iets met de buren", [f"{WELCOME}\n\n{MENU}"]),
        (CLOSED, "er is iets met de buren", [f"{WELCOME}\n\n{SHUT}"]),
        (CLOSED, "hoi", [f"{WELCOME}\n\n{SHUT}"]),
        (OPEN, "ik wil huren", [f"{WELCOME}\n\nHuren of bouwen?"]),
        (OPEN, "mijn container", [WELCOME]),  # alone where nothing else is said
        (OPEN, "mijn garage", ["De garage is open."]),  # it waits
        (OPEN, "ik wil dood", ["Bel 113."]),
        (OPEN, "hoi", []),
    ],
)
def test_welcome_precedes_other_texts_where_it_fits(
    start: str, words: str, bodies: list[str]
) -> None:
    hall = welcoming(start)
    hall.hears(words)
    assert hall.bodies == bodies


@pytest.mark.parametrize("first", ["hoi", "mijn garage", "STOP"])
def test_welcome_goes_with_a_later_message_when_the_first_allows_none(first: str) -> None:
    hall = welcoming(given=config(tenant={"automatic": AUTOMATIC, "wait_minutes": 0}))
    hall.hears(first)
    assert not any(WELCOME in body for body in hall.bodies)
    hall.after(seconds=70).hears("en dan is er iets met de buren")
    hall.after(minutes=2).hears("en nog iets")
    assert sum(WELCOME in body for body in hall.bodies) == 1


def test_welcome_precedes_the_menu_after_a_greeting_and_the_text_about_a_transfer() -> None:
    hall = welcoming()
    hall.hears("hoi")
    assert hall.after(minutes=1).bodies == [f"{WELCOME}\n\n{MENU}"]
    hall.after(seconds=70).hears("mijn container")
    assert hall.bodies == []
    hall = welcoming()
    hall.hears("hoi")
    hall.orders("transfer", to_department="groen")
    assert hall.bodies == [f"{WELCOME}\n\nUw vraag is nu bij Openbare ruimte."]
    hall.after(minutes=5).hears("en nu?")
    assert hall.bodies == []


def test_welcome_goes_once_a_year_to_each_person() -> None:
    hall = welcoming()
    for _ in range(12):
        hall.hears("mijn container")
        hall.orders("close")
        hall.after(days=30)
    assert hall.bodies.count(WELCOME) == 1
    for late, welcomed in ((timedelta(days=-30), False), (timedelta(seconds=1), True)):
        hall.reaches(hall.now + FIRST_CONTACT_AGAIN_AFTER + late).hears("mijn container")
        assert (WELCOME in hall.bodies) is welcomed
        hall.orders("close")


def test_welcome_goes_once_for_all_numbers_of_a_municipality() -> None:
    hall = welcoming()
    hall.hears("mijn container")
    hall.after(minutes=5).hears("mijn container", number=DESK)
    assert hall.bodies == [WELCOME]
    hall.hears("mijn container", number=BORNE)
    assert hall.heard[-1:] == ["keuze"]


def test_late_message_leaves_the_welcome_to_the_next() -> None:
    script = "{late=60} mijn container\n +5m en nu? -> eerste_contact"
    play(script, given=WELCOMES)


@pytest.mark.parametrize("welcome", ["Welkom. " * 126, "Lees {privacy}."])
def test_welcome_waits_when_it_does_not_fit_before_a_menu(welcome: str) -> None:
    """Meta takes no more than 1,024 characters around a list; and a value may be missing."""
    dutch = DUTCH.replace("Welkom bij {gemeente}.", welcome)
    hall = welcoming(texts=Texts({"nl": parse_texts("nl", dutch, "nl.toml")[0]}, {}))
    hall.hears("er is iets met de buren")
    assert hall.bodies == [MENU]


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ("there is something wrong with my neighbours", "What is your question about?"),
        ("es gibt ein Problem mit meinen Nachbarn und ihrem Garten", MENU),  # no German texts
        ("er is iets met de buren en hun tuin", MENU),
    ],
)
def test_reply_is_in_the_language_of_the_citizen_or_in_dutch(words: str, body: str) -> None:
    hall = Stadhuis()
    hall.hears(words)
    assert hall.bodies == [body]


def test_language_of_a_conversation_stays_until_another_is_written() -> None:
    hall = Stadhuis(CLOSED, config(tenant={"wait_minutes": 0}))
    hall.hears("there is something wrong with my neighbours")
    hall.until("2026-11-26 18:00").hears("", "image")
    assert hall.state.language == "en"
    hall.until("2026-11-27 18:00").hears("ik wil graag weten wanneer u weer open bent")
    starts = [body.partition(" tot ")[0].partition(" until ")[0] for body in hall.bodies]
    assert starts == ["We are closed", "We are closed", "Wij zijn gesloten"]


@pytest.mark.parametrize(
    ("line", "bodies"),
    [
        ("", ["Write to english@hengelo.example.", "You cannot do that through WhatsApp."]),
        ("[officieel]", ["De garage is open.", "Dat kan niet via WhatsApp."]),  # lacks that one
    ],
)
def test_language_that_lacks_a_text_is_used_for_none(line: str, bodies: list[str]) -> None:
    english = ENGLISH.replace("The garage is open.", "Write to {mail}.")
    parsed = parse_texts("en", english, "en.toml")[0]
    parsed.pop(line.strip("[]"), None)
    texts = Texts({**TEXTS.languages, "en": parsed}, {})
    values = {"mail": "info@hengelo.example", "mail_en": "english@hengelo.example"}
    hall = Stadhuis(given=config(tenant={"values": values}), texts=texts)
    hall.hears("where is the parking of the garage please")
    hall.after(minutes=5).hears("thank you for that, and what is a bezwaar")
    assert hall.bodies == bodies


CRY = {"id": "cry", "language": "en", "words": ["wanna die"]}
CRIES = config(groups=[CRY], care=[{"id": "cry", "kind": "suicide", "groups": ["cry"]}])


@pytest.mark.parametrize(
    ("said", "bodies"),
    [
        (["wanna die"], ["Call 113."]),
        (["hoi wanna die, ik wil niet meer leven want het is op"], ["Bel 113."]),
        (["ik wil graag weten wanneer u open bent voor mijn container", "wanna die"], ["Bel 113."]),
    ],
)
def test_word_of_a_group_gives_a_language_only_where_nothing_else_shows_one(
    said: list[str], bodies: list[str]
) -> None:
    hall = Stadhuis(given=CRIES)
    for words in said:
        hall.after(minutes=5).hears(words)
    assert hall.bodies[-1:] == bodies


SOBER = "U schrijft met gemeente Hengelo."
LOSS = {"id": "overlijden", "words": ["overleden"], "first_text": "eerste_contact_sober"}
LOSES = config(tenant={"automatic": AUTOMATIC}, rules=[LOSS])


@pytest.mark.parametrize(
    ("start", "words", "bodies"),
    [
        (OPEN, "mijn vader is overleden", [f"{SOBER}\n\n{MENU}"]),
        (OPEN, "mijn vader is overleden, zijn paspoort", [SOBER]),
        (CLOSED, "mijn vader is overleden", [f"{SOBER}\n\n{SHUT}"]),
        (OPEN, "mijn paspoort", [WELCOME]),
    ],
)
def test_report_of_a_death_gets_no_welcome(start: str, words: str, bodies: list[str]) -> None:
    hall = welcoming(start, given=LOSES)
    hall.hears(words)
    assert hall.bodies == bodies


def test_report_of_a_danger_gets_no_welcome_later_either() -> None:
    hall = welcoming()
    hall.hears("ik ruik gas, er is een gaslek")
    assert hall.bodies == ["Is er gevaar? Bel 112."]
    hall.orders("text")
    hall.after(hours=25).hears("mijn container")
    assert hall.bodies == [SOBER]


def test_first_text_waits_without_a_welcome_too() -> None:
    """The rule names it once; the text goes with a later message."""
    hall = welcoming(given=LOSES)
    hall.hears("overleden, en de garage")
    assert hall.bodies == ["De garage is open."]
    hall.after(minutes=5).hears("en wat nu?")
    assert hall.bodies == [SOBER]


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (config(rules=[LOSS]), TEXTS),  # sends no first text at all
        (LOSES, Texts({"nl": {id: text for id, text in TEXTS.languages["nl"].items()
                              if id != "eerste_contact_sober"}}, {})),
    ],
)  # fmt: skip
def test_no_first_text_is_sent_where_the_municipality_has_none(
    given: Configuration, texts: Texts
) -> None:
    hall = Stadhuis(given=given, texts=texts)
    hall.hears("mijn vader is overleden, zijn paspoort")
    assert hall.bodies == []


@pytest.mark.parametrize("words", ["info", "Info!", "MEER WETEN"])
def test_citizen_asks_for_a_text_by_its_word(words: str) -> None:
    """Also at once after the first text, and each time; it is no work for anybody."""
    hall = welcoming()
    hall.hears("mijn container")
    for _ in range(2):
        asked = hall.after(seconds=10).hears(words)
        assert not asked.task
    assert hall.bodies == [WELCOME, "Meer leest u op de site.", "Meer leest u op de site."]
    assert hall.conversation.department == "groen"


def test_text_is_asked_for_after_a_closing_and_by_a_stranger() -> None:
    hall = welcoming()
    hall.hears("mijn container")
    hall.orders("close")
    closed = hall.after(minutes=1).hears("info")
    assert (hall.bodies[-1], closed.reopened, closed.task) == (
        "Meer leest u op de site.", False, False)  # fmt: skip
    stranger = welcoming()
    stranger.hears("info")
    assert stranger.bodies == ["Meer leest u op de site."]
    assert stranger.after(minutes=5).happened == []  # no silence makes work of it


def test_text_asked_for_is_in_the_language_of_the_conversation() -> None:
    hall = Stadhuis()
    hall.hears("there is something wrong with my neighbours")
    hall.after(seconds=5).hears("info")
    assert hall.bodies[-1] == "Read more on the site."


@pytest.mark.parametrize("type", ["image", "document", "video", "interactive", "button"])
def test_caption_and_tap_ask_for_no_text(type: str) -> None:
    """Else nobody would look at the photo, or at what was chosen."""
    hall = Stadhuis()
    hall.hears("mijn container")
    hall.orders("text", text="Een afspraak, of alleen informatie?")
    sent = hall.after(minutes=5).hears(type=type, content=content_of(type, "Info", choice="crm-7"))
    assert (sent.task, hall.bodies) == (True, [])


def test_option_of_the_open_menu_asks_for_no_text() -> None:
    menus = [{"id": "keuze", "options": [
        {"id": "meer", "title": "Meer weten", "department": "burgerzaken"},
        {"id": "anders", "title": "Medewerker", "department": "klantcontact"}]}]  # fmt: skip
    hall = Stadhuis(given=config(menus=menus))
    hall.hears("er is iets met de buren")
    chosen = hall.after(seconds=90).hears("meer weten")
    assert (chosen.task, hall.conversation.department) == (True, "burgerzaken")
    assert hall.state.menu == ""
    asked = hall.after(minutes=5).hears("meer weten")  # the menu is answered
    assert (asked.task, hall.heard) == (False, ["keuze", "meer"])


def test_word_within_a_message_asks_for_no_text() -> None:
    hall = Stadhuis()
    hall.hears("info over mijn container")
    assert hall.bodies == []


@pytest.mark.parametrize(
    ("type", "more", "heard"),
    [
        ("audio", {}, ["spraakbericht"]),
        ("voice", {}, ["spraakbericht"]),
        ("unsupported", {"content": {"type": "edit"}}, ["aangepast"]),
        ("unsupported", {"content": {"type": "poll"}}, ["bestand"]),
        ("unsupported", {"content": {"type": ["edit"]}}, ["bestand"]),
        ("image", {"beside": {"errors": [{"code": 131052}]}}, ["bestand"]),
        ("image", {"beside": {"errors": [{"code": 131051}]}}, []),
        ("image", {}, []),
        ("nieuw", {"content": {}}, []),
    ],
)
def test_unsupported_message_is_explained_once_where_configured(
    type: str, more: dict[str, Any], heard: list[str]
) -> None:
    hall = Stadhuis()
    hall.hears("", type, **more)
    hall.after(seconds=70).hears("", type, **more)
    assert [name for name in hall.heard if name != "keuze"] == heard
    silent = Stadhuis(given=config(tenant={"automatic": []}))
    silent.hears("", type, **more)
    assert silent.heard == []


def test_automatic_text_is_sent_in_meta_s_form() -> None:
    hall = Stadhuis()
    said = hall.hears("mijn garage")
    [send] = [changes.send for changes in hall.router.changes if changes.send]
    assert said.reply and send.id == said.reply.id
    content = {"type": "text", "text": {"body": "De garage is open."}}
    assert msgspec.json.decode(send.content) == content
    assert (send.address_kind, send.address) == ("phone", "31611111111")
    assert hall.router.outgoing[send.id].status == "accepted"
