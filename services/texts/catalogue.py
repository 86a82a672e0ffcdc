"""What citizens are told: `texts/<language>.toml`, read and filled in."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from services.toml.errors import ConfigFault, Location, fault, line_of, toml
from services.whatsapp.limits import BODY, INTERACTIVE_BODY

DEFAULT = "nl"
"""Language of who writes in one that we have no texts in, or in which a text is missing."""
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
"""Placeholder -> where its value comes from. A municipality may add values for texts of its own;
`mail_en` is the value of `mail` in English."""

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
"""Id of a text that the system itself sends -> what is computed for it. Others are a municipality's
own, for its menus and rules: nothing is computed for them."""
AROUND = ("keuze", "antwoord_klaar")
"""Those that never go alone: with a menu, with buttons."""
Values = Mapping[str, str]


class Text(msgspec.Struct, frozen=True):
    """One text in one language, and who answers for it."""

    language: str
    id: str
    body: str
    owner: str
    version: str
    button: str = ""
    """Opens the list, where a menu goes along."""
    buttons: tuple[str, ...] = ()
    """Of a template."""
    path: str = ""
    line: int = 0

    @property
    def most(self) -> int:
        """Characters that Meta takes of it."""
        around = self.button or self.buttons or self.id in AROUND
        return INTERACTIVE_BODY if around else BODY

    def fault(self, what: str) -> ConfigFault:
        return ConfigFault(self.path, self.line, f"{self.id}.text", what)


class Texts(msgspec.Struct, frozen=True):
    """Language -> id -> text; the file of each language; and what could not be read."""

    languages: dict[str, dict[str, Text]]
    paths: dict[str, str]
    faults: tuple[ConfigFault, ...] = ()

    def find(self, language: str, id: str) -> Text | None:
        """In this language, else in Dutch; None where there is no such text."""
        here = self.languages.get(language, {}).get(id)
        return here or self.languages.get(DEFAULT, {}).get(id)


def load(folder: Path) -> Texts:
    """The texts in a folder, a file for each language. What is wrong is in `faults`."""
    languages: dict[str, dict[str, Text]] = {}
    paths: dict[str, str] = {DEFAULT: str(folder / f"{DEFAULT}.toml")}
    faults: list[ConfigFault] = []
    there = _files(folder)
    for path in there:
        try:
            text = path.read_text(encoding="utf-8-sig")  # Windows puts a mark before it
        except (OSError, UnicodeDecodeError) as error:
            faults.append(ConfigFault(str(path), 0, "file", f"cannot be read: {error}"))
            continue
        languages[path.stem], found = parse(path.stem, text, str(path))
        paths[path.stem] = str(path)
        faults += found
    if folder / f"{DEFAULT}.toml" not in there:
        faults.append(ConfigFault(paths[DEFAULT], 0, "file", "is not there"))
    return Texts(languages, paths, tuple(faults))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.toml"))
    except OSError:  # no folder can be called so
        return []


def parse(language: str, text: str, path: str) -> tuple[dict[str, Text], list[ConfigFault]]:
    """The texts in one file, by id, and every fault of its form. Pure."""
    given = toml(text, path)
    if isinstance(given, ConfigFault):
        return {}, [given]
    faults: list[tuple[Location, str]] = []
    if not LANGUAGE.fullmatch(language):
        faults.append(((), f"{language!r} is no language: two or three small letters"))
    general = {key: given.pop(key, "") for key in ("owner", "version")}
    faults += [((key,), what) for key, value in general.items() if (what := _wrong(key, value))]
    texts = {}
    for id, entry in given.items():
        if wrong := list(_shape(id, entry, general)):
            faults += wrong
        else:
            read = {key: _stripped(value) for key, value in (general | entry).items()}
            read |= {"language": language, "id": id, "body": read.pop("text")}
            texts[id] = Text(**read, path=path, line=line_of(text, (id, "text")))
    return texts, [fault(path, text, where, what) for where, what in faults]


def rendered(text: str, values: Values) -> str:
    """The text with its values, in one pass: braces that a value brings stay what they are. A
    placeholder without a value stays too; `lacking` names it."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1]) or found[0], text)


def missing_placeholders(text: str, values: Values) -> list[str]:
    """Placeholders of a text that have no value."""
    return [name for name in dict.fromkeys(PLACEHOLDER.findall(text)) if not values.get(name)]


def localised_values(language: str, values: Values) -> dict[str, str]:
    """A municipality's values as they are in one language: `mail_en`, where it is there, is `mail`
    in English."""
    end = f"_{language}"
    return {**values, **{k.removesuffix(end): v for k, v in values.items() if k.endswith(end)}}


def join_texts(first: str, second: str) -> str:
    """Two texts as one message."""
    return f"{first}\n\n{second}"


def _shape(id: str, entry: Any, general: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """What has the wrong form in the table of one text."""
    if not isinstance(entry, dict):
        yield (id,), "is no table with a text, and no setting of this file"
        return
    if not ID.fullmatch(id):
        yield (id,), "is no id: small letters, digits and underscores"
    for key in ("text", "owner", "version"):
        if not (general | entry).get(key):
            yield (id,), f"has no {key}"
    for key, value in entry.items():
        if what := _wrong(key, value):
            yield (id, key), what


KEYS: dict[str, Any] = dict.fromkeys(("text", "owner", "version", "button"), str)
KEYS["buttons"] = tuple[str, ...]
"""What may stand in the table of a text."""


def _wrong(key: str, value: Any) -> str:
    if key not in KEYS:
        return "is not known here"
    try:
        msgspec.convert(value, KEYS[key])
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _stripped(value: Any) -> Any:
    return tuple(map(str.strip, value)) if isinstance(value, list) else str(value).strip()
