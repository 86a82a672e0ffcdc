"""Orders over a real socket, into a real PostgreSQL: what is refused there, and in which words."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest

from cli.main import EXAMPLE
from gateway.api import CHANGES, Api
from gateway.store import Store
from gateway.uploads import Uploads
from services import config
from services.contract import Command
from services.database import Pool, connected, migrate
from services.http import application, serve
from services.keyring import Keyring
from tests.integration.conftest import all_migrations
from tests.tokens import GENEROUS, bearer, key

TOWN = config.load(EXAMPLE)
NUMBER = TOWN.numbers[0].id
CONVERSATION = f"{NUMBER}-{'a2' * 13}"
ORDER = {"number": NUMBER, "to": "+31600000011", "type": "text", "text": {"body": "Goedemiddag"}}


class Taken:
    """Makes everything durable at once, and remembers it."""

    def __init__(self) -> None:
        self.commands: list[Any] = []

    def refusal(self) -> str | None:
        return None

    async def put(self, entries: Sequence[tuple[int, Any]]) -> None:
        self.commands += [entry for _, entry in entries]


class Desk:
    """A CRM's side of it."""

    def __init__(self, url: str, taken: Taken) -> None:
        self._url, self._taken = url, taken

    @property
    def commands(self) -> list[Command]:
        return self._taken.commands

    async def post(
        self, path: str, body: Any, headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[int, Any]:
        given = [*bearer("t").items(), *(headers or [("Idempotency-Key", "k")])]
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._url}/v1/{path}", headers=given, **sent) as answer,
        ):
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def pool(empty: str) -> AsyncIterator[Pool]:
    await migrate(empty, all_migrations())
    async with connected(empty, "test", 4) as pool:
        yield pool


@pytest.fixture
async def desk(pool: Pool) -> AsyncIterator[Desk]:
    taken: Any = Taken()
    ring = Keyring(pool, [key("t", **GENEROUS)])
    api = Api(taken, Store(pool), Uploads(pool), TOWN, ring)
    async with serve(application(api.routes()), "127.0.0.1", 0) as port:
        yield Desk(f"http://127.0.0.1:{port}", taken)


BODIES = {
    "_transfer": {"department": "burgerzaken", "reason": "x"},
    "_close": {},
    "_note": {"text": "x"},
    "_link": {"zaak": "ZAAK-1"},
}


@pytest.mark.parametrize("id", ["%00", f"{CONVERSATION}%00", CONVERSATION, "x", "%ED%A0%80"])
@pytest.mark.parametrize("verb", CHANGES)
async def test_what_is_no_conversation_is_not_found_whatever_stands_in_its_place(
    desk: Desk, verb: str, id: str
) -> None:
    status, said = await desk.post(f"conversations/{id}/{verb}", BODIES[verb])
    assert (status, said["detail"]) == (404, "there is no such conversation")
    assert desk.commands == []
