"""Checks of the texts and menus for citizens, with a sentence for each fault. Pure.

`postkamer check` prints the sentences.
"""

import itertools
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from services.language import readability
from services.texts.catalogue import (
    COMPUTED,
    DEFAULT,
    MAX_REQUEST,
    PLACEHOLDER,
    PLACEHOLDERS,
    SOBER_WELCOME,
    TEXTS,
    WELCOME,
    Text,
    Texts,
    Values,
    fold_request,
    join_texts,
    localised_values,
    missing_placeholders,
    missing_translations,
    render,
)
from services.toml.errors import ConfigFault
from services.whatsapp.limits import BUTTON, BUTTONS, DESCRIPTION, INTERACTIVE_BODY, ROWS, TITLE

PERSON = frozenset({"medewerker", "medewerkers", "employee", "person", "staff"})
"""Words in a menu that lead to a person."""

FIRST_TEXTS = frozenset({WELCOME, SOBER_WELCOME})
"""First texts, unless rules name others."""
JOINED = ("gesloten", "keuze", "doorgestuurd")
"""Texts that may follow the first text in one message."""
FIRST_SENTENCES, FIRST_LENGTH = 2, 320
"""Most sentences and characters of a first text, with its values: some eight lines on a phone, so
that the answer below it stays in sight. It is a limit of ours: Meta publishes none above which a
phone folds a text behind `read more`."""
SPOKEN = ("gemeente", "openingstijden")
"""Placeholders whose values are words, and so differ in each language."""

WORDS = {"opent": 6, "moment": 6, "datum": 3, "afdeling": 5, "reden": 6}
"""Placeholder -> number of words of its longest value, such as `maandag 30 december om 09.00 uur`
or `de storm van vannacht`."""
LONGEST_VALUE = 200
"""Characters of the longest computed value, the name of a department."""


def text_errors(
    texts: Texts, values: Mapping[str, Values], first_texts: Container[str] = FIRST_TEXTS
) -> Iterator[ConfigFault]:
    """Find the faults of all texts. `values`: municipality -> its values of the placeholders."""
    faults = [*texts.faults, *_missing(texts), *_equal_words(texts)]
    for tenant, tenant_values in values.items():
        for text in _all_texts(texts):
            local = localised_values(text.language, tenant_values)
            faults += [text.fault(fault) for check in CHECKS for fault in check(text, local)]
            faults += [text.fault(f"{fault} at {tenant}") for fault in _unfilled(text, local)]
        faults += _too_long_together(texts, tenant_values, first_texts)
    yield from dict.fromkeys(faults)  # most are the same at each municipality


def text_warnings(
    texts: Texts,
    values: Mapping[str, Values],
    first_texts: Container[str] = FIRST_TEXTS,
    *,
    drafts: bool,
) -> Iterator[ConfigFault]:
    """Find points that a person may want to check; the texts work as they are. `drafts`: languages
    with a draft are used too."""
    dutch = texts.languages.get(DEFAULT, {})
    for language in texts.languages:
        yield from _incomplete_language(texts, language)
        yield from () if drafts else _draft_language(texts, language)
        yield from _foreign_values(texts, language, values)
    if dutch and SOBER_WELCOME not in dutch:
        yield ConfigFault(texts.paths[DEFAULT], 0, SOBER_WELCOME, WITHOUT_SOBER)
    for text in _all_texts(texts):
        if _placeholders(text) != _placeholders(dutch.get(text.id, text)):
            yield text.fault("has other placeholders than in Dutch")
        if text.id in first_texts:
            yield from _too_much(text, values)


DRAFT = (
    "no native speaker has read {}: until somebody did, citizens get every text in Dutch in"
    " production"
)
WITHOUT_SOBER = "is not there, so who reports a death or a danger gets no first text"


def _draft_language(texts: Texts, language: str) -> Iterator[ConfigFault]:
    """Find the drafts that keep a language from being used in production."""
    translated = texts.languages[language]
    drafts = [text.id for text in translated.values() if text.draft]
    if drafts and language != DEFAULT:
        which = "every text" if len(drafts) == len(translated) else ", ".join(drafts)
        yield ConfigFault(texts.paths[language], 0, "draft", DRAFT.format(which))


def _incomplete_language(texts: Texts, language: str) -> Iterator[ConfigFault]:
    """Find the texts that keep a language from being used."""
    unreadable = unreadable_texts(texts, language)
    missing = [id for id in missing_translations(texts, language) if id not in unreadable]
    if missing and "file" not in unreadable:
        what = f"lacks {', '.join(missing)}: until all are there, citizens get every text in Dutch"
        yield ConfigFault(texts.paths[language], 0, "file", what)


def _too_much(text: Text, values: Mapping[str, Values]) -> Iterator[ConfigFault]:
    """Find the municipalities at which a first text says more than it should."""
    for tenant, tenant_values in values.items():
        body = render(text.body, localised_values(text.language, tenant_values))
        count, length = len(readability.sentences(body)), readability.length(body)
        if count > FIRST_SENTENCES or length > FIRST_LENGTH:
            most = f"{FIRST_SENTENCES} and {FIRST_LENGTH} at most"
            what = f"has {count} sentences and {length} characters, {most}: {REST}"
            yield text.fault(f"{what} at {tenant}")


REST = "the rest can stand in a text of its own, which a citizen asks for by one of its `words`,"


def _foreign_values(
    texts: Texts, language: str, values: Mapping[str, Values]
) -> Iterator[ConfigFault]:
    """Find the values that stay in Dutch in the texts of another language."""
    used = {name for text in texts.languages[language].values() for name in _placeholders(text)}
    for name in SPOKEN if language != DEFAULT else ():
        for tenant, tenant_values in values.items():
            if name in used and not tenant_values.get(f"{name}_{language}"):
                what = f"{{{name}}} is in Dutch: {tenant} has no {name}_{language}"
                yield ConfigFault(texts.paths[language], 0, "values", what)


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
    for word in text.words:
        if not fold_request(word):
            yield f"{word!r} is no word of at most {MAX_REQUEST} characters that a citizen may send"


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


def _equal_words(texts: Texts) -> Iterator[ConfigFault]:
    """Find the words that ask for a text before this one too."""
    asked: dict[str, str] = {}
    for text in _all_texts(texts):
        for word in text.words:
            if (other := asked.setdefault(fold_request(word), text.id)) != text.id:
                yield text.fault(f"{word!r} asks for {other} too")


def unreadable_texts(texts: Texts, language: str) -> set[str]:
    """Return the ids of the unreadable texts in the file of a language; `file` if all are."""
    path = texts.paths.get(language)
    return {fault.where.split(".")[0] for fault in texts.faults if fault.path == path}


def _too_long_together(
    texts: Texts, tenant_values: Values, first_texts: Container[str]
) -> Iterator[ConfigFault]:
    for language, by_id in texts.languages.items():
        values = localised_values(language, tenant_values)
        firsts, seconds = (
            [text for text in by_id.values() if text.id in ids] for ids in (first_texts, JOINED)
        )
        for first, second in itertools.product(firsts, seconds):
            both = join_texts(_longest(first, values), _longest(second, values))
            for fault in _too_long(f"with {second.id} behind it, it", both, second.max_length):
                yield first.fault(fault)


def _longest(text: Text, values: Values) -> str:
    return render(text.body, {**values, **dict.fromkeys(WORDS, "x" * LONGEST_VALUE)})


def _all_texts(texts: Texts) -> Iterator[Text]:
    return (text for by_id in texts.languages.values() for text in by_id.values())


def _placeholders(text: Text) -> set[str]:
    return set(PLACEHOLDER.findall(text.body))
