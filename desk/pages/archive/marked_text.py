"""A text with the parts that are left out, and its words to choose from. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

Place = tuple[int, int]
"""From a character up to another one."""
WORD = re.compile(r"\S+")
MARKS = ".,;:!?()[]{}\"'“”‘’…"
"""Marks beside a word that are no part of it."""


class Segment(msgspec.Struct, frozen=True):
    """Part of a text that is shown alike."""

    text: str
    grounds: tuple[str, ...] = ()
    """Grounds on which it is left out; none if it is shown."""
    is_proposed: bool = False


class Word(msgspec.Struct, frozen=True):
    """A word to choose, and what stands between it and the word before."""

    before: str
    text: str
    start: int
    end: int
    is_redacted: bool

    @property
    def value(self) -> str:
        return f"{self.start}-{self.end}"


def mark_text(
    text: str, spans: Collection[tuple[int, int, str]], proposals: Collection[Place]
) -> list[Segment]:
    """Return a text in segments, in order."""
    places = [*((start, end) for start, end, _ in spans), *proposals]
    inside = {at for place in places for at in place if 0 < at < len(text)}
    return [
        _segment(text, start, end, spans, proposals)
        for start, end in pairwise(sorted({0, len(text), *inside}))
    ]


def _segment(
    text: str,
    start: int,
    end: int,
    spans: Iterable[tuple[int, int, str]],
    proposals: Iterable[Place],
) -> Segment:
    grounds = {ground for first, last, ground in spans if first <= start and end <= last}
    is_proposed = any(first <= start and end <= last for first, last in proposals)
    return Segment(text[start:end], tuple(sorted(grounds)), is_proposed and not grounds)


def list_words(text: str, spans: Collection[tuple[int, int, str]]) -> tuple[list[Word], str]:
    """Return the words of a text, and what stands behind the last one."""
    words, at = [], 0
    for start, end in _find_words(text):
        is_redacted = any(first <= start and end <= last for first, last, _ in spans)
        words.append(Word(text[at:start], text[start:end], start, end, is_redacted))
        at = end
    return words, text[at:]


def _find_words(text: str) -> Iterator[Place]:
    for match in WORD.finditer(text):
        whole = match.group()
        start = match.start() + len(whole) - len(whole.lstrip(MARKS))
        end = match.end() - len(whole) + len(whole.rstrip(MARKS))
        if start < end:
            yield start, end


def join_words(text: str, chosen: Collection[str]) -> list[Place]:
    """Return the parts of a text that the chosen words make: words that follow one another are one
    part, with what stands between them."""
    parts: list[list[int]] = []
    follows = False
    for start, end in _find_words(text):
        is_chosen = f"{start}-{end}" in chosen
        if is_chosen and follows:
            parts[-1][1] = end
        elif is_chosen:
            parts.append([start, end])
        follows = is_chosen
    return [(start, end) for start, end in parts]


def shorten_between(text: str, place: Sequence[int], around: int = 20) -> tuple[str, str, str]:
    """Return a part of a text with a little of what stands before and behind it."""
    start, end = place[0], place[1]
    before, behind = text[max(start - around, 0) : start], text[end : end + around]
    return before, text[start:end], behind
