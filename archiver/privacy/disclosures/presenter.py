"""Answers about disclosures."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from archiver.disclosure.disclosure import Disclosure, DisclosureEvent, Document, Kind
from archiver.disclosure.grounds import GROUNDS
from archiver.disclosure.handling import OpenDocument
from archiver.disclosure.redaction import Redactions, Span
from archiver.disclosure.redactor import find_texts
from archiver.disclosure.remnants import find_remnants
from archiver.transcript.transcript import Message, Note, Step, Transcript

Json = dict[str, Any]
SUMMARY = (
    "id", "kind", "hold", "named", "state", "drawn_by", "drawn_at", "reviewed_by", "reviewed_at",
    "approved_by", "approved_at",
)  # fmt: skip


def summary(found: Disclosure) -> Json:
    return {_camel(name): getattr(found, name) for name in SUMMARY}


def whole(
    found: Disclosure,
    documents: Iterable[Document],
    steps: Iterable[tuple[datetime, DisclosureEvent]],
) -> Json:
    return summary(found) | {
        "documents": list(map(document_row, documents)),
        "steps": [_step(at, each) for at, each in steps],
        "legalGrounds": _grounds(found.kind),
    }


def document_row(document: Document) -> Json:
    return {
        "number": document.number,
        "conversation": document.conversation,
        "decision": document.decision or None,
        "grounds": document.grounds,
        "decidedBy": document.decided_by,
        "handledBy": document.handled_by,
    }


def whole_document(
    opened: OpenDocument,
    redactions: Redactions,
    proposals: Iterable[Span],
    pictures: Mapping[str, bool],
) -> Json:
    """Return a document with its texts, and with pictures by their message: True for those that
    are shown."""
    times = {row.id: row.at for row in opened.transcript.rows if isinstance(row, Message)}
    remnants = find_remnants(find_texts(opened.transcript), redactions.spans)
    return document_row(opened.document) | {
        "texts": list(_texts(opened.transcript)),
        "pictures": [
            {"message": id, "at": times[id], "isShown": is_shown, "boxes": _boxes(id, redactions)}
            for id, is_shown in pictures.items()
        ],
        "spans": list(map(_span, redactions.spans)),
        "proposals": list(map(_span, proposals)),
        "remnants": list(map(msgspec.structs.asdict, remnants)),
    }


def _texts(transcript: Transcript) -> Iterator[Json]:
    for row in transcript.rows:
        match row:
            case Message(text=text) if text:
                yield _text(row.id, "message", row.at, text, row.direction)
            case Note(text=text) if text:
                yield _text(row.id, "note", row.at, text)
            case Step(reason=text) if text:
                yield _text(row.id, "step", row.at, text)


def _text(id: str, kind: str, at: datetime, text: str, direction: str | None = None) -> Json:
    return {"message": id, "kind": kind, "at": at, "direction": direction, "text": text}


def _boxes(id: str, redactions: Redactions) -> list[Json]:
    return [msgspec.structs.asdict(box) for box in redactions.boxes if box.message == id]


def _span(span: Span) -> Json:
    place = {"message": span.message, "from": span.start, "to": span.end}
    return place | {"ground": span.ground}


def _step(at: datetime, step: DisclosureEvent) -> Json:
    names = ("event", "by", "identified", "number", "decision", "grounds", "text")
    given = {name: getattr(step, name) for name in names}
    return {"at": at, "documents": len(step.extents)} | given


def _grounds(kind: Kind) -> list[Json]:
    names = ("code", "article", "words")
    of_kind = (each for each in GROUNDS.values() if each.kind == kind)
    return [{name: getattr(each, name) for name in names} for each in of_kind]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
