"""Calls of the archiver for the privacy officer. Each that shows a citizen takes a reason."""

from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from desk.postkamer.client import Answer, PostkamerClient


class PrivacyRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Request of a citizen about their data."""

    id: str
    kind: str
    received_on: date
    due_on: date
    state: str
    decision: str | None = None
    ground: str = ""

    def days_left(self, today: date) -> int:
        """Return the days until it is due; below zero if it is overdue."""
        return (self.due_on - today).days


class RequestStep(msgspec.Struct, frozen=True, rename="camel"):
    at: datetime
    event: str
    by: str
    due_on: date
    ground: str = ""
    decision: str = ""
    text: str = ""


class CopyElsewhere(msgspec.Struct, frozen=True):
    place: str
    what: str = ""
    until: date | None = None


class LegalGround(msgspec.Struct, frozen=True):
    code: str
    article: str
    text: str


class Erasure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Progress of an erasure that was granted."""

    list: str | None = None
    state: str | None = None
    destroyed_from: datetime | None = None
    destroyed_at: datetime | None = None
    destroyed: int
    kept: dict[str, int]
    waiting: int

    @property
    def needs_list(self) -> bool:
        """Return True if something is left, and no list is under way that destroys it."""
        is_under_way = self.state not in (None, "destroyed", "withdrawn")
        return not is_under_way and bool(self.waiting or self.kept)


class FullRequest(PrivacyRequest, frozen=True, kw_only=True, rename="camel"):
    steps: tuple[RequestStep, ...]
    copies: tuple[CopyElsewhere, ...]
    erasure: Erasure | None = None
    letter: str
    has_person: bool
    refusal_grounds: tuple[LegalGround, ...]
    extension_grounds: tuple[LegalGround, ...]


class _Requests(msgspec.Struct, frozen=True):
    requests: tuple[PrivacyRequest, ...]


class RecordView(msgspec.Struct, frozen=True):
    """View of the record by somebody."""

    at: datetime
    conversation: str
    department: str
    token: str
    employee: str
    identified: str
    reason: str
    what: str
    count: int


class Views(msgspec.Struct, frozen=True):
    views: tuple[RecordView, ...]
    next: UUID | None = None


class Identifier(msgspec.Struct, frozen=True):
    kind: str
    value: str


class ExposedPerson(msgspec.Struct, frozen=True, rename="camel"):
    """Citizen of one conversation whose data was seen or received."""

    conversation: str
    departments: tuple[str, ...]
    messages: int
    times: int
    first_at: datetime
    last_at: datetime
    identifiers: tuple[Identifier, ...]


class Exposure(msgspec.Struct, frozen=True):
    """People whose data somebody saw, or a destination received."""

    conversations: int
    messages: int
    destroyed: int
    persons: tuple[ExposedPerson, ...]


class PrivacyOffice:
    """The privacy API of the archiver, with the token of the employee who looks."""

    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def requests(self, token: str) -> tuple[PrivacyRequest, ...]:
        """Return the requests, undecided ones first, the earliest due first."""
        answer = await self._client.ask("GET", "/v1/requests", token)
        return msgspec.json.decode(answer.body, type=_Requests).requests

    async def open_request(self, token: str, body: dict[str, Any]) -> PrivacyRequest:
        answer = await self._client.ask("POST", "/v1/requests", token, body)
        return msgspec.json.decode(answer.body, type=PrivacyRequest)

    async def request(self, token: str, id: str, reason: str) -> FullRequest:
        path = f"/v1/requests/{quote(id, safe='')}"
        answer = await self._client.ask("GET", path, token, headers=_headers(reason))
        return msgspec.json.decode(answer.body, type=FullRequest)

    async def change_request(self, token: str, id: str, verb: str, body: dict[str, Any]) -> None:
        """Extend or decide a request. Raises Refused and Unanswered."""
        path = f"/v1/requests/{quote(id, safe='')}/_{verb}"
        await self._client.ask("POST", path, token, body)

    async def report(self, token: str, body: dict[str, Any], reason: str) -> bytes:
        """Return the JSON of a report. Raises Refused and Unanswered."""
        path, headers = "/v1/people/_report", _headers(reason)
        return (await self._client.ask_for_report(path, token, body, headers)).body

    async def printed_report(self, token: str, body: dict[str, Any], reason: str) -> bytes:
        """Return the PDF of a report. Raises Refused and Unanswered."""
        path, headers = "/v1/people/_print", _headers(reason)
        return (await self._client.ask_for_report(path, token, body, headers)).body

    async def views(self, token: str, body: dict[str, Any], reason: str) -> Views:
        answer = await self._post("/v1/views/_search", token, body, reason)
        return msgspec.json.decode(answer.body, type=Views)

    async def exposure(self, token: str, body: dict[str, Any], reason: str) -> bytes:
        """Return the JSON of an exposure. Raises Refused and Unanswered."""
        path, headers = "/v1/exposures/_search", _headers(reason)
        return (await self._client.ask_for_report(path, token, body, headers)).body

    async def annotate(self, token: str, id: UUID, body: dict[str, str], reason: str) -> None:
        """Add a correction to a message. Raises Refused and Unanswered."""
        await self._post(f"/v1/messages/{id}/_annotate", token, body, reason)

    async def _post(self, path: str, token: str, body: dict[str, Any], reason: str) -> Answer:
        return await self._client.ask("POST", path, token, body, _headers(reason))


def _headers(reason: str) -> dict[str, str]:
    return {"Postkamer-Reason": reason}
