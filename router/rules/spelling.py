"""Recognise misspellings of known words: slips of the finger, and spelling by ear. Pure."""

import re
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from itertools import accumulate

import msgspec

from services.language.words import APART, Stem, stem
from services.package_data import load_table

SHORTEST = 6
"""Letters of a word that may be misspelled, at least: a shorter word, one letter off, is mostly
another."""
SURE = 8
"""Letters of a word in which any letter may be changed. Of 350 municipal words of at least this
length, 20 have an ordinary word one such change away; of 100 shorter words, 74 (klacht: kracht,
geweld: gebeld). In a shorter word the letter must be near the right one on the keyboard, or sound
like it."""
HEARD = 7
"""Letters, as heard, of a word that may be written by ear as a whole, at least: reibeweis."""
LONG = 10
"""Letters, as heard, of a word written by ear that may have a slip too, at least: lantarenpalen."""

STARTS = 1024
"""First two letters of words, with their sounds, in the cache."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    not_mistakes: str


def _load_not_mistakes() -> frozenset[str]:
    return frozenset(load_table("router.rules", "spelling.toml", _File).not_mistakes.split())


NOT_MISTAKES = _load_not_mistakes()
"""Right words that each look like another word in this list. Neither they nor their forms are taken
for misspellings."""

SOUNDS = (
    ("ij", "ei"),
    ("y", "ei"),
    ("ou", "au"),
    ("th", "t"),
    ("ph", "f"),
    ("ch", "g"),
    ("c", "k"),
    ("z", "s"),
    ("v", "f"),
    ("q", "k"),
    ("x", "ks"),
)
"""Letters that sound alike in Dutch, replaced in this order."""

_CONFUSED = """
qw we er rt ty yu ui io op as sd df fg gh hj jk kl zx xc cv vb bn nm
qa wa ws es ed rd rf tf tg yg yh uh uj ij ik ok ol pl az sz sx dx dc fc fv gv gb hb hn jn jm km
bp ck dt ei iy
"""
CONFUSED = frozenset(frozenset(pair) for pair in _CONFUSED.split())
"""Pairs of letters that are neighbours on a keyboard, or sound alike."""


_REPEATED = re.compile(r"(.)\1+")


def phonetic_key(word: str) -> str:
    """Return the sound of a word, the same for all its forms: `pasporten` and `paspoort` are
    pasport."""
    return _sound(stem(word)[1])


def _sound(word: str) -> str:
    for written, spoken in SOUNDS:
        word = word.replace(written, spoken)
    if word.endswith("d"):
        word = word[:-1] + "t"
    return _REPEATED.sub(r"\1", word)


def is_misspelling(written: str, meant: str) -> bool:
    """True if a word may have been written for another: one letter missing, added, changed, or
    swapped with the next, or another spelling of its sound.

    People hardly ever misspell the start of a word, unless by ear (kontainer), and a letter there
    makes another word: koning, woning.
    """
    if written[:1] != meant[:1] and _first_sound(written[:2]) != _first_sound(meant[:2]):
        return False
    return _is_slip(written, meant) or _is_by_ear(phonetic_key(written), phonetic_key(meant))


@lru_cache(STARTS)
def _first_sound(start: str) -> str:
    """Return the first sound of a word with these first two letters."""
    return _sound(start)[:1]


def _is_slip(written: str, meant: str) -> bool:
    if len(meant) < SHORTEST or not _is_one_off(written, meant):
        return False
    if len(meant) >= SURE or len(written) != len(meant):
        return True
    changed = [{one, other} for one, other in zip(written, meant, strict=True) if one != other]
    return len(changed) != 1 or changed[0] in CONFUSED


def _is_by_ear(written: str, meant: str) -> bool:
    if len(meant) >= LONG:
        return _is_one_off(written, meant)
    return len(meant) >= HEARD and written == meant


# rapidfuzz has this too: it saves 0.3 of the 15 µs that a word takes, and costs the command line
# 14 ms at each start.
def _is_one_off(one: str, other: str) -> bool:
    """True if the Damerau-Levenshtein distance is at most 1."""
    shorter, longer = sorted((one, other), key=len)
    same = next((i for i, letter in enumerate(shorter) if letter != longer[i]), len(shorter))
    short_rest, long_rest = shorter[same:], longer[same:]
    if len(short_rest) < len(long_rest):
        return short_rest == long_rest[1:]
    is_swap = short_rest[:2] == long_rest[1::-1] and short_rest[2:] == long_rest[2:]
    return short_rest[1:] == long_rest[1:] or is_swap


class Words(msgspec.Struct, frozen=True):
    """Words that may be misspelled, indexed by their traces in a tenth of the memory of a dict.

    `traces`: a checksum (32 bits) and the place of its word in `words` (32 bits), sorted; `starts`:
    first place in `traces` of the checksums with the same first `bits`.
    """

    words: tuple[str, ...]
    traces: "array[int]"
    starts: "array[int]"
    bits: int


def _is_long(word: str) -> bool:
    return len(word) >= SHORTEST and word.isalpha()


def build_index(words: Iterable[str]) -> Words:
    """Index the words that are long enough and consist of letters."""
    long_words = tuple(sorted(filter(_is_long, set(words))))
    traces = sorted(trace << 32 | n for n, word in enumerate(long_words) for trace in _traces(word))
    bits = len(traces).bit_length()
    counts = Counter(trace >> 64 - bits for trace in traces)
    starts = accumulate((counts[start] for start in range(1 << bits)), initial=0)
    return Words(long_words, array("Q", traces), array("I", starts), bits)


def index_on_demand(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Return `find_candidates` among these words, for a few texts: it indexes only words that begin
    as the written one does, and only when it is called."""
    by_start: defaultdict[str, list[str]] = defaultdict(list)
    for word in filter(_is_long, words):
        for start in _starts(word[:2]):
            by_start[start].append(word)

    @cache
    def index(starts: tuple[str, str]) -> Words:
        return build_index(word for start in starts for word in by_start.get(start, ()))

    def find(written: str) -> list[str]:
        if not _may_be_misspelled(written):
            return []
        return find_candidates(written, index(_starts(written[:2])))

    return find


def _starts(start: str) -> tuple[str, str]:
    """Return the first letter and the first sound: a word shares one with its misspelling."""
    return start[:1], f"~{_first_sound(start)}"


def find_candidates(written: str, among: Words) -> list[str]:
    """Return the words that this one may be a misspelling of, in order."""
    if not _may_be_misspelled(written):
        return []
    places = sorted(_find_places(_traces(written), among))
    return [word for place in places if is_misspelling(written, word := among.words[place])]


def _may_be_misspelled(word: str) -> bool:
    """Return False for a right word, and for one that is too short to be meant for a long one."""
    if not word.isalpha() or word in APART or stem(word) in _right_stems():
        return False
    return len(word) >= SHORTEST - 1 or len(phonetic_key(word)) >= HEARD


def _find_places(traces: Iterable[int], index: Words) -> set[int]:
    """Return the places of the words that have one of these traces."""
    places, starts, shift = set(), index.starts, 32 - index.bits
    for trace in traces:
        start = trace >> shift
        for one in index.traces[starts[start] : starts[start + 1]]:
            if one >> 32 == trace:
                places.add(one & 0xFFFFFFFF)
    return places


def _traces(word: str) -> set[int]:
    """Return checksums of a word and of its sound, both also without each of their letters. Two
    words that may be written for one another share at least one."""
    sound = phonetic_key(word)
    sounds = _shorten(sound) if len(sound) >= LONG - 1 else [sound]
    traces = (*_shorten(word), *(f"~{sound}" for sound in sounds))
    return {zlib.crc32(trace.encode()) for trace in traces}


def _shorten(word: str) -> list[str]:
    """Return the word, and the word without each of its letters."""
    return [word, *(word[:i] + word[i + 1 :] for i in range(len(word)))]


@cache
def _right_stems() -> frozenset[Stem]:
    return frozenset(map(stem, NOT_MISTAKES))
