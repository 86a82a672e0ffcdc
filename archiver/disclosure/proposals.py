"""Proposals for what to redact in the texts of a document. Pure.

They find what has a form, and names that the record knows. A person looks through every text all
the same: nothing here knows a name that stands in a text alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from archiver.disclosure.disclosure import Kind
from archiver.disclosure.grounds import NUMBER, PRIVACY
from archiver.disclosure.redaction import Span
from services.language.personal_numbers import BSN, find_pii

SHORTEST_NAME = 3
"""Letters of a part of a name that is looked for by itself: `de` and `Jo` are in many words."""
PHONE = re.compile(
    r"(?<![\w+])(?!\d{4}-\d\d-\d\d\b|\d\d?-\d\d?-\d{4}\b)(?:\+|00)?\d(?:[\s().\-/]{0,2}\d){7,14}(?!\w)"
)
"""Eight to fifteen digits, as phone numbers are written, and no date. A person looks at a number
too many."""
UNSEEN = frozenset(("Cf", "Mn", "Me"))
"""Categories of characters without width: an accent, a soft hyphen, a part of an emoji."""
EMAIL = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+")


class KnownPeople(msgspec.Struct, frozen=True):
    """Names that the record has of a document: of its citizens and of its employees."""

    citizens: tuple[str, ...] = ()
    employees: tuple[str, ...] = ()


def propose_spans(texts: Mapping[str, str], people: KnownPeople, kind: Kind) -> tuple[Span, ...]:
    """Return proposals, in order. Who asked for access sees their own data, so that employees
    alone are proposed."""
    spans = []
    for message, text in texts.items():
        found = list(find_words(text, people.employees))
        if kind == "woo":
            names = [part for name in people.citizens for part in _parts(name)]
            found += [*find_words(text, names), *_find_forms(text)]
        spans += [Span(message, *place, PRIVACY[kind]) for place in found]
        if kind == "woo":
            spans += [Span(message, each.start, each.end, NUMBER[kind])
                      for each in find_pii(text) if each.kind == BSN]  # fmt: skip
    return tuple(sorted(set(spans)))


def find_words(text: str, words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield where words occur by themselves in a text: with other capitals, accents or spaces too,
    and with characters between their letters that nobody sees."""
    folded = fold(text)
    for word in dict.fromkeys(filter(None, (fold(each).text.strip() for each in words))):
        spaced = r"\s+".join(map(re.escape, word.split()))
        for match in re.finditer(rf"(?<!\w){spaced}(?!\w)", folded.text):
            yield folded.span(*match.span())


class Folded(msgspec.Struct, frozen=True):
    """A text in its plainest form, and the place in the original of each character."""

    text: str
    places: tuple[int, ...]
    length: int

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the original, with the accents and unseen characters behind it."""
        after = self.places[end] if end < len(self.places) else self.length
        # One character may be several in the plainest form: all of it goes.
        return self.places[start], max(after, self.places[end - 1] + 1)


def fold(text: str) -> Folded:
    shown, places = [], []
    for place, character in enumerate(text):
        for each in unicodedata.normalize("NFKD", character).casefold():
            if unicodedata.category(each) not in UNSEEN:
                shown.append(each)
                places.append(place)
    return Folded("".join(shown), tuple(places), len(text))


def _find_forms(text: str) -> Iterator[tuple[int, int]]:
    folded = fold(text)
    for pattern in (PHONE, EMAIL):
        yield from (folded.span(*match.span()) for match in pattern.finditer(folded.text))
    yield from ((each.start, each.end) for each in find_pii(text) if each.kind != BSN)


def _parts(name: str) -> Iterator[str]:
    yield name
    yield from (part for part in name.split() if len(part) >= SHORTEST_NAME)
