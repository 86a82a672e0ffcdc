"""The patterns of a municipality, looked for all at once: which of them fit a text. Pure.

A text is read once for the letters that any pattern cannot do without, and only those patterns are
tried whose letters are all there. One automaton of all patterns would be built anew with nearly
each text: it took 310 us for an ordinary message with the 386 patterns of the example, this 9.
"""

import re
from collections.abc import Callable, Iterator, Sequence

import re2

from services.config.routing_rules import PATTERN_BYTES, pattern_options

MEMORY = 256 * 1024 * 1024
"""Bytes that all patterns of a municipality may take together, at most."""
TOGETHER, LETTERS = 1000, 40_000
"""Patterns, and their letters, for which a text is read at once: what is sought in it must fit in
8 MiB, which RE2 sets. A pattern of one long word takes the most."""

Patterns = Callable[[str], frozenset[int]]
"""The places of those that fit a text."""


ASSERTS = re.compile(r"[\^$]|\\[bBAz]")
"""What a pattern may ask of a place in the text."""


def fits_every_text(pattern: str) -> bool:
    """Surely; of those with an assertion that is not said. No pattern fits where there is no text:
    the others are found where they fit nothing at all."""
    return not ASSERTS.search(pattern) and bool(re2.search(pattern, ""))


def compiled(patterns: Sequence[str]) -> Patterns:
    """re2.error where they take too much memory."""
    options = pattern_options(min(PATTERN_BYTES, MEMORY // max(1, len(patterns))))
    filters = [found for part in _parts(patterns) for found in _filters(patterns, part, options)]

    def fitting(text: str) -> frozenset[int]:
        plain = text.encode("utf-8", "replace")
        return frozenset(
            first + place for first, filter in filters for place in filter.Match(plain) or ()
        )

    return fitting


def part(pattern: str, text: str) -> str:
    """What of a text a pattern fits on; '' where it fits on nothing. It is compiled for the asking:
    for who asks why, not for each message."""
    plain = text.encode("utf-8", "replace").decode()
    found = re2.compile(pattern, pattern_options(PATTERN_BYTES)).search(plain)
    return str(found[0]) if found else ""


def _parts(patterns: Sequence[str]) -> Iterator[range]:
    start = letters = 0
    for place, pattern in enumerate(patterns):
        letters += len(pattern)
        if place > start and (letters > LETTERS or place - start == TOGETHER):
            yield range(start, place)
            start, letters = place, len(pattern)
    if patterns:
        yield range(start, len(patterns))


def _filters(
    patterns: Sequence[str], part: range, options: re2.Options
) -> Iterator[tuple[int, re2.Filter]]:
    """The place of its first pattern, and what finds them; in halves where they do not fit."""
    filter = re2.Filter()
    for place in part:
        filter.Add(patterns[place], options)
    try:
        filter.Compile()
    except re2.error:
        if len(part) == 1:
            raise
        middle = len(part) // 2
        yield from _filters(patterns, part[:middle], options)
        yield from _filters(patterns, part[middle:], options)
    else:
        yield part.start, filter
