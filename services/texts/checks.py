"""Whether the texts and menus for citizens are fit to send: a sentence for everything that is not.
Pure; `postkamer check` says it all."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from services.language import readability
from services.texts.catalogue import (
    COMPUTED,
    DEFAULT,
    PLACEHOLDER,
    PLACEHOLDERS,
    TEXTS,
    Text,
    Texts,
    Values,
    glued,
    lacking,
    rendered,
    values_in,
)
from services.toml.errors import Fault
from services.whatsapp.limits import BUTTON, BUTTONS, DESCRIPTION, INTERACTIVE_BODY, ROWS, TITLE

PERSON = frozenset({"medewerker", "medewerkers", "employee", "person", "staff"})
"""In a menu, the way to somebody."""

GLUED = ("eerste_contact", ("gesloten", "keuze", "doorgestuurd"))
"""What is put in front of which, as one message."""

WORDS = {"opent": 6, "moment": 6, "datum": 3, "afdeling": 5, "reden": 6}
"""Of the longest that is computed: `maandag 30 december om 09.00 uur`; `de storm van vannacht`."""
ROOM = 200
"""Characters that a computed value may take: so long may a department's name be."""


def faults_of(texts: Texts, values: Mapping[str, Values]) -> Iterator[Fault]:
    """Everything wrong with them. `values`: municipality -> what it gives for the placeholders."""
    found = [*texts.faults, *_missing(texts)]
    for tenant, given in values.items():
        for text in _each(texts):
            here = values_in(text.language, given)
            found += [text.fault(what) for check in CHECKS for what in check(text, here)]
            found += [text.fault(f"{what} at {tenant}") for what in _unfilled(text, here)]
        found += _too_long_together(texts, given)
    yield from dict.fromkeys(found)  # most are the same at each municipality


def warnings_of(texts: Texts) -> Iterator[Fault]:
    """What a person may want to look at: it works all the same."""
    dutch = texts.languages.get(DEFAULT, {})
    for language, there in texts.languages.items():
        path, lost = texts.paths[language], unread(texts, language)
        for id in (id for id in dutch if id not in there and id not in lost):
            yield Fault(path, 0, id, "is not there, so citizens get it in Dutch")
    for text in _each(texts):
        if _names(text) != _names(dutch.get(text.id, text)):
            yield text.fault("has other placeholders than in Dutch")


def menu_faults(rows: Sequence[tuple[str, str]], body: str, button: str) -> Iterator[str]:
    """What is wrong with a list: `rows` are titles and descriptions."""
    yield from _options([title for title, _ in rows], ROWS, TITLE)
    yield from _said("its text", body, INTERACTIVE_BODY)
    yield from _said("the button that opens it", button, BUTTON)
    yield from _asking("the button that opens it", button)
    for title, description in rows:
        yield from _too_long(f"what stands under {title!r}", description, DESCRIPTION)
        yield from _asking(f"what stands under {title!r}", description)
    yield from _without_person(" ".join(f"{title} {description}" for title, description in rows))


def button_faults(titles: Sequence[str], body: str) -> Iterator[str]:
    """What is wrong with a menu of buttons."""
    yield from _options(titles, BUTTONS, BUTTON)
    yield from _said("its text", body, INTERACTIVE_BODY)
    yield from _without_person(" ".join(titles))


def _options(titles: Sequence[str], many: int, most: int) -> Iterator[str]:
    if not 1 <= len(titles) <= many:
        yield f"{len(titles)} options; Meta takes 1 to {many}"
    if len(set(titles)) < len(titles):
        yield "two options are called the same"
    for title in titles:
        yield from _said(f"option {title!r}", title, most)
        yield from _asking(f"option {title!r}", title)


def _without_person(said: str) -> Iterator[str]:
    if not PERSON & set(re.findall(r"\w+", said.casefold())):
        yield "no option leads to a person: one must say medewerker"


def _said(what: str, said: str, most: int) -> Iterator[str]:
    if not said.strip():
        yield f"{what} is empty"
    yield from _too_long(what, said, most)


def _asking(what: str, said: str) -> Iterator[str]:
    if readability.asking(said):
        yield f"{what} asks for what may not go by WhatsApp"


def _too_long(what: str, said: str, most: int) -> Iterator[str]:
    if readability.length(said) > most:
        yield f"{what} has {readability.length(said)} characters; Meta takes {most}"


def _form(text: Text, _: Values) -> Iterator[str]:
    """Placeholders that nothing fills, and what else its id asks of it."""
    for name in dict.fromkeys(PLACEHOLDER.findall(text.body)):
        if PLACEHOLDERS.get(name) == COMPUTED and name not in TEXTS.get(text.id, ()):
            yield f"{{{name}}} is not known when this text is sent"
    if set("{}") & set(PLACEHOLDER.sub("", text.body)):
        yield "has a brace that belongs to no placeholder"
    if text.id == "keuze" and not text.button:
        yield "has no button to open the list with"
    if text.id == "antwoord_klaar" and not text.buttons:
        yield "has no buttons to answer with"


def _sizes(text: Text, values: Values) -> Iterator[str]:
    yield from _too_long("it", _longest(text, values), text.most)
    yield from _too_long("its button", text.button, BUTTON)
    yield from _asking("its button", text.button)
    if text.buttons:
        yield from _options(text.buttons, BUTTONS, BUTTON)


def _language(text: Text, values: Values) -> Iterator[str]:
    computed = {name: " ".join(["x"] * many) for name, many in WORDS.items()}
    yield from readability.faults(text.body, lambda part: rendered(part, {**values, **computed}))


CHECKS: tuple[Callable[[Text, Values], Iterator[str]], ...] = (_form, _sizes, _language)


def _unfilled(text: Text, values: Values) -> Iterator[str]:
    for name in lacking(text.body, values):
        if PLACEHOLDERS.get(name) != COMPUTED:
            unknown = "" if name in PLACEHOLDERS else ", and is none of ours"
            yield f"{{{name}}} has no value{unknown}"


def _missing(texts: Texts) -> Iterator[Fault]:
    """Dutch has them all; in another language, only what Dutch has."""
    path, lost = texts.paths.get(DEFAULT, DEFAULT), unread(texts, DEFAULT)
    if "file" in lost:
        return
    there = texts.languages.get(DEFAULT, {}).keys() | lost
    for id in TEXTS:
        if id not in there:
            yield Fault(path, 0, id, "is not there")
    for text in _each(texts):
        if text.id not in there:
            yield text.fault("is not there in Dutch, so nobody else gets it")


def unread(texts: Texts, language: str) -> set[str]:
    """Ids of what stands in its file but cannot be read; `file` where that is all of it."""
    path = texts.paths.get(language)
    return {fault.where.split(".")[0] for fault in texts.faults if fault.path == path}


def _too_long_together(texts: Texts, given: Values) -> Iterator[Fault]:
    first, seconds = GLUED
    for language, there in texts.languages.items():
        values = values_in(language, given)
        for second in (there[id] for id in seconds if id in there and first in there):
            both = glued(_longest(there[first], values), _longest(second, values))
            for what in _too_long(f"with {second.id} behind it, it", both, second.most):
                yield there[first].fault(what)


def _longest(text: Text, values: Values) -> str:
    return rendered(text.body, {**values, **dict.fromkeys(WORDS, "x" * ROOM)})


def _each(texts: Texts) -> Iterator[Text]:
    return (text for there in texts.languages.values() for text in there.values())


def _names(text: Text) -> set[str]:
    return set(PLACEHOLDER.findall(text.body))
