"""The texts for citizens, in a file for each language, and their placeholders. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from services.language.words import plain_words
from services.toml.errors import ConfigFault, Location, fault, line_of, toml
from services.whatsapp.limits import BODY, INTERACTIVE_BODY

DEFAULT = "nl"
"""Language of texts for citizens whose language has no texts, or lacks a text."""
LANGUAGE = re.compile(r"[a-z]{2,3}")
ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]{0,62})\}")

CONFIGURED, COMPUTED = "the municipality's values", "known when it is sent"
PLACEHOLDERS: dict[str, str] = {
    "gemeente": CONFIGURED,
    "openingstijden": CONFIGURED,
    "privacy": CONFIGURED,
    "website": CONFIGURED,
    "mail": CONFIGURED,
    "telefoon": CONFIGURED,
    "formulier": CONFIGURED,
    "adres": CONFIGURED,
    "link": CONFIGURED,
    "opent": COMPUTED,
    "moment": COMPUTED,
    "datum": COMPUTED,
    "afdeling": COMPUTED,
    "reden": COMPUTED,
}
"""Placeholder -> source of its value. A municipality may add values for its own texts; `mail_en` is
the value of `mail` in English."""

TEXTS: dict[str, tuple[str, ...]] = {
    "eerste_contact": (),
    "gesloten": ("opent",),
    "keuze": (),
    "keuze_onduidelijk": (),
    "doorgestuurd": ("afdeling",),
    "duurt_langer": ("moment",),
    "drukte": ("reden",),
    "storing": ("datum",),
    "noodgeval": (),
    "zelfdoding": (),
    "geweld": (),
    "bedreiging": (),
    "bsn": (),
    "officieel": (),
    "spraakbericht": (),
    "bestand": (),
    "aangepast": (),
    "onveilig": (),
    "antwoord_klaar": ("datum",),
    "afgesloten": (),
    "gegevens": ("datum",),
    "gestopt": (),
}
"""Id of a text that the system sends -> placeholders that it computes for the text. Other texts are
a municipality's own, for its menus and rules, and have no computed placeholders."""
WELCOME = "eerste_contact"
"""First text of a citizen; it may precede another one."""
SOBER_WELCOME = "eerste_contact_sober"
"""First text for who reports a death or a danger, which nobody is welcomed to. A municipality may
leave it out: then they get no first text."""
INTERACTIVE = ("keuze", "antwoord_klaar")
"""Texts that are always sent with a menu or with buttons."""
Values = Mapping[str, str]


class Text(msgspec.Struct, frozen=True):
    """One text in one language, with its owner."""

    language: str
    id: str
    body: str
    owner: str
    version: str
    button: str = ""
    """Label of the button that opens the list, for a text with a menu."""
    buttons: tuple[str, ...] = ()
    """Labels of the buttons of a template."""
    path: str = ""
    line: int = 0
    words: tuple[str, ...] = ()
    """Messages by which a citizen asks for this text, such as `info`."""
    draft: bool = False
    """A translation that no native speaker has read yet."""

    @property
    def max_length(self) -> int:
        """Most characters of the text that Meta accepts."""
        is_interactive = self.button or self.buttons or self.id in INTERACTIVE
        return INTERACTIVE_BODY if is_interactive else BODY

    def fault(self, what: str) -> ConfigFault:
        return ConfigFault(self.path, self.line, f"{self.id}.text", what)


class Texts(msgspec.Struct, frozen=True):
    """All texts: language -> id -> text, the file of each language, and the faults of the files."""

    languages: dict[str, dict[str, Text]]
    paths: dict[str, str]
    faults: tuple[ConfigFault, ...] = ()

    def find(self, language: str, id: str) -> Text | None:
        """Return a text in this language, else in Dutch; None if it exists in neither."""
        text = self.languages.get(language, {}).get(id)
        return text or self.languages.get(DEFAULT, {}).get(id)

    def usable(self, *, drafts: bool) -> "Texts":
        """Return the texts without the languages that lack one: nobody is to get half of a
        conversation in another language. Without `drafts`, a language with a draft is left out
        too."""
        languages = {
            language: texts
            for language, texts in self.languages.items()
            if not missing_translations(self, language)
            and (drafts or language == DEFAULT or not any(text.draft for text in texts.values()))
        }
        return msgspec.structs.replace(self, languages=languages)

    def index_words(self) -> dict[str, str]:
        """Return the id of the text that a message asks for, by the message as `fold_request`
        returns it."""
        return {
            fold_request(word): text.id
            for texts in self.languages.values()
            for text in texts.values()
            for word in text.words
        }


def missing_translations(texts: Texts, language: str) -> list[str]:
    """Return the ids of the Dutch texts that another language lacks."""
    translated = texts.languages[language]
    return [id for id in texts.languages.get(DEFAULT, {}) if id not in translated]


MAX_REQUEST = 60
"""Characters of a message that may ask for a text: it is a word or two."""


def fold_request(message: str) -> str:
    """Return a message that may ask for a text without capitals, accents and punctuation: two that
    are the same then ask for the same text. '' for one that is too long."""
    return " ".join(plain_words(message)) if len(message) <= MAX_REQUEST else ""


def parse(language: str, text: str, path: str) -> tuple[dict[str, Text], list[ConfigFault]]:
    """Parse the texts in one file; return them by id, with every fault of their form."""
    entries = toml(text, path)
    if isinstance(entries, ConfigFault):
        return {}, [entries]
    faults: list[tuple[Location, str]] = []
    if not LANGUAGE.fullmatch(language):
        faults.append(((), f"{language!r} is no language: two or three small letters"))
    general = {key: entries.pop(key, default) for key, default in GENERAL.items()}
    faults += [((key,), what) for key, value in general.items() if (what := _fault(key, value))]
    texts = {}
    for id, entry in entries.items():
        if entry_faults := list(_entry_faults(id, entry, general)):
            faults += entry_faults
        else:
            fields = {key: _strip(value) for key, value in (general | entry).items()}
            fields |= {"language": language, "id": id, "body": fields.pop("text")}
            texts[id] = Text(**fields, path=path, line=line_of(text, (id, "text")))
    return texts, [fault(path, text, where, what) for where, what in faults]


def render(text: str, values: Values) -> str:
    """Replace the placeholders of a text by their values, in one pass, so that braces in a value
    stay. A placeholder without a value stays too; `missing_placeholders` returns it."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1]) or match[0], text)


def missing_placeholders(text: str, values: Values) -> list[str]:
    """Return the placeholders of a text that have no value."""
    return [name for name in dict.fromkeys(PLACEHOLDER.findall(text)) if not values.get(name)]


def localised_values(language: str, values: Values) -> dict[str, str]:
    """Return the values in one language: `mail_en`, if it exists, replaces `mail` in English."""
    suffix = f"_{language}"
    localised = {k.removesuffix(suffix): v for k, v in values.items() if k.endswith(suffix)}
    return {**values, **localised}


def join_texts(first: str, second: str) -> str:
    """Join two texts into one message."""
    return f"{first}\n\n{second}"


def _entry_faults(id: str, entry: Any, general: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """Find the faults of form in the table of one text."""
    if not isinstance(entry, dict):
        yield (id,), "is no table with a text, and no setting of this file"
        return
    if not ID.fullmatch(id):
        yield (id,), "is no id: small letters, digits and underscores"
    for key in ("text", "owner", "version"):
        if not (general | entry).get(key):
            yield (id,), f"has no {key}"
    for key, value in entry.items():
        if what := _fault(key, value):
            yield (id, key), what


GENERAL: dict[str, Any] = {"owner": "", "version": "", "draft": False}
"""Keys that a file may have for all its texts, with their defaults."""
KEYS: dict[str, Any] = dict.fromkeys(("text", "owner", "version", "button"), str)
KEYS |= {"buttons": tuple[str, ...], "words": tuple[str, ...], "draft": bool}
"""Keys of the table of a text, with their types."""


EXPECTED: dict[Any, str] = {
    str: "a text in quotes",
    tuple[str, ...]: "a list of texts in quotes",
    bool: "true or false",
}


def _fault(key: str, value: Any) -> str:
    if key not in KEYS:
        return "is not known here"
    try:
        msgspec.convert(value, KEYS[key])
    except msgspec.ValidationError:
        return f"expected {EXPECTED[KEYS[key]]}"
    return ""


def _strip(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(str.strip, value))
    return value.strip() if isinstance(value, str) else value
