"""The archiver's API over HTTP, for a token of some rights."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web

from archiver.api.access_log import AccessLog, access_log
from archiver.api.queries import RecordReader
from archiver.api.routes import RecordRoutes
from archiver.log.writer import Writer
from archiver.search.routes import PATH, SearchRoutes
from archiver.search.search import Search
from services.config.model import Configuration
from services.http.application import api_app
from services.http.bearer_auth import Handler, require_token
from services.http.problems import json_response
from services.http.rights import Rights
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of, rows_of
from tests.support.tokens import GENEROUS, bearer, key


class ArchiveApi:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self._session = url, session

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        sent = bearer("t") | headers
        async with self._session.get(f"{self.url}/v1/{path}", headers=sent) as answer:
            return answer.status, msgspec.json.decode(await answer.read() or b"null")

    async def post(self, body: Any) -> tuple[int, Any]:
        """Search, with any body."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = bearer("t") | {"Content-Type": "application/json"}
        async with self._session.post(self.url + PATH, headers=headers, data=data) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def search(self, **request: Any) -> dict[str, Any]:
        """One page of hits."""
        status, page = await self.post(request)
        assert status == 200, page
        return dict(page)

    async def find(self, **request: Any) -> list[UUID]:
        """Ids of all messages that are found, page by page; their number must be the total."""
        found: list[UUID] = []
        after: dict[str, Any] = {}
        while True:
            page = await self.search(**request | after)
            found += [UUID(message["id"]) for message in page["messages"]]
            if page["next"] is None:
                assert page["total"] == len(found) + page["gone"]
                return found
            after = {"after": page["next"]}


def _show_anything(views: AccessLog) -> Handler:
    """A route that shows something of any conversation, also of one that does not open."""

    async def show(request: web.Request, rights: Rights) -> web.Response:
        row = {"conversation": request.match_info["conversation"], "department": "balie"}
        await views.record_shown(request, "message", [row | {"sequence": 1, "message": None}])
        return json_response({})

    return show


@asynccontextmanager
async def archive_api(
    pool: Pool, config: Configuration | None = None, **rights: Any
) -> AsyncIterator[ArchiveApi]:
    given = {"roles": frozenset(["read"])} | GENEROUS | rights
    tokens, keys = TokenStore(pool, [key("t", **given)], config), await keys_of(pool)
    reader = RecordReader(pool, keys)
    async with access_log(Writer(pool, keys), tokens.asking_departments) as views:
        anything = require_token(views.identified(_show_anything(views)), tokens, "read")
        routes = [
            *RecordRoutes(reader, views, tokens, timedelta).routes(),
            *SearchRoutes(Search(pool, keys, reader), reader, views, tokens).routes(),
            web.get("/v1/any/{conversation}", anything),
        ]
        async with (
            serve(api_app(routes), "127.0.0.1", 0) as port,
            aiohttp.ClientSession() as session,
        ):
            yield ArchiveApi(f"http://127.0.0.1:{port}", session)


async def views_of(pool: Pool) -> list[dict[str, Any]]:
    """Views on the record: plain columns and sealed data as one."""
    return [_view(row) for row in await rows_of(pool) if row["kind"] == "view"]


def _view(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "conversation", "department", "message", "tenant", "at")
    data: dict[str, Any] = msgspec.json.decode(row["data"])
    return data | {name: row[name] for name in names}
