"""Make any text printable: characters without a glyph become a box. Pure.

A PDF/A may hold no glyph that its fonts do not have, and a citizen can send any character there is.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

BOX = "□"
"""Replaces a character that cannot be shown; every font has it."""
CUT = "\x1f"
"""Marks a place where a long word may be broken. No text has it, since control characters are
removed."""
LONGEST_WORD, PART = 32, 12
"""Characters. A longer word, longer than nearly all Dutch words, may be broken after each part. The
narrowest line, a name beside its value, has room for a part of the widest letters."""
NARROW_WORD, NARROW_PART = 16, 8
"""The same for a column of a table."""
MARKS = 4
"""Most marks on one letter: no language needs more, and a tower of marks covers other lines."""

JOINER = "\u200d"
"""Joins characters into one sign, such as a family of people."""
FLAGS = frozenset(map(chr, range(0x1F1E6, 0x1F200)))
"""Regional indicators; two of them make a flag."""

_LINE = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_MISSING = re.compile(r'the text `"((?:[^"\\]|\\.)*)"` could not be displayed')
_ESCAPED = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
_INVISIBLE = frozenset("\xad\u200b\ufeff\u202a\u202b\u202c\u202d\u202e")
"""Invisible characters that control line breaks, or reverse the direction of the following text."""
_DIRECTIONS = {"L": False, "R": True, "AL": True}


def sanitise(text: str) -> str:
    """Remove characters that cannot be printed. Line breaks stay."""
    printable, marks = [], 0
    for each in _LINE.sub("\n", text).replace("\t", " "):
        kind = unicodedata.category(each)
        marks = marks + 1 if kind[0] == "M" else 0
        if kind in ("Cs", "Co"):
            printable.append(BOX)
        elif each == "\n" or not (kind == "Cc" or each in _INVISIBLE or marks > MARKS):
            printable.append(each)
    return "".join(printable)


def break_long_words(text: str, longest: int = LONGEST_WORD, part: int = PART) -> str:
    """Insert a CUT wherever a word too long for its line may be broken."""
    pattern = rf"\S{{{longest + 1},}}"
    return re.sub(pattern, lambda match: "".join(_split_word(match[0], part)), text)


def _split_word(word: str, part: int) -> Iterator[str]:
    length, previous = 0, ""
    for each in word:
        if length >= part and previous != JOINER and _may_start_line(each):
            yield CUT
            length = 0
        yield each
        length, previous = length + 1, each


def _may_start_line(each: str) -> bool:
    """Return True if the character can start a line: no mark, no skin tone, no half of a flag."""
    kind = unicodedata.category(each)
    return kind[0] in "LNPS" and kind != "Sk" and each not in FLAGS


def is_right_to_left(text: str) -> bool:
    """Return True if the first letter of the text is written from right to left."""
    sides = (_DIRECTIONS.get(unicodedata.bidirectional(each)) for each in text)
    return next((side for side in sides if side is not None), False)


def parse_missing(diagnostic: str) -> frozenset[str]:
    """Return the texts that no font has, read from typst's diagnostic."""
    return frozenset(_ESCAPED.sub(_unescape, text) for text in _MISSING.findall(diagnostic))


def _unescape(escaped: re.Match[str]) -> str:
    code, letter = escaped.groups()
    return chr(int(code, 16)) if code else _ESCAPES.get(letter, letter)


def replace_unknown(unknown: frozenset[str]) -> Callable[[str], str]:
    """Return a function that removes the unknown marks or, if none are unknown, replaces the other
    unknown texts by a box. Not both at once: typst also reports a letter with an unknown mark."""
    marks = {each for each in unknown if all(map(_is_mark, each))}
    replacements = dict.fromkeys(marks, "") or dict.fromkeys(unknown, BOX)
    longest_first = sorted(replacements, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return lambda text: pattern.sub(lambda match: replacements[match[0]], text)


def _is_mark(each: str) -> bool:
    return unicodedata.category(each) in ("Mn", "Mc", "Me", "Cf")


def keep_latin(text: str) -> str:
    """Replace every character beyond the Latin letters of western and central Europe by a box: the
    last resort."""
    return "".join(each if each < "\u0180" or each == BOX else BOX for each in text)


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return the same lists and objects, with each string in them changed."""
    match value:
        case str():
            return change(value)
        case list() | tuple():
            return [map_strings(each, change) for each in value]
        case dict():
            return {name: map_strings(each, change) for name, each in value.items()}
        case _:
            return value
