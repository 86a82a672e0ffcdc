"""Tokens for a test: made in the table as the command line does."""

from typing import Any

import aiohttp

from cli.support.audit import write_operation
from cli.tokens import TokenRequest, add_token, addition
from services.http.grants import Grant, Reach, rights_of
from services.http.rights import Rights
from services.http.token_store import TokenHash, digest
from services.postgres.database import connection_pool
from tests.support.observer import until

GENEROUS = {"per_second": 1000, "burst": 10_000}
"""Limits of a token for a test that is not about rates."""


async def made(url: str, name: str, tenant: str, **wanted: Any) -> str:
    """A token in the database of which `url` is the owner's; by default with the roles send and
    read, for all departments."""
    every = not wanted.get("departments")
    given = {"roles": ("send", "read"), "all_departments": every, "confidential": every}
    request = TokenRequest(name=name, tenant=tenant, **given | GENEROUS | wanted)
    async with (
        connection_pool(url, "test-tokens", 1) as pool,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        token = await add_token(connection, request)
        await write_operation(connection, addition(request, digest(token)), "a test")
        return token


async def admitted(
    session: aiohttp.ClientSession, door: str, token: str, path: str = "/v1/messages/x"
) -> None:
    """Once a running service at `door` knows a token that was just made. `path` needs a token."""

    async def status() -> int:
        async with session.get(f"{door}{path}", headers=bearer(token)) as answer:
            return answer.status

    await until(status, lambda said: said not in (401, 503), 10)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def key(token: str, departments: frozenset[str] | None = None, **given: Any) -> TokenHash:
    """A token as an environment gives it to a keyring, without any table; for all departments by
    default."""
    given = {"name": "crm", "tenant": "almelo", "roles": frozenset(("send", "read"))} | given
    every = departments is None
    reach = Reach(departments=departments or frozenset(), all_departments=every, confidential=every)
    return TokenHash(digest(token), Grant(reach=reach, **given))


def rights(**given: Any) -> Rights:
    """The rights of such a token."""
    return rights_of(key("t", **given).grant, frozenset())
