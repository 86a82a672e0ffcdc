"""Thousands of words and phrases as one automaton, and which of them a citizen's text says. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import Literal

import msgspec

from router.spelling import SHORTEST, Stem, Words, meant, misspellable, stem

MOST_WORDS = 1000
"""Words and emoji of a text that are read; WhatsApp's longest text is 4,096 characters."""
LONGEST_WORD = 64
"""Letters of a word or an emoji; a longer one is nobody's. The longest Dutch words have about 50."""
LONGEST_PHRASE = 12
"""Words of a phrase; what is longer nobody writes the same twice."""
PART = 4
"""Letters beside a star: fewer are in every other word."""
CACHED = 4096
"""Different words of texts for which a lexicon remembers what they match; about 1 MB."""
FOLDED = 4096
"""Different characters for which is remembered how they fold."""

How = Literal["exact", "joined", "stem", "part", "mistake"]
HOWS: tuple[How, ...] = ("exact", "joined", "stem", "part", "mistake")
"""How a word of a text may be one of a phrase, the surest first: the same; written apart or
together (rij bewijs, idkaart); another form of it; a compound with it; a misspelling of it."""
EXACT, JOINED, STEM, PARTLY, MISTAKE = range(len(HOWS))

_UNSEEN = dict.fromkeys([0xAD, 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)])
"""A soft hyphen, an emoji's style and skin, the letters of a flag such as England's."""
_LETTERS = r"[^\W_]+"
_PICTURE = r"[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}(?:\u200d{_PICTURE})*"
_WORD = re.compile(_LETTERS)
_TOKEN = re.compile(f"{_LETTERS}|{_EMOJI}")
_TERM = re.compile(rf"\*?{_LETTERS}\*?|{_EMOJI}")
_LOOSE = re.compile(rf"{_LETTERS}\*{_LETTERS}|\*{_LETTERS}\*|(?<![^\W_])\*(?![^\W_])")
"""A star within a word, on both its sides, or by itself."""

Term = str
"""A word of a phrase: `weg`, `"weg` where it must be written just so, `parkeer*`, `*vergunning`;
`id=kaart` for two that may also be written together."""
Match = tuple[Term, int]
"""A term that a word of a text stands for, and how: a place in HOWS."""


class Found(msgspec.Struct, frozen=True):
    """A phrase that a text says: its place among the compiled ones; where it starts, counted in
    words and emoji; these as the citizen wrote them, folded; and how, by the least sure of them."""

    phrase: int
    start: int
    words: tuple[str, ...]
    how: How


class Vocabulary(msgspec.Struct, frozen=True):
    """What leads from a word of a text to the terms that it may stand for. `whole`: the words that
    may be written apart. The lengths are those of parts of compounds, in letters."""

    written: dict[str, list[Match]]
    stems: dict[Stem, list[Term]]
    whole: frozenset[str]
    beginnings: dict[str, Term]
    endings: dict[Stem, list[Term]]
    misspellable: Words
