"""A CRM's desk before the API: real HTTP and database, and a broker that takes everything."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from gateway.api import Api
from gateway.store import Store
from gateway.uploads import Uploads
from services import choices
from services.contract import Command
from services.database import Pool
from services.http import application, serve
from services.keyring import Keyring
from tests.installation import EXAMPLE
from tests.tokens import GENEROUS, bearer, key

TOWN = choices.load(EXAMPLE).config
NUMBER = TOWN.numbers[0].id
CONVERSATION = f"{NUMBER}-{'a2' * 13}"


class Taken:
    """Makes everything durable at once, and remembers it."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def refusal(self) -> str | None:
        return None

    async def put(self, entries: Sequence[tuple[int, Any]]) -> None:
        self.entries += [entry for _, entry in entries]


class Desk:
    """A CRM's side of it."""

    def __init__(self, url: str, taken: Taken, uploads: Uploads) -> None:
        self._url, self._taken, self.uploads = url, taken, uploads

    @property
    def commands(self) -> list[Command]:
        return self._taken.entries

    async def post(
        self, path: str, body: Any, headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[int, Any]:
        given = [*bearer("t").items(), *(headers or [("Idempotency-Key", "k")])]
        sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
        if all(name != "Content-Type" for name, _ in given):
            given.append(("Content-Type", "application/json"))
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._url}/v1/{path}", headers=given, data=sent) as answer,
        ):
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def desk_of(pool: Pool, *departments: str) -> AsyncIterator[Desk]:
    """Of a token for these departments; for all of them when none is named."""
    taken: Any = Taken()
    rights = GENEROUS | {"departments": frozenset(departments)}
    uploads = Uploads(pool)
    api = Api(taken, Store(pool), uploads, TOWN, Keyring(pool, [key("t", **rights)]))
    async with serve(application(api.routes()), "127.0.0.1", 0) as port:
        yield Desk(f"http://127.0.0.1:{port}", taken, uploads)
