"""Signs of a text: its words, pairs of neighbours, and meanings that stand together. Pure.

A sign is a short text, the same in the table that the scorer is trained on and in a message:

open             a word, folded, where its stem is another
~open            the stem of a word; 0 is a number
doe open         two stems, the one after the other
doe . open       two stems with one or two words between them
#silence         a meaning of `meanings.toml`, in any of its languages
!#silence        a meaning beside a negation
#old #silence    two meanings within NEAR words of each other
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from services.language.words import fold_case, stem_root
from services.package_data import load_table

NEAR = 7
"""Words from one meaning to another that count as standing together, at most."""
APART = 3
"""Words from one stem of a pair to the other, at most: "doet de deur open"."""
AFTER_NEGATION = 3
"""Words after a negation that it may deny: "doet niet meer de deur open"."""
AGES = range(68, 106)
"""Numbers that are mostly the age of somebody old."""
CACHED = 8192
"""Words in the cache; about 4 MB."""

Places = tuple[int, int]
"""Positions of the two words of a sign; twice the same for a sign of one word."""


class WordSigns(NamedTuple):
    """Signs of a word alone, its stem in pairs, and its meanings."""

    own: tuple[str, ...]
    stem: str
    meanings: tuple[str, ...]
    negates: bool


class _Meanings(NamedTuple):
    """Word -> its meanings, and start of words -> their meanings."""

    words: Mapping[str, frozenset[str]]
    starts: Mapping[str, frozenset[str]]


NUMBER = "0"
"""Stem of every number: which one it is tells nothing, but for an age."""
NEGATION = "negation"
"""Name of the words that deny; it is no sign itself."""


@cache
def _load_meanings() -> _Meanings:
    words: dict[str, frozenset[str]] = {}
    starts: dict[str, frozenset[str]] = {}
    table = load_table("router.danger", "meanings.toml", dict[str, dict[str, str]])
    for name, languages in table.items():
        for word in " ".join(languages.values()).split():
            folded = fold_case(word)
            among = starts if folded.endswith("*") else words
            key = folded.removesuffix("*")
            among[key] = among.get(key, frozenset()) | {f"#{name}"}
    return _Meanings(words, starts)


@lru_cache(CACHED)
def read_word(word: str) -> WordSigns:
    """Return the signs of one folded word."""
    stem = stem_root(word) if word.isalpha() else NUMBER if word.isdecimal() else word
    own = (f"~{stem}",) if stem in (word, NUMBER) else (word, f"~{stem}")
    meanings = _find_meanings(word)
    negates = f"#{NEGATION}" in meanings
    named = tuple(sorted(meanings - {f"#{NEGATION}"}))
    return WordSigns((*own, *named), stem, named, negates)


def _find_meanings(word: str) -> frozenset[str]:
    if word.isdecimal():
        return frozenset(["#age" if len(word) <= 3 and int(word) in AGES else "#number"])
    known = _load_meanings()
    found = known.words.get(word, frozenset())
    for end in range(2, len(word) + 1):
        found |= known.starts.get(word[:end], frozenset())
    return found


def locate_signs(words: Sequence[str]) -> dict[str, Places]:
    """Return the signs of a text, with the places where each last stands. `words`: its tokens."""
    signs: dict[str, Places] = {}
    read = [read_word(word) for word in words]
    for place, (own, stem, meanings, negates) in enumerate(read):
        for sign in own:
            signs[sign] = place, place
        for before in range(max(0, place - APART), place):
            between = " " if before == place - 1 else " . "
            signs[f"{read[before].stem}{between}{stem}"] = before, place
        if negates:
            _deny(read, place, signs)
        if meanings:
            _pair_meanings(read, place, signs)
    return signs


def _deny(read: Sequence[WordSigns], place: int, signs: dict[str, Places]) -> None:
    """Add the meanings just before a negation and after it."""
    for other in range(max(0, place - 1), min(len(read), place + 1 + AFTER_NEGATION)):
        for meaning in read[other].meanings:
            signs[f"!{meaning}"] = place, other


def _pair_meanings(read: Sequence[WordSigns], place: int, signs: dict[str, Places]) -> None:
    """Add the pairs of a word's meanings with those of the words before it."""
    for before in range(max(0, place - NEAR), place):
        for earlier in read[before].meanings:
            for later in read[place].meanings:
                if earlier != later:
                    pair = f"{earlier} {later}" if earlier < later else f"{later} {earlier}"
                    signs[pair] = before, place
