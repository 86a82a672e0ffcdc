"""Proposals for what to redact in the texts of a document. Pure.

They find what has a form, and names that the record knows. A person looks through every text all
the same: nothing here knows a name that stands in a text alone.
"""

import re
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
    """Yield where words occur by themselves in a text, in capitals or not."""
    for word in dict.fromkeys(filter(None, words)):
        pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
        yield from (match.span() for match in re.finditer(pattern, text, re.IGNORECASE))


def _find_forms(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (PHONE, EMAIL):
        yield from (match.span() for match in pattern.finditer(text))
    yield from ((each.start, each.end) for each in find_pii(text) if each.kind != BSN)


def _parts(name: str) -> Iterator[str]:
    yield name
    yield from (part for part in name.split() if len(part) >= SHORTEST_NAME)
