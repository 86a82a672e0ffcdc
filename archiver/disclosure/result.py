"""The files that are handed over: their names, and what stands in each."""

from collections.abc import Iterator, Mapping

import msgspec

from archiver.disclosure import phrases
from archiver.disclosure.disclosure import Decision, Disclosure, DisclosureRefused
from archiver.disclosure.handling import OpenDocument, redact_document
from archiver.disclosure.inventory import Line, inventory_rows, write_csv, write_ods
from archiver.disclosure.redaction import Redactions
from archiver.transcript.transcript import Transcript
from services.calendar.opening_hours import day_of

SHOWN: tuple[Decision, ...] = ("open", "partly")
"""Decisions about documents of which something is handed over."""
ENDINGS = (".html", ".pdf")
"""Ends of the names of the two files of a document."""
DRAFT = "concept-"
"""Beginning of the name of each file of a disclosure that is not approved."""
INVENTORY = "inventaris"
MORE = "document {number}: more is left out than was decided ({grounds}): decide about it again"


def is_draft(found: Disclosure) -> bool:
    return found.state != "approved"


def name_file(found: Disclosure, base: str) -> str:
    return f"{DRAFT}{base}" if is_draft(found) else base


def name_document(found: Disclosure, number: int, ending: str) -> str:
    return name_file(found, f"{number:04}{ending}")


def preview(
    found: Disclosure,
    opened: OpenDocument,
    redactions: Redactions,
    pictures: Mapping[str, bytes],
) -> Transcript:
    """Return what would be handed over of a document as it is redacted now. Raises
    DisclosureRefused."""
    done = redact_document(found, opened, redactions, pictures)
    return _mark(done.transcript, has_mark=is_draft(found))


def compose(
    found: Disclosure,
    opened: OpenDocument,
    redactions: Redactions,
    pictures: Mapping[str, bytes],
) -> Transcript:
    """Return what is handed over of a document. Raises DisclosureRefused, also if more is left out
    than was decided."""
    done = redact_document(found, opened, redactions, pictures)
    if more := set(done.grounds) - set(opened.document.grounds):
        grounds = ", ".join(sorted(more))
        raise DisclosureRefused(MORE.format(number=opened.document.number, grounds=grounds))
    return _mark(done.transcript, has_mark=is_draft(found))


def _mark(transcript: Transcript, *, has_mark: bool) -> Transcript:
    if not has_mark:
        return transcript
    return msgspec.structs.replace(transcript, remarks=(phrases.DRAFT, *transcript.remarks))


def inventory_line(found: Disclosure, opened: OpenDocument) -> Line:
    """Return the line of a document that is there, with the files that are handed over of it."""
    document, stays = opened.document, opened.transcript.stays
    files: tuple[str, ...] = ()
    if document.decision in SHOWN:
        files = tuple(name_document(found, document.number, ending) for ending in ENDINGS)
    department = stays[-1].department if stays else ""
    return Line(document, day_of(opened.transcript.opened_at), department, files)


def inventory_files(found: Disclosure, lines: list[Line]) -> Iterator[tuple[str, bytes]]:
    """Yield the inventory in its two forms, each with its name."""
    rows = inventory_rows(found, lines)
    yield name_file(found, f"{INVENTORY}.csv"), write_csv(rows)
    yield name_file(found, f"{INVENTORY}.ods"), write_ods(rows)
