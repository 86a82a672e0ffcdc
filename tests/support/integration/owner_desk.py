"""The owner of a destination before the API: real HTTP and database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from gateway.destinations.routes import DestinationRoutes
from gateway.stops import StoppedNumbers
from services.config.model import Configuration
from services.http.application import api_app
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool
from tests.support.integration.crm_desk import TOWN
from tests.support.tokens import GENEROUS, bearer, key

OWNER = {"destinations": frozenset(("crm", "crm-2")), "name": "owner"}


class OwnerDesk:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def ask(
        self, method: str, path: str, body: Any = None, key: str = "k", token: str = "t"
    ) -> tuple[int, Any]:
        url = f"{self._url}/v1/destinations/{path}".rstrip("/")
        headers = bearer(token) | {"Idempotency-Key": key, "Content-Type": "application/json"}
        data = None if body is None else msgspec.json.encode(body)
        async with self._session.request(method, url, headers=headers, data=data) as answer:
            return answer.status, await answer.json(content_type=None)

    async def get(self, path: str) -> Any:
        status, said = await self.ask("GET", f"crm/{path}")
        assert status == 200, said
        return said

    async def post(self, path: str, body: Any, key: str = "k") -> tuple[int, Any]:
        return await self.ask("POST", f"crm/{path}", body, key)


@asynccontextmanager
async def owner_desk(
    pool: Pool,
    town: Configuration = TOWN,
    stopped: StoppedNumbers | None = None,
    **others: dict[str, Any],
) -> AsyncIterator[OwnerDesk]:
    """Desk of the owner of `crm`, with the token `t`; `others` have the rights of more tokens."""
    keys = [key(token, **(GENEROUS | rights)) for token, rights in ({"t": OWNER} | others).items()]
    known = stopped or StoppedNumbers()
    routes = DestinationRoutes(pool, town, TokenStore(pool, keys), known)
    async with (
        serve(api_app(routes.routes()), "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
    ):
        yield OwnerDesk(f"http://127.0.0.1:{port}", session)
