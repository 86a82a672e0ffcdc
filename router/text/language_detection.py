"""Detect the language of a text by its script, else by its small words. Pure.

Only small words count, and they count more if fewer languages have them, so names of people and
streets say nothing. If that is not enough the answer is '', and the caller falls back on a language
that it knows.
"""

import re
import unicodedata
from functools import cache

import msgspec

from services.language.words import ascii_letters
from services.package_data import load_table

READ = 2000
"""Characters that are read, at most: the language shows long before."""
SHORTEST = 15
"""Characters of a text in Latin letters, at least: no method is right often enough for a shorter
one (`hoi` is said in six languages)."""
LETTERS = 4
"""Letters of another script, at least: fewer may be a name or an emoticon."""
WEIGHTS = {1: 12, 2: 3, 3: 1}
"""Languages that have a word -> its weight. A word of more languages says nothing."""
LETTER = 6
"""Weight of a letter that only one language has. It only adds to words: names have letters too."""
ENOUGH = 18
"""Weight of a detected language, at least: one word of one language may be a name."""
CLEARLY = 2
"""Factor between the weights of the first and the second language, at least. So a mixed text has
the language of its larger part, or none."""
RARE = 60
"""One letter in so many, at least, must be particular to a language that shares its script: names
have such letters too."""
LONGEST_GREETING = 20
"""Characters of a greeting with its punctuation, at most."""

LATIN, CYRILLIC = "latin", "cyrillic"
"""Scripts whose languages are recognised by their words."""


class Languages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`languages.toml`, by language or by script; the file describes its tables."""

    greetings: dict[str, str]
    words: dict[str, str]
    letters: dict[str, str]
    scripts: dict[str, str]
    shared_scripts: dict[str, list[tuple[str, str]]]


class _LanguageIndex(msgspec.Struct, frozen=True):
    """Languages, arranged for searching. `weights`: word -> languages, and its weight for each;
    `runs`: letters of one script, in a group with its name; `shared`: script -> its languages and
    the letters of each."""

    greetings: dict[str, str]
    weights: dict[str, tuple[tuple[str, int], ...]]
    letters: dict[str, str]
    any_letter: re.Pattern[str]
    runs: re.Pattern[str]
    not_latin: re.Pattern[str]
    shared: dict[str, tuple[tuple[str, re.Pattern[str]], ...]]


@cache
def load_languages() -> Languages:
    return load_table("router.text", "languages.toml", Languages)


@cache
def detectable_languages() -> frozenset[str]:
    """Return the codes of all languages that can be detected."""
    languages = load_languages()
    by_script = languages.scripts.keys() - {LATIN, CYRILLIC} - languages.shared_scripts.keys()
    by_letters = {code for rows in languages.shared_scripts.values() for code, _ in rows}
    return frozenset(languages.words.keys() | by_script | by_letters)


@cache
def _index() -> _LanguageIndex:
    """Build the index on first use: it takes 10 ms, and few commands need it."""
    languages = load_languages()
    letters = {one: code for code, several in languages.letters.items() for one in several}
    scripts = languages.scripts
    return _LanguageIndex(
        greetings={
            greeting: code
            for code, greetings in languages.greetings.items()
            for greeting in greetings.split(", ")
        },
        weights=_weigh_words(languages.words),
        letters=letters,
        any_letter=re.compile(f"[{''.join(letters)}]"),
        runs=re.compile("|".join(f"(?P<{name}>[{letters}]+)" for name, letters in scripts.items())),
        not_latin=re.compile(f"[{''.join(scripts[name] for name in scripts if name != LATIN)}]"),
        shared={
            script: tuple((code, re.compile(f"[{letters}]")) for code, letters in rows)
            for script, rows in languages.shared_scripts.items()
        },
    )


def _weigh_words(words: dict[str, str]) -> dict[str, tuple[tuple[str, int], ...]]:
    """Return the weights of each word, with its accents and without."""
    languages: dict[str, set[str]] = {}
    for language, written in words.items():
        for word in written.split():
            for spelling in {word, _without_accents(word)}:
                languages.setdefault(spelling, set()).add(language)
    return {
        word: tuple((code, WEIGHTS[len(codes)]) for code in sorted(codes))
        for word, codes in languages.items()
        if len(codes) in WEIGHTS
    }


def _without_accents(word: str) -> str:
    """Remove accents from Latin letters only: in other scripts an accent makes another letter."""
    if not word[0] < "\u0250":
        return word
    decomposed = unicodedata.normalize("NFD", word.replace("ł", "l").replace("ı", "i"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


_WORD = re.compile(r"[^\W\d_]+")
_MARK = re.compile(r"[^\w\s]")


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of the language, '' if it is unknown."""
    start, index = text[:READ], _index()
    if len(start) <= LONGEST_GREETING and (code := index.greetings.get(_without_marks(start))):
        return code
    if start.isascii():
        return _detect_by_words(start)
    start = unicodedata.normalize("NFC", start)
    script, letters = _main_script(start) if index.not_latin.search(start) else (LATIN, 0)
    if script in (LATIN, CYRILLIC):
        return _detect_by_words(start)
    if letters < LETTERS:
        return ""
    return _detect_by_letters(start, script, letters) if script in index.shared else script


def _without_marks(text: str) -> str:
    """Return the words in lower case without punctuation: `Good morning!` -> good morning."""
    return _MARK.sub("", text.casefold()).strip()


def _main_script(text: str) -> tuple[str, int]:
    """Return the script of most letters, and how many letters it has."""
    counts: dict[str, int] = {}
    for run in _index().runs.finditer(text):
        script = run.lastgroup or ""
        counts[script] = counts.get(script, 0) + run.end() - run.start()
    script = max(counts, key=lambda name: counts[name])
    return script, counts[script]


def _detect_by_letters(text: str, script: str, letters: int) -> str:
    for language, own_letters in _index().shared[script]:
        if len(own_letters.findall(text)) * RARE >= letters:
            return language
    return ""


def _detect_by_words(text: str) -> str:
    if len(text.strip()) < SHORTEST:
        return ""
    weights = _weigh_languages(text)
    first, second, *_ = [*sorted(weights, key=weights.__getitem__, reverse=True), "", ""]
    is_clear = weights.get(first, 0) >= max(ENOUGH, CLEARLY * weights.get(second, 0))
    return first if is_clear else ""


def _weigh_languages(text: str) -> dict[str, int]:
    """Return the weight of each language in the text. A word counts once, however often it
    occurs."""
    index = _index()
    weights: dict[str, int] = {}
    words = ascii_letters(text) if text.isascii() else _WORD.findall(text.lower())
    for word in index.weights.keys() & words:
        for language, weight in index.weights[word]:
            weights[language] = weights.get(language, 0) + weight
    for letter in () if text.isascii() else index.any_letter.findall(text.lower()):
        if (language := index.letters[letter]) in weights:
            weights[language] += LETTER
    return weights
