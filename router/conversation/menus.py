"""Menus: what is asked when no rule decides, and which option an answer means. Pure.

Where somebody is in nested menus is a path, `afval/grofvuil`; a row's id is that path and the
option. So an older menu that is still on the screen can be used as well.
"""

import re
from typing import Any

import msgspec

from services.config import text_references
from services.config.model import Configuration
from services.config.routing_rules import Menu, Option
from services.language.words import plain_words
from services.whatsapp import items

BACK = Option(id="terug", title=text_references.BACK, reply="terug")
"""What stands under every menu within a menu."""
_FILLERS = """
optie keuze nummer nr nummertje no number option choice ik kies wil graag doe maar dan de het voor i
please aub alstublieft svp
"""
FILLERS = frozenset(_FILLERS.split())
"""May stand beside the number of a choice."""
_DUTCH = "een twee drie vier vijf zes zeven acht negen tien"
_ENGLISH = "one two three four five six seven eight nine ten"
NUMBERS = {word: n for words in (_DUTCH, _ENGLISH) for n, word in enumerate(words.split(), 1)}
PREFIX = "menu:"
"""Of the ids of our rows and buttons; a CRM's own begin otherwise."""
LIST_BUTTON = "Kies onderwerp"
"""Opens a list whose text names no button."""
LONGEST = 130
"""Characters of a path: with what stands around it, it fits in the 200 of a row's id at Meta."""


class MenuChoice(msgspec.Struct, frozen=True):
    """An option, the path of the menu that it stands in, and whether it leads back."""

    path: str
    option: Option

    @property
    def is_back(self) -> bool:
        return self.option is BACK

    @property
    def next_path(self) -> str:
        """The path of the menu that it leads to."""
        if self.is_back:
            return self.path.rpartition("/")[0]
        return f"{self.path}/{self.option.menu}"


def menu_at(path: str, config: Configuration) -> Menu | None:
    """None where these menus do not lead to each other: whoever taps a row sends its id back, and
    it stands in our records from there on."""
    if len(path) > LONGEST:
        return None
    menu = None
    for id in path.split("/"):
        if menu and id not in [option.menu for option in menu.options]:
            return None
        menu = next((each for each in config.menus if each.id == id), None)
        if menu is None:
            return None
    return menu


def last_of(path: str) -> str:
    """Id of the menu at its end."""
    return path.rpartition("/")[2]


def options(path: str, menu: Menu) -> tuple[Option, ...]:
    return (*menu.options, BACK) if "/" in path else menu.options


def match_choice(
    item: items.Message, text: str, path: str, config: Configuration
) -> MenuChoice | None:
    """Which option a message means: the row that was tapped, wherever it stood; else, in the menu
    that was asked last, the number of an option or its name."""
    if item.content.choice.startswith(PREFIX):
        there, _, id = item.content.choice.removeprefix(PREFIX).rpartition("/")
        return _option(there, config, lambda n, option: option.id == id)
    said = plain_words(text) if path else []
    if not said:
        return None
    number = _number(said)
    return _option(path, config, lambda n, option: n == number or said == plain_words(option.title))


def _number(said: list[str]) -> int | None:
    """The one number that is said, beside words that go with a choice: `doe maar twee`."""
    rest = [word for word in said if word not in FILLERS]
    if len(rest) != 1:
        return None
    word = rest[0]
    return int(word) if re.fullmatch("[1-9][0-9]?", word) else NUMBERS.get(word)


def _option(path: str, config: Configuration, wanted: Any) -> MenuChoice | None:
    menu = menu_at(path, config)
    if menu is None:
        return None
    for n, option in enumerate(options(path, menu), 1):
        if wanted(n, option):
            return MenuChoice(path, option)
    return None


def menu_payload(path: str, menu: Menu, body: str, button: str) -> dict[str, Any]:
    """As Meta takes it: buttons up to three options, else a list."""
    rows = [
        {"id": f"{PREFIX}{path}/{option.id}", "title": option.title}
        | ({"description": option.description} if option.description else {})
        for option in options(path, menu)
    ]
    if menu.has_buttons and "/" not in path:
        buttons = [
            {"type": "reply", "reply": {"id": row["id"], "title": row["title"]}} for row in rows
        ]
        asked: dict[str, Any] = {"type": "button", "action": {"buttons": buttons}}
    else:
        sections = [{"rows": rows}]
        asked = {"type": "list", "action": {"button": button or LIST_BUTTON, "sections": sections}}
    return {"type": "interactive", "interactive": asked | {"body": {"text": body}}}
