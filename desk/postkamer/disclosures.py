"""Calls of the archiver about disclosures: what is made public, or shown to who asked for it."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from desk.postkamer.archive import Look
from desk.postkamer.client import PostkamerClient

PATH = "/v1/disclosures"


class Disclosure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    kind: str
    hold: str
    state: str
    drawn_by: str
    drawn_at: datetime
    named: tuple[str, ...] = ()
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    number: int
    conversation: str
    decision: str | None = None
    grounds: tuple[str, ...] = ()
    decided_by: str | None = None
    handled_by: tuple[str, ...] = ()


class DisclosureStep(msgspec.Struct, frozen=True, rename="camel"):
    at: datetime
    event: str
    by: str
    number: int = 0
    documents: int = 0
    decision: str = ""
    grounds: tuple[str, ...] = ()
    text: str = ""


class DisclosureGround(msgspec.Struct, frozen=True):
    code: str
    article: str
    words: str


class FullDisclosure(Disclosure, frozen=True, kw_only=True, rename="camel"):
    documents: tuple[Document, ...]
    steps: tuple[DisclosureStep, ...]
    legal_grounds: tuple[DisclosureGround, ...]

    @property
    def is_decided(self) -> bool:
        """True if there are documents, and each is decided about."""
        return bool(self.documents) and all(each.decision for each in self.documents)


class Text(msgspec.Struct, frozen=True):
    message: str
    kind: str
    at: datetime
    text: str
    direction: str | None = None


class Span(msgspec.Struct, frozen=True):
    message: str
    start: int = msgspec.field(name="from")
    end: int = msgspec.field(name="to")
    ground: str

    @property
    def value(self) -> str:
        """Value by which a form names it."""
        return f"{self.message},{self.start},{self.end},{self.ground}"


class Box(msgspec.Struct, frozen=True):
    message: str
    x: int
    y: int
    width: int
    height: int
    ground: str


class Picture(msgspec.Struct, frozen=True, rename="camel"):
    message: str
    at: datetime
    is_shown: bool
    boxes: tuple[Box, ...] = ()


class Remnant(msgspec.Struct, frozen=True):
    """A text where words that are left out still stand inside other words."""

    text: int
    """Its number among the texts, from 1."""
    message: str
    times: int


class FullDocument(Document, frozen=True, kw_only=True, rename="camel"):
    texts: tuple[Text, ...]
    pictures: tuple[Picture, ...]
    spans: tuple[Span, ...]
    proposals: tuple[Span, ...]
    remnants: tuple[Remnant, ...] = ()

    def text_of(self, message: str) -> str:
        """Return a text by its message, note or step; '' if the document has none."""
        return next((each.text for each in self.texts if each.message == message), "")


class _Disclosures(msgspec.Struct, frozen=True):
    disclosures: tuple[Disclosure, ...]


class DisclosureOffice:
    """The disclosures of the archiver, with the token of the employee who works on them."""

    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def all(self, token: str) -> tuple[Disclosure, ...]:
        """Return the disclosures, the newest first."""
        answer = await self._client.ask("GET", PATH, token)
        return msgspec.json.decode(answer.body, type=_Disclosures).disclosures

    async def draw(self, token: str, body: dict[str, Any]) -> FullDisclosure:
        """Draw a disclosure. Raises Refused and Unanswered."""
        answer = await self._client.ask("POST", PATH, token, body)
        return msgspec.json.decode(answer.body, type=FullDisclosure)

    async def find(self, token: str, id: str) -> FullDisclosure:
        answer = await self._client.ask("GET", path_of(id), token)
        return msgspec.json.decode(answer.body, type=FullDisclosure)

    async def change(self, token: str, id: str, verb: str, body: dict[str, Any]) -> None:
        """Refresh, review, return, approve or decide. Raises Refused and Unanswered."""
        given = None if verb == "refresh" else body
        await self._client.ask("POST", f"{path_of(id)}/_{verb}", token, given)

    async def document(self, token: str, id: str, number: int, look: Look) -> FullDocument:
        path = document_path(id, number)
        answer = await self._client.ask("GET", path, token, headers=look.headers)
        return msgspec.json.decode(answer.body, type=FullDocument)

    async def redact(
        self, token: str, id: str, number: int, look: Look, body: dict[str, Any]
    ) -> None:
        """Change the redactions of a document. Raises Refused and Unanswered."""
        path = f"{document_path(id, number)}/_redact"
        await self._client.ask("POST", path, token, body, look.headers)


def path_of(id: str) -> str:
    return f"{PATH}/{quote(id, safe='')}"


def document_path(id: str, number: int) -> str:
    return f"{path_of(id)}/documents/{number}"
