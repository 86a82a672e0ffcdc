"""Words that are left out of a document, where they still stand inside other words. Pure.

`Henk` is left out where it stands by itself: inside `Henks` or `#Henk_` it may be part of the same
name, and inside `Henkel` of another. A person judges that, and must know where to look.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from archiver.disclosure.proposals import Folded, fold
from archiver.disclosure.redaction import Span

SHORTEST = 2
"""Characters of words that are looked for: one letter is inside nearly every word."""
LETTER, WORD, LAST_WORD = (re.compile(each) for each in (r"\w", r"\w+", r"\w+\Z"))


class Remnant(msgspec.Struct, frozen=True):
    """A text of a document in which such words stand, without them."""

    text: int
    """Its number among the texts of the document, from 1."""
    message: str
    times: int


def find_remnants(texts: Mapping[str, str], spans: Sequence[Span]) -> tuple[Remnant, ...]:
    """Return the texts where words of these spans stand inside others that are shown."""
    plain = {message: fold(text) for message, text in texts.items()}
    parts = (texts.get(span.message, "")[span.start : span.end] for span in spans)
    words = _choose_words(parts, [each.text for each in plain.values()])
    hidden: dict[str, list[Span]] = {}
    for span in spans:
        hidden.setdefault(span.message, []).append(span)
    found = []
    for number, (message, text) in enumerate(plain.items(), 1):
        places = {place for word in words for place in _find_inside(text, word)}
        shown = [place for place in places if not _is_hidden(place, hidden.get(message, ()))]
        if shown:
            found.append(Remnant(number, message, len(shown)))
    return tuple(found)


def _choose_words(parts: Iterable[str], texts: Sequence[str]) -> list[str]:
    """Return which of these may stand inside other words. Few do, and each of the others would be
    looked for in thousands of texts."""
    known = {word for text in texts for word in WORD.findall(text)}
    joined = " ".join(sorted(known))
    words = {" ".join(fold(part).text.split()) for part in parts}

    def may_be_inside(word: str) -> bool:
        at_ends = WORD.match(word), LAST_WORD.search(word)
        ends = [each.group() for each in at_ends if each]
        # A word that begins or ends with another sign has any letter beside it.
        return len(ends) < len(at_ends) or any(
            joined.count(each) > (each in known) for each in ends
        )

    return [word for word in sorted(words) if len(word) >= SHORTEST and may_be_inside(word)]


def _find_inside(plain: Folded, word: str) -> Iterator[tuple[int, int]]:
    """Yield where a word stands with a letter, a digit or an underscore beside it."""
    first, _, _ = word.partition(" ")
    if first not in plain.text:
        return
    pattern = r"\s+".join(map(re.escape, word.split()))
    # A look ahead, since one may begin within another.
    for match in re.finditer(rf"(?=({pattern}))", plain.text):
        start, end = match.span(1)
        beside = plain.text[max(start - 1, 0) : start] + plain.text[end : end + 1]
        if LETTER.search(beside):
            yield plain.span(start, end)


def _is_hidden(place: tuple[int, int], spans: Sequence[Span]) -> bool:
    return any(span.start <= place[0] and place[1] <= span.end for span in spans)
