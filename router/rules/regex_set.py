"""Match all patterns of a municipality at once. Pure.

A text is read once for the letters that any pattern requires, and only patterns whose letters all
occur are tried. One automaton of all patterns would be rebuilt for nearly each text: it took 310 us
for an ordinary message with the 386 patterns of the example, and this takes 9.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import re2

from services.config.routing_rules import PATTERN_BYTES, pattern_options

MEMORY = 256 * 1024 * 1024
"""Bytes that all patterns of a municipality may take together, at most."""
TOGETHER, LETTERS = 1000, 40_000
"""Patterns, and their letters, in one pass over a text: their required letters must fit in the 8
MiB that RE2 allows. A pattern of one long word takes the most."""

PatternFinder = Callable[[str], frozenset[int]]
"""Return the positions of the patterns that match a text."""


ASSERTION = re.compile(r"[\^$]|\\[bBAz]")
"""Assertion of a pattern about a place in the text."""


def fits_every_text(pattern: str) -> bool:
    """True if the pattern certainly matches every text: it matches the empty string and has no
    assertion. A pattern with an assertion is not judged."""
    return not ASSERTION.search(pattern) and bool(re2.search(pattern, ""))


def compile_patterns(patterns: Sequence[str], *, few_texts: bool = False) -> PatternFinder:
    """Raise re2.error if the patterns take too much memory. For `few_texts` compiling takes two
    thirds of the time, and matching a thousand times as long."""
    options = pattern_options(min(PATTERN_BYTES, MEMORY // max(1, len(patterns))))
    if few_texts:
        return partial(_try_each, [re2.compile(pattern, options) for pattern in patterns])
    filters = [
        filter
        for batch in _batches(patterns)
        for filter in _compile_filters(patterns, batch, options)
    ]

    def find_matching(text: str) -> frozenset[int]:
        plain = _as_utf8(text)
        return frozenset(
            first + place for first, filter in filters for place in filter.Match(plain) or ()
        )

    return find_matching


def _try_each(compiled: Sequence[Any], text: str) -> frozenset[int]:
    plain = _as_utf8(text).decode()
    return frozenset(place for place, pattern in enumerate(compiled) if pattern.search(plain))


def _as_utf8(text: str) -> bytes:
    """Encode a text, also one with half of a surrogate pair."""
    return text.encode("utf-8", "replace")


def find_fragment(pattern: str, text: str) -> str:
    """Return the part of a text that a pattern matches, '' for none. The pattern is compiled for
    each call, because this serves explanations and not every message."""
    plain = _as_utf8(text).decode()
    match = re2.compile(pattern, pattern_options(PATTERN_BYTES)).search(plain)
    return str(match[0]) if match else ""


def _batches(patterns: Sequence[str]) -> Iterator[range]:
    start = letters = 0
    for place, pattern in enumerate(patterns):
        letters += len(pattern)
        if place > start and (letters > LETTERS or place - start == TOGETHER):
            yield range(start, place)
            start, letters = place, len(pattern)
    if patterns:
        yield range(start, len(patterns))


def _compile_filters(
    patterns: Sequence[str], batch: range, options: re2.Options
) -> Iterator[tuple[int, re2.Filter]]:
    """Yield filters with the position of their first pattern; halve a batch that does not fit."""
    filter = re2.Filter()
    for place in batch:
        filter.Add(patterns[place], options)
    try:
        filter.Compile()
    except re2.error:
        if len(batch) == 1:
            raise
        middle = len(batch) // 2
        yield from _compile_filters(patterns, batch[:middle], options)
        yield from _compile_filters(patterns, batch[middle:], options)
    else:
        yield batch.start, filter
