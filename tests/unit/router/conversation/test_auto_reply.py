"""How this works is told once a year, before something else where it can; in the language that
somebody writes; and what we cannot hear or open is said so."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from router.conversation.auto_reply import FIRST_CONTACT_AGAIN_AFTER
from services.config.model import Configuration
from services.texts.catalogue import Texts
from services.texts.catalogue import parse as texts_of
from tests.support.router.config_full import BORNE, CONFIG, DESK, DUTCH, ENGLISH, TEXTS, config
from tests.support.router.simulation import Stadhuis

AUTOMATIC = ["eerste_contact", *CONFIG.tenants[0].automatic]
WELCOMES = config(tenant={"automatic": AUTOMATIC})
WELCOME = "Welkom bij gemeente Hengelo."
MENU = "Waarover gaat uw vraag?"
SHUT = "Wij zijn gesloten tot donderdag 26 november om 09.00 uur."


def new(start: str = "2026-11-25 13:00", given: Configuration = WELCOMES, **more: Any) -> Stadhuis:
    return Stadhuis(start, given, **more)


@pytest.mark.parametrize(
    ("start", "words", "bodies"),
    [
        ("2026-11-25 13:00", "er is iets met de buren", [f"{WELCOME}\n\n{MENU}"]),
        ("2026-11-25 18:00", "er is iets met de buren", [f"{WELCOME}\n\n{SHUT}"]),
        ("2026-11-25 18:00", "hoi", [f"{WELCOME}\n\n{SHUT}"]),
        ("2026-11-25 13:00", "ik wil huren", [f"{WELCOME}\n\nHuren of bouwen?"]),
        ("2026-11-25 13:00", "mijn container", [WELCOME]),  # alone where nothing else is said
        ("2026-11-25 13:00", "mijn garage", ["De garage is open."]),  # it waits
        ("2026-11-25 13:00", "ik wil dood", ["Bel 113."]),
        ("2026-11-25 13:00", "hoi", []),
    ],
)
def test_welcome_precedes_other_texts_where_it_fits(
    start: str, words: str, bodies: list[str]
) -> None:
    hall = new(start)
    hall.hears(words)
    assert hall.bodies == bodies


@pytest.mark.parametrize("first", ["hoi", "mijn garage", "STOP"])
def test_welcome_goes_with_a_later_message_when_the_first_allows_none(first: str) -> None:
    hall = new(given=config(tenant={"automatic": AUTOMATIC, "wait_minutes": 0}))
    hall.hears(first)
    before = hall.bodies
    assert not any(WELCOME in body for body in before)
    hall.after(seconds=70).hears("en dan is er iets met de buren")
    hall.after(minutes=2).hears("en nog iets")
    assert sum(WELCOME in body for body in hall.bodies) == 1


def test_welcome_precedes_the_menu_when_a_citizen_only_greets() -> None:
    hall = new()
    hall.hears("hoi")
    hall.after(minutes=1)
    assert hall.bodies == [f"{WELCOME}\n\n{MENU}"]
    hall.after(seconds=70).hears("mijn container")
    assert hall.bodies == []


def test_welcome_precedes_the_text_about_a_transfer() -> None:
    hall = new()
    hall.hears("hoi")
    hall.orders("transfer", to_department="groen")
    assert hall.bodies == [f"{WELCOME}\n\nUw vraag is nu bij Openbare ruimte."]
    hall.after(minutes=5).hears("en nu?")
    assert hall.bodies == []


def test_welcome_goes_once_a_year_to_each_person() -> None:
    hall = new()
    for _ in range(12):
        hall.hears("mijn container")
        hall.orders("close")
        hall.after(days=30)
    assert hall.bodies.count(WELCOME) == 1
    hall.reaches(hall.now + FIRST_CONTACT_AGAIN_AFTER - timedelta(days=30)).hears("mijn container")
    assert WELCOME not in hall.bodies
    hall.orders("close")
    hall.reaches(hall.now + FIRST_CONTACT_AGAIN_AFTER + timedelta(seconds=1)).hears(
        "mijn container"
    )
    assert WELCOME in hall.bodies


def test_welcome_goes_once_for_all_numbers_of_a_municipality() -> None:
    hall = new()
    hall.hears("mijn container")
    hall.after(minutes=5).hears("mijn container", number=DESK)
    assert hall.bodies == [WELCOME]
    hall.hears("mijn container", number=BORNE)
    assert hall.heard[-1:] == ["keuze"]


def test_a_message_that_came_late_leaves_it_to_the_next() -> None:
    hall = new()
    hall.hears("mijn container", late=60)
    assert hall.bodies == []
    hall.after(minutes=5).hears("en nu?")
    assert hall.bodies == [WELCOME]


def test_menu_goes_without_a_welcome_when_none_is_configured() -> None:
    hall = new(given=config())
    hall.hears("er is iets met de buren")
    assert hall.bodies == [MENU]


@pytest.mark.parametrize("welcome", ["Welkom. " * 126, "Lees {privacy}."])
def test_welcome_waits_when_it_does_not_fit_before_a_menu(welcome: str) -> None:
    """Meta takes no more than 1,024 characters around a list; and a value may be missing."""
    dutch = DUTCH.replace("Welkom bij {gemeente}.", welcome)
    texts = Texts({"nl": texts_of("nl", dutch, "nl.toml")[0]}, {})
    hall = new(texts=texts)
    hall.hears("er is iets met de buren")
    assert hall.bodies == [MENU]


@pytest.mark.parametrize(
    ("words", "bodies"),
    [
        ("there is something wrong with my neighbours", ["What is your question about?"]),
        ("es gibt ein Problem mit meinen Nachbarn und ihrem Garten", [MENU]),  # no German texts
        ("er is iets met de buren en hun tuin", [MENU]),
    ],
)
def test_reply_is_in_the_language_of_the_citizen_or_in_dutch(words: str, bodies: list[str]) -> None:
    hall = Stadhuis()
    hall.hears(words)
    assert hall.bodies == bodies


def test_the_language_stays_until_another_is_written() -> None:
    hall = Stadhuis("2026-11-25 18:00", config(tenant={"wait_minutes": 0}))
    hall.hears("there is something wrong with my neighbours")
    assert hall.bodies[0].startswith("We are closed until ")
    hall.until("2026-11-26 18:00").hears("", "image")
    assert hall.bodies[-1].startswith("We are closed until ")
    assert hall.state.language == "en"
    hall.until("2026-11-27 18:00").hears("ik wil graag weten wanneer u weer open bent")
    assert hall.bodies[-1].startswith("Wij zijn gesloten tot ")


def test_untranslated_text_is_said_in_dutch_with_dutch_values() -> None:
    english = ENGLISH + '[garage]\ntext = "Write to {mail}."\n'
    texts = Texts({**TEXTS.languages, "en": texts_of("en", english, "en.toml")[0]}, {})
    values = {"mail": "info@hengelo.example", "mail_en": "english@hengelo.example"}
    hall = Stadhuis(given=config(tenant={"values": values}), texts=texts)
    hall.hears("where is the parking of the garage please")
    assert hall.bodies == ["Write to english@hengelo.example."]
    hall.after(minutes=5).hears("thank you for that, and what is a bezwaar")
    assert hall.bodies == ["Dat kan niet via WhatsApp."]


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
def test_unsupported_message_is_explained_once(
    type: str, more: dict[str, Any], heard: list[str]
) -> None:
    hall = Stadhuis()
    hall.hears("", type, **more)
    hall.after(seconds=70).hears("", type, **more)
    texts = hall.heard
    assert [name for name in texts if name != "keuze"] == heard
    silent = Stadhuis(given=config(tenant={"automatic": []}))
    silent.hears("", type, **more)
    assert silent.heard == []


def test_a_text_is_sent_as_meta_takes_it_and_as_a_machine_wrote_it() -> None:
    hall = Stadhuis()
    said = hall.hears("mijn garage")
    [send] = [changes.send for _, _, changes in hall.done if changes.send]
    assert said.reply and send.id == said.reply.id
    assert msgspec.json.decode(send.content) == {
        "type": "text",
        "text": {"body": "De garage is open."},
    }
    assert (send.address_kind, send.address) == ("phone", "31611111111")
    assert hall.router.outgoing[send.id].status == "accepted"
