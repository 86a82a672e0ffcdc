"""Calls of the gateway: access, departments, answers, changes of conversations."""

from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

import msgspec

from desk.access import Access
from desk.postkamer.client import PostkamerClient, Refused, Unanswered
from desk.postkamer.department_names import DepartmentNames
from desk.postkamer.templates import Templates


class TransferTarget(msgspec.Struct, frozen=True, rename="camel"):
    """A department of the municipality, to which a conversation can be transferred."""

    id: str
    name: str
    confidential: bool = False
    yours: bool = False
    open_now: bool = True
    opens_at: str | None = None
    retention_code: str | None = None
    """Result of the selection list by which its conversations are kept unless one is given."""


class _Departments(msgspec.Struct, frozen=True):
    departments: list[TransferTarget]


class StoredFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file that the gateway has, to be sent."""

    id: UUID
    mime_type: str


class Notice(msgspec.Struct, frozen=True):
    text: str
    until: datetime | None = None


class NumberState(msgspec.Struct, frozen=True):
    """A number of the municipality, as its contact centre set it."""

    id: str
    state: str
    until: datetime | None = None
    notice: Notice | None = None


class _Numbers(msgspec.Struct, frozen=True):
    numbers: tuple[NumberState, ...]


class CommandStatus(msgspec.Struct, frozen=True):
    """State of a command: what became of it, and why."""

    status: str = "accepted"
    reason: str | None = None

    @property
    def code(self) -> str:
        """Word with which the reason of a failure begins."""
        return (self.reason or "").partition(":")[0].strip()


class FileOnItsWay(Protocol):
    @property
    def filename(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def pieces(self) -> AsyncIterator[bytes]: ...


class Gateway:
    def __init__(self, client: PostkamerClient) -> None:
        self._client = client
        self.names = DepartmentNames(self._department_names)

    async def access(self, token: str) -> Access:
        """Return what a token may do. Raises Refused, with status 401 for one that has ended, and
        403 for one of somebody who may do nothing here: the provider knows the whole town hall."""
        answer = await self._client.ask("GET", "/v1/access", token)
        try:
            access = msgspec.json.decode(answer.body, type=Access)
        except msgspec.ValidationError:  # a token of a system names no person
            raise Refused(HTTPStatus.FORBIDDEN, "", {}) from None
        if not access.roles:
            raise Refused(HTTPStatus.FORBIDDEN, "", {})
        return access

    async def _department_names(self, token: str) -> dict[str, str]:
        return {each.id: each.name for each in await self.departments(token)}

    async def departments(self, token: str) -> list[TransferTarget]:
        answer = await self._client.ask("GET", "/v1/departments", token)
        return msgspec.json.decode(answer.body, type=_Departments).departments

    async def numbers(self, token: str) -> tuple[NumberState, ...]:
        """Return the numbers of the municipality (role `kcc`)."""
        answer = await self._client.ask("GET", "/v1/numbers", token)
        return msgspec.json.decode(answer.body, type=_Numbers).numbers

    async def change_number(
        self, token: str, key: UUID, method: str, number: str, resource: str, body: dict[str, Any]
    ) -> None:
        """Set or remove the notice or the state of a number. Raises Refused and Unanswered."""
        path = f"/v1/numbers/{quote(number, safe='')}/{resource}"
        await self._client.ask(method, path, token, body, {"Idempotency-Key": str(key)})

    async def templates(self, token: str, number: str) -> Templates:
        """Return the templates of a number, as Meta had them when it was last asked."""
        path = f"/v1/numbers/{quote(number, safe='')}/templates"
        answer = await self._client.ask("GET", path, token)
        return msgspec.json.decode(answer.body, type=Templates)

    async def send(self, token: str, key: UUID, message: dict[str, Any]) -> UUID:
        """Send a message and return its id. With the same key it is sent once, however often this
        is called. Raises Refused and Unanswered."""
        headers = {"Idempotency-Key": str(key)}
        answer = await self._client.ask("POST", "/v1/messages", token, message, headers)
        return _id_in(answer.location)

    async def upload(self, token: str, key: UUID, file: FileOnItsWay) -> StoredFile:
        """Pass a file on as it comes. Raises Refused and Unanswered."""
        headers = {
            "Idempotency-Key": str(key),
            "Content-Type": file.content_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
        }
        answer = await self._client.send_file("/v1/media", token, file.pieces, headers)
        return msgspec.json.decode(answer.body, type=StoredFile)

    async def change(
        self, token: str, key: UUID, conversation: str, verb: str, body: dict[str, Any]
    ) -> UUID:
        """Change a conversation and return the id of the command; `verb` is one of the API's, such
        as `transfer`."""
        path = f"/v1/conversations/{conversation}/_{verb}"
        headers = {"Idempotency-Key": str(key)}
        return _id_in((await self._client.ask("POST", path, token, body, headers)).location)

    async def status(self, token: str, id: UUID) -> CommandStatus:
        answer = await self._client.ask("GET", f"/v1/messages/{id}", token)
        return msgspec.json.decode(answer.body, type=CommandStatus)


def _id_in(location: str) -> UUID:
    try:
        return UUID(location.rpartition("/")[2])
    except ValueError:
        raise Unanswered("the answer names no command") from None
