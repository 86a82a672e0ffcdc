"""Redactions of a document: spans of a text, boxes on a picture. Pure.

A span becomes a label with its grounds. The label has one length, whatever was there: that of a
name would tell which of two people it was. Spans that touch become one label, so that the number
of labels does not tell how many words there were.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import msgspec

WHOLE = 1000
"""Sides of a picture, in the unit of a box."""
MAX_REDACTIONS = 5_000
"""Redactions of one document: one for each message of the longest conversation."""
HASH_BYTES = 16
MAX_BOXES = 200
"""Boxes on one picture. A group of people has a face each."""


SpanPlace = tuple[str, int, int]
BoxPlace = tuple[str, int, int, int, int]


class Span(msgspec.Struct, frozen=True, order=True):
    """Part of the text of a message or a note, from a character up to another one."""

    message: str
    start: int
    end: int
    ground: str

    @property
    def place(self) -> SpanPlace:
        return self.message, self.start, self.end


class Box(msgspec.Struct, frozen=True, order=True):
    """Part of the picture of a message, in thousandths of its sides as it is shown upright."""

    message: str
    x: int
    y: int
    width: int
    height: int
    ground: str

    @property
    def place(self) -> BoxPlace:
        return self.message, self.x, self.y, self.width, self.height


class Redactions(msgspec.Struct, frozen=True):
    """Everything that a person redacted in a document, and the pictures that they let through."""

    spans: tuple[Span, ...] = ()
    boxes: tuple[Box, ...] = ()
    pictures: tuple[str, ...] = ()
    """Messages of which the picture is shown, under its boxes; others are left out."""
    texts: Mapping[str, str] = {}
    """Message -> keyed hash of the text that its spans are of."""

    @property
    def is_empty(self) -> bool:
        return not (self.spans or self.boxes or self.pictures)


class TextChanged(Exception):
    """A text is another one than that of which spans were made. The argument is its message."""


def hash_text(text: str, salt: bytes) -> str:
    """Hash a text under the salt of its entry: once that is destroyed, nobody can try texts."""
    encoded = text.encode("utf-8", "surrogatepass")
    return blake2b(encoded, key=salt, digest_size=HASH_BYTES).hexdigest()


def label(grounds: Iterable[str]) -> str:
    """Return what stands in the place of something that is not shown."""
    return f"[{', '.join(sorted(set(grounds)))}]"


def apply_spans(text: str, spans: Sequence[Span]) -> str:
    """Return a text with a label in the place of each part that is not shown."""
    shown, at = [], 0
    for start, end, grounds in _merge(text, spans):
        shown += [text[at:start], label(grounds)]
        at = end
    return "".join([*shown, text[at:]])


def _merge(text: str, spans: Sequence[Span]) -> list[tuple[int, int, set[str]]]:
    """Return the parts that are not shown, in order, those as one that nothing but spaces is
    between."""
    merged: list[tuple[int, int, set[str]]] = []
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if merged and (span.start <= merged[-1][1] or text[merged[-1][1] : span.start].isspace()):
            start, end, grounds = merged[-1]
            merged[-1] = start, max(end, span.end), grounds | {span.ground}
        else:
            merged.append((span.start, span.end, {span.ground}))
    return merged


def bind(
    redactions: Redactions, texts: Mapping[str, str], salts: Mapping[str, bytes]
) -> Redactions:
    """Bind the spans to the texts that they are of."""
    messages = {span.message for span in redactions.spans}
    hashes = {each: hash_text(texts[each], salts[each]) for each in sorted(messages)}
    return msgspec.structs.replace(redactions, texts=hashes)


def has_other_texts(
    redactions: Redactions, texts: Mapping[str, str], salts: Mapping[str, bytes]
) -> bool:
    """Return True if a text is not the one that was redacted."""
    return any(
        each not in texts or hash_text(texts[each], salts.get(each, b"")) != known
        for each, known in redactions.texts.items()
    )


class Removal(msgspec.Struct, frozen=True):
    """Redactions that are taken back, by their place, whatever their ground."""

    spans: frozenset[SpanPlace] = frozenset()
    boxes: frozenset[BoxPlace] = frozenset()
    pictures: frozenset[str] = frozenset()
    """Messages of which the picture is not shown any more; their boxes go too."""


def take_back(redactions: Redactions, removal: Removal) -> Redactions:
    """Return redactions without those."""
    spans = tuple(each for each in redactions.spans if each.place not in removal.spans)
    boxes = tuple(
        each
        for each in redactions.boxes
        if each.message not in removal.pictures and each.place not in removal.boxes
    )
    pictures = tuple(each for each in redactions.pictures if each not in removal.pictures)
    return msgspec.structs.replace(redactions, spans=spans, boxes=boxes, pictures=pictures)


def add_redactions(redactions: Redactions, added: Redactions) -> Redactions:
    """Return redactions with those others. A picture that gets a box is shown. A span with another
    ground at the same place takes the place of the one that was there."""
    places = frozenset(each.place for each in added.spans)
    kept = take_back(redactions, Removal(spans=places))
    pictures = {*kept.pictures, *added.pictures, *(box.message for box in added.boxes)}
    return msgspec.structs.replace(
        kept,
        spans=tuple(sorted({*kept.spans, *added.spans})),
        boxes=tuple(sorted({*kept.boxes, *added.boxes})),
        pictures=tuple(sorted(pictures)),
    )


def redaction_faults(
    redactions: Redactions, texts: Mapping[str, str], pictures: Iterable[str]
) -> list[str]:
    """Return what is wrong with redactions of a document with these texts and pictures."""
    faults, known = [], frozenset(pictures)
    for span in redactions.spans:
        if span.message not in texts:
            faults.append(f"{span.message}: the document has no such message or note")
        elif not 0 <= span.start < span.end <= len(texts[span.message]):
            length = len(texts[span.message])
            faults.append(f"{span.message}: expected from < to <= {length}, its characters")
    for message in (*(box.message for box in redactions.boxes), *redactions.pictures):
        if message not in known:
            faults.append(f"{message}: no picture of this message can be shown")
    faults += [f"{box.message}: expected a box within {WHOLE} by {WHOLE}"
               for box in redactions.boxes if not _is_within(box)]  # fmt: skip
    faults += [f"{message}: expected at most {MAX_BOXES} boxes"
               for message, boxes in Counter(box.message for box in redactions.boxes).items()
               if boxes > MAX_BOXES]  # fmt: skip
    number = len(redactions.spans) + len(redactions.boxes)
    if number > MAX_REDACTIONS:
        faults.append(f"{number} redactions: expected at most {MAX_REDACTIONS}")
    return list(dict.fromkeys(faults))


def _is_within(box: Box) -> bool:
    sides = (box.x, box.width), (box.y, box.height)
    return all(at >= 0 and side > 0 and at + side <= WHOLE for at, side in sides)


def add_spans(spans: Sequence[Span], more: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans with those others that are not within one of them."""
    added = [each for each in more if not any(_contains(span, each) for span in spans)]
    return tuple(sorted({*spans, *added}))


def _contains(span: Span, other: Span) -> bool:
    return span.message == other.message and span.start <= other.start and other.end <= span.end
