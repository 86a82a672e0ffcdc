"""Models of the answers about disclosures, as the API's document shows them. Pure."""

import datetime
from typing import Literal

from pydantic import Field

from archiver.disclosure.disclosure import Decision, Kind, State
from services.api.operations import Shown
from services.contract import Identified


class DisclosureSummary(Shown):
    """Disclosure. It names no citizen."""

    id: str
    kind: Kind
    """woo: a request under the Woo. access: of a citizen, for what is theirs (AVG, article 15)."""
    hold: str
    """Hold that selects its documents."""
    named: tuple[str, ...]
    """Ids of the employees who are named."""
    state: State
    """drawn: it is worked on. reviewed: somebody said that all is decided. approved: it is fixed
    for ever."""
    drawn_by: str
    drawn_at: datetime.datetime
    reviewed_by: str | None
    reviewed_at: datetime.datetime | None
    approved_by: str | None
    approved_at: datetime.datetime | None


class Disclosures(Shown):
    """The newest first, at most 500."""

    disclosures: tuple[DisclosureSummary, ...]


class DisclosureStep(Shown):
    """Step of a disclosure, as it is on the record."""

    at: datetime.datetime
    event: Literal[
        "drawn",
        "refreshed",
        "redacted",
        "decided",
        "reviewed",
        "returned",
        "approved",
        "exported",
    ]
    by: str
    identified: Identified | None
    """Source of the name: the municipality's identity provider (`proven`) or the caller
    (`stated`)."""
    number: int
    """Document that it is about; 0 for none."""
    documents: int
    """Documents that a refresh added, or that go on further than before."""
    decision: Decision | Literal[""]
    grounds: tuple[str, ...]
    text: str


class DisclosureDocument(Shown):
    """Document of a disclosure: a conversation, up to the last refresh."""

    number: int
    conversation: str
    decision: Decision | None
    """open: shown whole. partly: with redactions. closed: not shown. outside: the request is not
    about it. null: not decided yet."""
    grounds: tuple[str, ...]
    decided_by: str | None
    handled_by: tuple[str, ...]
    """All who redacted it or decided about it. None of them can approve the disclosure."""


class RefusalGround(Shown):
    """Ground of the law on which something is not shown."""

    code: str
    """Label that stands in its place."""
    article: str
    words: str
    """Its meaning, in Dutch."""


class FullDisclosure(DisclosureSummary):
    """Disclosure with its documents and steps."""

    documents: tuple[DisclosureDocument, ...]
    steps: tuple[DisclosureStep, ...]
    """Oldest first."""
    legal_grounds: tuple[RefusalGround, ...]
    """Grounds for its kind, in the order of the law."""


class DocumentText(Shown):
    """Text that somebody wrote, from which parts can be left out."""

    message: str
    """Id of its message, note or step."""
    kind: Literal["message", "note", "step"]
    at: datetime.datetime
    direction: Literal["in", "out", "echo"] | None
    """From the citizen, to the citizen, or to the citizen outside Postkamer; null beside a
    message."""
    text: str


class DocumentSpan(Shown):
    """Part of a text that is not shown."""

    message: str
    start: int = Field(alias="from")
    end: int = Field(alias="to")
    ground: str


class DocumentRemnant(Shown):
    """Text in which words that are left out elsewhere still stand, inside other words."""

    text: int
    """Its number among the texts of the document, from 1."""
    message: str
    times: int


class DocumentBox(Shown):
    """Part of a picture that is painted over, in thousandths of its sides."""

    message: str
    x: int
    y: int
    width: int
    height: int
    ground: str


class DocumentPicture(Shown):
    """Picture that can be shown."""

    message: str
    at: datetime.datetime
    is_shown: bool
    """True if it is handed over, under its boxes."""
    boxes: tuple[DocumentBox, ...]


class FullDisclosureDocument(DisclosureDocument):
    """Document with its texts and pictures, and with what is left out of them."""

    texts: tuple[DocumentText, ...]
    """In the order of the conversation."""
    pictures: tuple[DocumentPicture, ...]
    spans: tuple[DocumentSpan, ...]
    proposals: tuple[DocumentSpan, ...]
    """Names, numbers and addresses that were found and are not left out. A person judges them."""
    remnants: tuple[DocumentRemnant, ...]
    """Texts where words of `spans` are shown inside other words, as `Henk` in `Henks`."""
