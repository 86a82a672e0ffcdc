"""Words of the pages, in Dutch and in English, from one file each."""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
FOLDER = Path(__file__).parent / "words"

Say = Callable[..., str]
"""Returns the words under a key, with values filled in. Raises KeyError for an unknown key."""


@cache
def load_words(language: Language) -> Mapping[str, str]:
    """Return all words of a language: key -> text, in which {name} stands for a value, and
    {{ for a brace."""
    tables = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {f"{table}.{key}": text for table, rows in tables.items() for key, text in rows.items()}


def words_in(language: Language) -> Say:
    words = load_words(language)

    def say(key: str, **values: object) -> str:
        return words[key].format(**values)

    return say


def keys_under(table: str) -> frozenset[str]:
    """Return the keys of one table of words, which is the same in each language."""
    prefix = f"{table}."
    return frozenset(key.removeprefix(prefix) for key in load_words("nl") if key.startswith(prefix))


def preferred_language(cookie: str, accepted: str) -> Language:
    """Return the language of a browser: the one that its user chose, else the first of ours that
    it accepts, else Dutch. Pure."""
    for each in LANGUAGES:
        if cookie == each:
            return each
    for part in accepted.lower().split(","):
        for each in LANGUAGES:
            if part.strip().partition(";")[0].partition("-")[0] == each:
                return each
    return "nl"
