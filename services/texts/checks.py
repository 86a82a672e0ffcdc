"""Checks of the texts and menus for citizens, with a sentence for each fault. Pure.

`postkamer check` prints the sentences.
"""

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
    join_texts,
    localised_values,
    missing_placeholders,
    render,
)
from services.toml.errors import ConfigFault
from services.whatsapp.limits import BUTTON, BUTTONS, DESCRIPTION, INTERACTIVE_BODY, ROWS, TITLE

PERSON = frozenset({"medewerker", "medewerkers", "employee", "person", "staff"})
"""Words in a menu that lead to a person."""

JOINED = ("eerste_contact", ("gesloten", "keuze", "doorgestuurd"))
"""First text, and the texts that may follow it in one message."""

WORDS = {"opent": 6, "moment": 6, "datum": 3, "afdeling": 5, "reden": 6}
"""Placeholder -> number of words of its longest value, such as `maandag 30 december om 09.00 uur`
or `de storm van vannacht`."""
LONGEST_VALUE = 200
"""Characters of the longest computed value, the name of a department."""


def text_errors(texts: Texts, values: Mapping[str, Values]) -> Iterator[ConfigFault]:
    """Find the faults of all texts. `values`: municipality -> its values of the placeholders."""
    faults = [*texts.faults, *_missing(texts)]
    for tenant, tenant_values in values.items():
        for text in _all_texts(texts):
            local = localised_values(text.language, tenant_values)
            faults += [text.fault(fault) for check in CHECKS for fault in check(text, local)]
            faults += [text.fault(f"{fault} at {tenant}") for fault in _unfilled(text, local)]
        faults += _too_long_together(texts, tenant_values)
    yield from dict.fromkeys(faults)  # most are the same at each municipality


def text_warnings(texts: Texts) -> Iterator[ConfigFault]:
    """Find points that a person may want to check; the texts work as they are."""
    dutch = texts.languages.get(DEFAULT, {})
    for language, translated in texts.languages.items():
        path, unreadable = texts.paths[language], unreadable_texts(texts, language)
        for id in (id for id in dutch if id not in translated and id not in unreadable):
            yield ConfigFault(path, 0, id, "is not there, so citizens get it in Dutch")
    for text in _all_texts(texts):
        if _placeholders(text) != _placeholders(dutch.get(text.id, text)):
            yield text.fault("has other placeholders than in Dutch")


def menu_faults(rows: Sequence[tuple[str, str]], body: str, button: str) -> Iterator[str]:
    """Find the faults of a list menu; `rows` are titles and descriptions."""
    yield from _options([title for title, _ in rows], ROWS, TITLE)
    yield from _empty_or_long("its text", body, INTERACTIVE_BODY)
    yield from _empty_or_long("the button that opens it", button, BUTTON)
    yield from _sensitive_question("the button that opens it", button)
    for title, description in rows:
        yield from _too_long(f"what stands under {title!r}", description, DESCRIPTION)
        yield from _sensitive_question(f"what stands under {title!r}", description)
    yield from _without_person(" ".join(f"{title} {description}" for title, description in rows))


def button_faults(titles: Sequence[str], body: str) -> Iterator[str]:
    """Find the faults of a button menu."""
    yield from _options(titles, BUTTONS, BUTTON)
    yield from _empty_or_long("its text", body, INTERACTIVE_BODY)
    yield from _without_person(" ".join(titles))


def _options(titles: Sequence[str], max_options: int, max_length: int) -> Iterator[str]:
    if not 1 <= len(titles) <= max_options:
        yield f"{len(titles)} options; Meta takes 1 to {max_options}"
    if len(set(titles)) < len(titles):
        yield "two options are called the same"
    for title in titles:
        yield from _empty_or_long(f"option {title!r}", title, max_length)
        yield from _sensitive_question(f"option {title!r}", title)


def _without_person(options: str) -> Iterator[str]:
    if not PERSON & set(re.findall(r"\w+", options.casefold())):
        yield "no option leads to a person: one must say medewerker"


def _empty_or_long(part: str, text: str, max_length: int) -> Iterator[str]:
    if not text.strip():
        yield f"{part} is empty"
    yield from _too_long(part, text, max_length)


def _sensitive_question(part: str, text: str) -> Iterator[str]:
    if readability.is_question(text):
        yield f"{part} asks for what may not go by WhatsApp"


def _too_long(part: str, text: str, max_length: int) -> Iterator[str]:
    if readability.length(text) > max_length:
        yield f"{part} has {readability.length(text)} characters; Meta takes {max_length}"


def _form(text: Text, _: Values) -> Iterator[str]:
    """Find placeholders that are unknown when this text is sent, and missing parts of this text."""
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
    yield from _too_long("it", _longest(text, values), text.max_length)
    yield from _too_long("its button", text.button, BUTTON)
    yield from _sensitive_question("its button", text.button)
    if text.buttons:
        yield from _options(text.buttons, BUTTONS, BUTTON)


def _language(text: Text, values: Values) -> Iterator[str]:
    computed = {name: " ".join(["x"] * many) for name, many in WORDS.items()}
    yield from readability.readability_faults(
        text.body, lambda part: render(part, {**values, **computed})
    )


CHECKS: tuple[Callable[[Text, Values], Iterator[str]], ...] = (_form, _sizes, _language)


def _unfilled(text: Text, values: Values) -> Iterator[str]:
    for name in missing_placeholders(text.body, values):
        if PLACEHOLDERS.get(name) != COMPUTED:
            unknown = "" if name in PLACEHOLDERS else ", and is none of ours"
            yield f"{{{name}}} has no value{unknown}"


def _missing(texts: Texts) -> Iterator[ConfigFault]:
    """Find the texts that are missing in Dutch, which must have every text of every language."""
    path, unreadable = texts.paths.get(DEFAULT, DEFAULT), unreadable_texts(texts, DEFAULT)
    if "file" in unreadable:
        return
    dutch = texts.languages.get(DEFAULT, {}).keys() | unreadable
    for id in TEXTS:
        if id not in dutch:
            yield ConfigFault(path, 0, id, "is not there")
    for text in _all_texts(texts):
        if text.id not in dutch:
            yield text.fault("is not there in Dutch, so nobody else gets it")


def unreadable_texts(texts: Texts, language: str) -> set[str]:
    """Return the ids of the unreadable texts in the file of a language; `file` if all are."""
    path = texts.paths.get(language)
    return {fault.where.split(".")[0] for fault in texts.faults if fault.path == path}


def _too_long_together(texts: Texts, tenant_values: Values) -> Iterator[ConfigFault]:
    first, seconds = JOINED
    for language, by_id in texts.languages.items():
        values = localised_values(language, tenant_values)
        for second in (by_id[id] for id in seconds if id in by_id and first in by_id):
            both = join_texts(_longest(by_id[first], values), _longest(second, values))
            for fault in _too_long(f"with {second.id} behind it, it", both, second.max_length):
                yield by_id[first].fault(fault)


def _longest(text: Text, values: Values) -> str:
    return render(text.body, {**values, **dict.fromkeys(WORDS, "x" * LONGEST_VALUE)})


def _all_texts(texts: Texts) -> Iterator[Text]:
    return (text for by_id in texts.languages.values() for text in by_id.values())


def _placeholders(text: Text) -> set[str]:
    return set(PLACEHOLDER.findall(text.body))
