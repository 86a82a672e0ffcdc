"""A CRM's desk before the API: real HTTP and database, and a broker that takes everything."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from gateway.api.access_routes import AccessRoutes
from gateway.api.command_store import CommandStore
from gateway.api.message_routes import MessageRoutes
from gateway.api.template_routes import TemplateRoutes
from gateway.api.template_store import TemplateStore
from gateway.media.upload_store import UploadStore
from gateway.requests.changes import COMMAND_ROLES
from gateway.stops import StoppedNumbers
from services import clock
from services.config import loader
from services.config.model import Configuration
from services.contract import Command
from services.http.application import api_app
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool
from tests.support.installation import EXAMPLE
from tests.support.tokens import GENEROUS, bearer, key

TOWN = loader.load(EXAMPLE).config
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

    def __init__(self, url: str, taken: Taken, uploads: UploadStore) -> None:
        self._url, self._taken, self.uploads = url, taken, uploads

    @property
    def commands(self) -> list[Command]:
        return self._taken.entries

    async def post(
        self, path: str, body: Any, headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[int, Any]:
        return await self.ask("POST", path, body, headers)

    async def ask(
        self, method: str, path: str, body: Any = b"", headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[int, Any]:
        given = [*bearer("t").items(), *(headers or [("Idempotency-Key", "k")])]
        sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
        if all(name != "Content-Type" for name, _ in given):
            given.append(("Content-Type", "application/json"))
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self._url}/v1/{path}", headers=given, data=sent) as answer,
        ):
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def desk_of(
    pool: Pool,
    *departments: str,
    intake: Any = None,
    town: Configuration = TOWN,
    stopped: StoppedNumbers | None = None,
    **given: Any,
) -> AsyncIterator[Desk]:
    """Desk of a token for these departments, or for all of them when none is named. It has the
    roles that order anything; `given` are rights of its own. `intake` replaces one that takes
    everything."""
    taken = intake or Taken()
    rights: dict[str, Any] = {
        "departments": frozenset(departments) or None,
        "roles": frozenset(COMMAND_ROLES),
    }
    rights |= GENEROUS | given
    uploads = UploadStore(pool)
    tokens = TokenStore(pool, [key("t", **rights)])
    known = stopped or StoppedNumbers()
    api = MessageRoutes(taken, CommandStore(pool), uploads, town, tokens, known)
    templates = TemplateRoutes(TemplateStore(pool), town, tokens)
    routes = [*AccessRoutes(town, tokens).routes(), *api.routes(), *templates.routes()]
    async with serve(api_app(routes), "127.0.0.1", 0) as port:
        yield Desk(f"http://127.0.0.1:{port}", taken, uploads)


def marking(read_marks: str, *confidential: str) -> Configuration:
    """The town where citizens see, or not, that what they wrote was read."""
    given = TOWN.model_dump(mode="json", by_alias=True)
    given["numbers"][0]["read_marks"] = read_marks
    for department in given["departments"]:
        department["confidential"] = department["id"] in confidential
    return Configuration.model_validate_json(msgspec.json.encode(given))


async def opened(
    pool: Pool, id: str, department: str, *before: str, number: str = NUMBER, closed: bool = False
) -> None:
    """A conversation of the first municipality at a department, after others."""
    tenant, been = TOWN.numbers[0].tenant, [*before, department]
    closed_at = clock.now() if closed else None
    values = (id, tenant, number, clock.new_id(), department, been, closed_at)
    await pool.execute(_OPENED, *values)


_OPENED = """
insert into router.conversation (id, tenant, number, person, department, departments, rule, reason,
    since, opened_at, sequence, closed_at)
values ($1, $2, $3, $4, $5, $6, '', '', now(), now(), 1, $7)
"""
