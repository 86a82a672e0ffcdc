"""Redacting a document and deciding about it, for the API and for commands alike."""

from collections.abc import Mapping

import msgspec

from archiver.disclosure.disclosure import (
    CHANGED,
    Decision,
    Disclosure,
    DisclosureRefused,
    Document,
    Verdict,
    check_decision,
)
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.handling import (
    CHANGED_TEXT,
    DocumentReader,
    OpenDocument,
    redact_document,
)
from archiver.disclosure.proposals import propose_spans
from archiver.disclosure.redaction import (
    Redactions,
    Span,
    add_spans,
    bind,
    has_other_texts,
    redaction_faults,
)
from archiver.disclosure.redactor import find_people, find_texts
from services.config.model import Configuration

DECIDED_BY_CONTENT = ("open", "partly")
"""Decisions that follow from what is shown of a document."""


def picture_ids(opened: OpenDocument, config: Configuration) -> list[str]:
    """Return the messages of which a picture can be shown. Files that no scanner checked are shown
    by a trial alone."""
    scanned_only = config.environment == "production"
    return [str(each) for each in opened.pictures(scanned_only=scanned_only)]


def propose(found: Disclosure, opened: OpenDocument, redactions: Redactions) -> tuple[Span, ...]:
    """Return the spans that are proposed, and not redacted yet."""
    people = find_people(opened.transcript, frozenset(found.named))
    proposed = propose_spans(find_texts(opened.transcript), people, found.kind)
    known = frozenset(redactions.spans)
    return tuple(each for each in add_spans(redactions.spans, proposed) if each not in known)


def bind_redactions(
    opened: OpenDocument, redactions: Redactions, config: Configuration
) -> Redactions:
    """Return redactions bound to the texts of the document. Raises DisclosureRefused if some are
    not of it, or if a text is not the one that was redacted before."""
    texts = find_texts(opened.transcript)
    if has_other_texts(redactions, texts, opened.salts):
        sentence = CHANGED_TEXT.format(number=opened.document.number)
        raise DisclosureRefused(sentence, CHANGED)
    if faults := redaction_faults(redactions, texts, picture_ids(opened, config)):
        raise DisclosureRefused("\n".join(faults), "not_of_it")
    return bind(redactions, texts, opened.salts)


def mark_pictures(
    found: Disclosure, opened: OpenDocument, redactions: Redactions, config: Configuration
) -> Mapping[str, bytes]:
    """Return a mark for each picture that will be shown, which is made when it is written."""
    ids = picture_ids(opened, config)
    return {each: b"-" for each in ids if found.kind == "access" or each in redactions.pictures}


class Assessor(msgspec.Struct, frozen=True):
    """Judges documents on the connection of the reader and the store."""

    store: DisclosureStore
    reader: DocumentReader
    config: Configuration
    found: Disclosure

    async def judge(
        self, document: Document, decision: Decision, given: tuple[str, ...]
    ) -> Verdict:
        """Return the verdict on a document, with the grounds of what is left out of it or with
        those that are given. Raises DisclosureRefused and TooLong."""
        used: tuple[str, ...] = ()
        if decision in DECIDED_BY_CONTENT:
            opened = await self.reader.open(self.found, document)
            redactions = await self.store.redactions(self.found, document)
            marks = mark_pictures(self.found, opened, redactions, self.config)
            used = redact_document(self.found, opened, redactions, marks).grounds
        grounds = check_decision(decision, tuple(dict.fromkeys(given)), used)
        return Verdict(document.number, decision, grounds)
