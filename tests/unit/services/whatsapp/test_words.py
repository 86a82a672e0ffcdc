"""Words of a message that rules see."""

from pathlib import Path

import pytest

from services.whatsapp.items import Message
from services.whatsapp.parser import parse, words

EXAMPLES = Path(__file__).parents[3] / "examples" / "whatsapp"
WORDS = {
    "text": "Wanneer wordt het grofvuil opgehaald in de Kerkstraat? ♻️",
    "image": "Deze container is vol",
    "document": "Mijn bezwaar",
    "location": "Stadhuis\nHaven Zuidzijde 30, Almelo",
    "interactive_button": "Afval",
    "interactive_list": "Paspoort",
    "interactive_flow": "",
    "button": "Stop",
    "reaction": "",
    "contacts": "",
    "system": "",
    "order": "Twee graag",
    "edit": "Deze container is heel vol",
    "unsupported": "",
}


@pytest.mark.parametrize("name", WORDS)
def test_rules_see_only_what_the_citizen_said_or_chose(name: str) -> None:
    message = parse((EXAMPLES / f"{name}.json").read_bytes())[0]
    assert isinstance(message, Message)
    assert words(message) == WORDS[name]
