"""A record with something to find, and asking for it over HTTP as whoever has which rights."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import msgspec

from archiver.api.access_log import access_log
from archiver.api.queries import RecordReader
from archiver.log.writer import Writer
from archiver.search.routes import PATH, SearchRoutes
from archiver.search.search import Search
from services import clock
from services.contract import Record
from services.http.application import api_app
from services.http.rights import Rights
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of
from tests.support.tokens import bearer, key

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WHY = {"rule": "", "reason": ""}
Json = dict[str, Any]


def conversation(name: str) -> str:
    return f"106540352242922-{name.ljust(26, 'a')}"


def message(
    text: str,
    *,
    tenant: str = "almelo",
    within: str = "een",
    department: str = "balie",
    at: datetime = NOON,
    sequence: int = 1,
    **more: Any,
) -> Record:
    """Of a citizen, unless `more` says otherwise; `within`: the name of its conversation."""
    said = {
        "direction": "in",
        "type": "text",
        "text": text,
        "department": department,
        "decision": WHY,
        "receivedAt": at,
    }
    return Record(
        id=clock.new_id(at),
        kind="message",
        at=at,
        data=msgspec.json.encode(said | more),
        tenant=tenant,
        conversation=conversation(within) if within else "",
        message=clock.new_id(at),
        sequence=sequence,
    )


def note(text: str, *, department: str = "balie", at: datetime = NOON) -> Record:
    author = {"kind": "employee", "id": "sanne"}
    said = {"id": clock.new_id(at), "text": text, "author": author, "department": department}
    return Record(
        id=clock.new_id(at),
        kind="note",
        at=at,
        data=msgspec.json.encode(said),
        tenant="almelo",
        conversation=conversation("een"),
        sequence=2,
    )


def citizen(phone: str) -> Json:
    """For `more` of a message: who wrote it."""
    return {"from": {"identities": [{"kind": "phone", "value": phone}], "name": "Fatima"}}


def rights_of(tenant: str = "almelo", *departments: str) -> Rights:
    roles = frozenset(["read"])
    return Rights(name="t", tenant=tenant, roles=roles, departments=frozenset(departments))  # type: ignore[arg-type]


class Asking:
    """Over HTTP, with a token."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def post(self, body: Any) -> tuple[int, Json]:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = bearer("t") | {"Content-Type": "application/json"}
        async with self._session.post(self._url, headers=headers, data=data) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def page(self, **asked: Any) -> Json:
        status, answer = await self.post(asked)
        assert status == 200, answer
        return answer

    async def ids(self, **asked: Any) -> list[UUID]:
        """Of all the messages that are found, page by page; with `total` told right."""
        found: list[UUID] = []
        after: Json = {}
        while True:
            page = await self.page(**asked | after)
            found += [UUID(one["id"]) for one in page["messages"]]
            if page["next"] is None:
                assert page["total"] == len(found) + page["gone"]
                return found
            after = {"after": page["next"]}


@asynccontextmanager
async def asking(pool: Pool, rights: Rights) -> AsyncIterator[Asking]:
    given = msgspec.structs.asdict(rights) | {"per_second": 1000, "burst": 100_000}
    ring = TokenStore(pool, [key("t", **given)])
    keys = await keys_of(pool)
    store = RecordReader(pool, keys)
    finder = Search(pool, keys, store)
    async with (
        access_log(Writer(pool, keys)) as views,
        serve(api_app(SearchRoutes(finder, store, views, ring).routes()), "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
    ):
        yield Asking(f"http://127.0.0.1:{port}{PATH}", session)


def messages_of(records: list[Record]) -> list[UUID]:
    return [record.message for record in records if record.message]


def minutes(n: int) -> timedelta:
    return timedelta(minutes=n)
