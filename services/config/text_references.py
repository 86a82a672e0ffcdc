"""References from a configuration to texts, and the menus that need them. Pure."""

from collections.abc import Container, Iterator

from services.config.model import Configuration
from services.config.organisation import Tenant
from services.config.routing_rules import Menu
from services.texts.catalogue import DEFAULT, Texts
from services.texts.checks import FIRST_TEXTS, button_faults, menu_faults, unreadable_texts
from services.toml.errors import Location
from services.toml.suggestions import did_you_mean

BACK = "Terug"
"""Title of the way back, which every nested menu has as its last row."""


def placeholder_values(tenant: Tenant) -> dict[str, str]:
    """Return the values of a municipality for the placeholders."""
    return {"gemeente": tenant.name, **tenant.values}


def first_texts(config: Configuration) -> frozenset[str]:
    """Return the ids of all texts that a citizen may get as the first."""
    return FIRST_TEXTS | {rule.first_text for rule in config.rules if rule.first_text}


def text_reference_errors(
    config: Configuration, texts: Texts, lost: Container[str] = ()
) -> Iterator[tuple[Location, str]]:
    """Find texts that are named but missing, and menus that Meta would refuse.

    `lost` has the tables of which only a part could be read.
    """
    for location, id in _texts_of_rules(config):
        yield from _missing_text(location, id, texts)
    nested = {option.menu for menu in config.menus for option in menu.options} - {""}
    for n, menu in enumerate(config.menus):
        yield from _missing_text(("menus", n, "text"), menu.text, texts)
        for m, option in enumerate(menu.options):
            if option.reply:
                yield from _missing_text(("menus", n, "options", m, "reply"), option.reply, texts)
        if menu.id in nested or "menus" not in lost:  # else it may be nested in one that is lost
            yield from (
                (("menus", n), what) for what in _menu_faults(menu, menu.id in nested, texts)
            )


def _texts_of_rules(config: Configuration) -> Iterator[tuple[Location, str]]:
    """Yield the texts that rules name, and where."""
    for n, rule in enumerate(config.rules):
        named = (("reply", rule.reply), ("first_text", rule.first_text))
        yield from ((("rules", n, setting), id) for setting, id in named if id)
    yield from (
        (("care", n, "reply"), rule.reply) for n, rule in enumerate(config.care) if rule.reply
    )


def _missing_text(where: Location, id: str, texts: Texts) -> Iterator[tuple[Location, str]]:
    if texts.find(DEFAULT, id) is None and not {id, "file"} & unreadable_texts(texts, DEFAULT):
        meant = did_you_mean(id, texts.languages.get(DEFAULT, {}))
        yield where, f"there is no text {id!r}{meant}"


def _menu_faults(menu: Menu, nested: bool, texts: Texts) -> Iterator[str]:
    """Find faults of a menu. A nested menu needs no option for a person: the way back leads to
    one."""
    text = texts.find(DEFAULT, menu.text)
    body, button = (text.body, text.button) if text else ("?", "?")
    rows = [(option.title, option.description) for option in menu.options]
    if nested:
        rows.append((BACK, "medewerker"))
        yield from menu_faults(rows, body, button or "?")
    elif menu.has_buttons:
        yield from button_faults([title for title, _ in rows], body)
    else:
        yield from menu_faults(rows, body, button)
