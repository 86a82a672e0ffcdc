"""Build menus, which are sent when no rule decides, and match answers to their options. Pure.

The place in nested menus is a path, `afval/grofvuil`; the id of a row is that path and the option.
So an older menu that is still on the screen works too.
"""

import re
from typing import Any

import msgspec

from router.model.conversation import Conversation
from router.rules.municipal_rules import with_own_department
from services.config import text_references
from services.config.model import Configuration
from services.config.routing_rules import Menu, Option
from services.language.words import plain_words
from services.whatsapp import items

BACK = Option(id="terug", title=text_references.BACK, reply="terug")
"""Option under every nested menu."""
_FILLERS = """
optie keuze nummer nr nummertje no number option choice ik kies wil graag doe maar dan de het voor i
please aub alstublieft svp
"""
FILLERS = frozenset(_FILLERS.split())
"""Words that may accompany the number of an option."""
_DUTCH = "een twee drie vier vijf zes zeven acht negen tien"
_ENGLISH = "one two three four five six seven eight nine ten"
NUMBERS = {word: n for words in (_DUTCH, _ENGLISH) for n, word in enumerate(words.split(), 1)}
PREFIX = "menu:"
"""Start of the ids of our rows and buttons; ids of a CRM start otherwise."""
LIST_BUTTON = "Kies onderwerp"
"""Label of the button that opens a list, if the text names none."""
MAX_PATH = 130
"""Characters of a path: with the prefix and the option it fits in the 200 of a row id at Meta."""


class MenuChoice(msgspec.Struct, frozen=True):
    """An option, and the path of its menu."""

    path: str
    option: Option

    @property
    def is_back(self) -> bool:
        return self.option is BACK

    @property
    def next_path(self) -> str:
        """Path of the menu that the option leads to."""
        if self.is_back:
            return self.path.rpartition("/")[0]
        return f"{self.path}/{self.option.menu}"


def menu_at(path: str, config: Configuration) -> Menu | None:
    """Return the last menu of a path; None if these menus do not lead to each other. The path comes
    from outside, because a tapped row sends its id back, and it is recorded from there on."""
    if len(path) > MAX_PATH:
        return None
    menu = None
    for id in path.split("/"):
        if menu and id not in [option.menu for option in menu.options]:
            return None
        menu = next((each for each in config.menus if each.id == id), None)
        if menu is None:
            return None
    return menu


def open_path(last: Conversation | None) -> str:
    """Return the path of the menu that waits for an answer; '' if none does."""
    return last.state.menu if last and not last.closed_at else ""


def last_menu(path: str) -> str:
    """Return the id of the last menu of a path."""
    return path.rpartition("/")[2]


def list_options(path: str, menu: Menu) -> tuple[Option, ...]:
    return (*menu.options, BACK) if "/" in path else menu.options


def match_choice(
    item: items.Message, text: str, path: str, config: Configuration, tenant: str
) -> MenuChoice | None:
    """Return the option that a message means: the tapped row, in whichever menu; else, in the last
    menu sent, the option with that number or title. It leads to a department of the municipality
    itself."""
    choice = _match_option(item, text, path, config)
    if choice is None:
        return None
    option = with_own_department(choice.option, config.own_departments(tenant))
    return MenuChoice(choice.path, option)


def _match_option(
    item: items.Message, text: str, path: str, config: Configuration
) -> MenuChoice | None:
    if item.content.choice.startswith(PREFIX):
        path, _, id = item.content.choice.removeprefix(PREFIX).rpartition("/")
        return _find_option(path, config, lambda n, option: option.id == id)
    words = plain_words(text) if path else []
    if not words:
        return None
    number = _find_number(words)
    return _find_option(
        path, config, lambda n, option: n == number or words == plain_words(option.title)
    )


def _find_number(words: list[str]) -> int | None:
    """Return the only number in the text; other words must go with a choice: `doe maar twee`."""
    rest = [word for word in words if word not in FILLERS]
    if len(rest) != 1:
        return None
    word = rest[0]
    return int(word) if re.fullmatch("[1-9][0-9]?", word) else NUMBERS.get(word)


def _find_option(path: str, config: Configuration, is_wanted: Any) -> MenuChoice | None:
    menu = menu_at(path, config)
    if menu is None:
        return None
    for n, option in enumerate(list_options(path, menu), 1):
        if is_wanted(n, option):
            return MenuChoice(path, option)
    return None


def build_payload(path: str, menu: Menu, body: str, button: str) -> dict[str, Any]:
    """Return the menu in Meta's format: buttons for up to three options, else a list."""
    rows = [
        {"id": f"{PREFIX}{path}/{option.id}", "title": option.title}
        | ({"description": option.description} if option.description else {})
        for option in list_options(path, menu)
    ]
    if menu.has_buttons and "/" not in path:
        buttons = [
            {"type": "reply", "reply": {"id": row["id"], "title": row["title"]}} for row in rows
        ]
        interactive: dict[str, Any] = {"type": "button", "action": {"buttons": buttons}}
    else:
        sections = [{"rows": rows}]
        interactive = {
            "type": "list",
            "action": {"button": button or LIST_BUTTON, "sections": sections},
        }
    return {"type": "interactive", "interactive": interactive | {"body": {"text": body}}}
