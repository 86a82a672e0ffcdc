"""A record with conversations of a town, its API, and whoever looks at it there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web
from click.testing import Result

from archiver.api.access_log import AccessLog, access_log
from archiver.api.routes import RecordRoutes
from services import clock
from services.contract import Record
from services.http.application import api_app
from services.http.bearer_auth import Handler, require_token
from services.http.problems import json_response
from services.http.rights import Rights
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, reader_of, rows_of, writer_of
from tests.support.tokens import GENEROUS, bearer, key

NUMBER = "106540352242922"
AT = datetime.fromisoformat("2026-11-20T12:00:00Z")


def id_of(name: str) -> str:
    return f"{NUMBER}-{name.ljust(26, 'a')}"


class Said(msgspec.Struct, frozen=True):
    """A message of a conversation, as it was handled by a department."""

    conversation: str
    department: str
    record: Record

    @property
    def id(self) -> UUID:
        assert self.record.message
        return self.record.message


def record(kind: str, conversation: str, sequence: int, data: Any, **more: Any) -> Record:
    given = {"at": AT, "tenant": "almelo", "id": clock.new_id()} | more
    return Record(
        kind=kind,
        data=msgspec.json.encode(data),
        conversation=id_of(conversation),
        sequence=sequence,
        **given,
    )


def opening(conversation: str, department: str) -> Record:
    why = {"rule": "", "reason": "x"}
    step = {"event": "opened", "department": department, "decision": why}
    return record("conversation", conversation, 1, step)


def said(conversation: str, department: str, sequence: int, phone: str, type: str = "text") -> Said:
    """By the citizen with this number."""
    identities = [{"kind": "phone", "value": phone}]
    data = {"direction": "in", "type": type, "text": f"hallo {sequence}", "department": department}
    data |= {"decision": {"rule": "", "reason": "x"}, "receivedAt": AT}  # type: ignore[dict-item]
    data |= {"from": {"identities": identities, "name": "F"}}  # type: ignore[dict-item]
    made = record("message", conversation, sequence, data, message=clock.new_id(AT))
    return Said(id_of(conversation), department, made)


def delivered(message: Said, destination: str, at: datetime, **changed: Any) -> Record:
    data = {"destination": destination, "event": clock.new_id(), "state": "settled"}
    data |= {"attempts": 1, "status": 200, "reason": ""} | changed
    name = message.conversation.partition("-")[2].rstrip("a")
    return record("delivery", name, 0, data, message=message.id, at=at)


class Looker:
    """Who asks the API, with a token of some rights."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        sent = bearer("t") | headers
        async with self._session.get(f"{self._url}/v1/{path}", headers=sent) as answer:
            return answer.status, msgspec.json.decode(await answer.read() or b"null")


def showing(views: AccessLog) -> Handler:
    """A door that shows something of any conversation."""

    async def show(request: web.Request, rights: Rights) -> web.Response:
        row = {"conversation": request.match_info["conversation"], "department": "balie"}
        await views.record_shown(request, "message", [row | {"sequence": 1, "message": None}])
        return json_response({})

    return show


@asynccontextmanager
async def looker(pool: Pool, **rights: Any) -> AsyncIterator[Looker]:
    given = {"roles": frozenset(["read"])} | GENEROUS | rights
    ring = TokenStore(pool, [key("t", **given)])
    async with access_log(await writer_of(pool)) as views:
        api = RecordRoutes(await reader_of(pool), views, ring, timedelta)
        anything = web.get(
            "/v1/any/{conversation}", require_token(views.identified(showing(views)), ring, "read")
        )
        async with (
            serve(api_app([*api.routes(), anything]), "127.0.0.1", 0) as port,
            aiohttp.ClientSession() as session,
        ):
            yield Looker(f"http://127.0.0.1:{port}", session)


async def seen(pool: Pool) -> list[dict[str, Any]]:
    """What the record says of who looked: what stands open, and what was sealed, as one."""
    rows = [row for row in await rows_of(pool) if row["kind"] == "view"]
    return [msgspec.json.decode(row["data"]) | _open(row) for row in rows]


def _open(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "conversation", "department", "message", "tenant", "at")
    return {name: row[name] for name in names}


async def typed(url: str, *arguments: object, **more: str) -> Result:
    """`postkamer archive ...`."""
    env = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_ARCHIVE_KEY": KEY}
    env |= {"POSTKAMER_OPERATOR": "S. Jansen"} | more
    return await asyncio.to_thread(postkamer, "archive", *arguments, env=env)


def told(result: Result) -> list[Any]:
    """Lines of JSON."""
    assert result.exit_code == 0, result.output
    return [msgspec.json.decode(line) for line in result.stdout.splitlines()]
