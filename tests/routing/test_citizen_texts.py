"""Texts of the example town that answer a first message: which of them go out."""

from datetime import datetime

import pytest

from services.calendar.opening_hours import AMSTERDAM
from tests.support.router.decisions import DecisionView
from tests.support.routing.town_hall import example, hear, open_town_hall

pytestmark = pytest.mark.slow

WEDNESDAY = datetime(2026, 11, 25, 10, tzinfo=AMSTERDAM)
"""An hour at which every department is open."""

WELCOMES = ("Welkom", "Welcome", "Willkommen", "Witamy", "hoş geldiniz", "Вітаємо", "مرحبًا")
"""Words of `eerste_contact` that `eerste_contact_sober` lacks."""


def answer(text: str) -> tuple[str, DecisionView]:
    """The body of the text that answers a first message, '' for none, and the decision."""
    hall = open_town_hall(example(), WEDNESDAY, few_texts=True)
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
