"""The desk as it is served, on a database of its own, and what events tell it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec

from desk import service
from desk.access import Access, Department, Tenant
from desk.events.event import Event, EventData
from desk.login.id_token import Identity
from desk.login.provider import Tokens
from desk.login.sessions import SessionStore
from services import clock
from services import event_types as types
from services.config.settings import DeskSettings, load
from services.http.server import serve
from services.postgres.channel import listen
from services.postgres.database import SESSION_SETTINGS, Pool
from services.tasks import background_task

SOURCE = "urn:nld:gemeente-almelo.systeem:postkamer"
ALMELO = Tenant("almelo", "Almelo", SOURCE)
ROLES = frozenset({"send", "read", "kcc", "rules", "records", "archivist", "privacy", "care"})
LOTTE = Access(ALMELO, "l.hendriks", ROLES, (Department("burgerzaken", "Burgerzaken"),))
ID = "106540352242922-" + "a" * 26
NAME, WORDS = "Fatima Yilmaz", "Mijn paspoort is kwijt"
PLACE = re.compile(r"\{[^}]+\}")
TOKEN = "t"
"""Token of each session, as `archive_api` knows it."""
CLOSED = "http://127.0.0.1:9"
"""Nothing answers there: a route that asks the record, the gateway or the provider says so."""
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SETTINGS = {
    "POSTKAMER_WORKING_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "POSTKAMER_DESK_SECRET": SECRET,
    "POSTKAMER_DESK_ISSUER": CLOSED,
    "POSTKAMER_ROUTER_URL": CLOSED,
}


class Desk:
    """The desk as it is served, and its sessions."""

    def __init__(self, url: str, built: service.Desk, pool: Pool, http: Any) -> None:
        self.url, self.built, self.app, self.http = url, built, built.app, http
        self._sessions = SessionStore(pool)

    async def log_in(self, access: Access, ago: timedelta = timedelta()) -> str:
        """Begin a session, so long ago, with a token of an hour; return its cookie."""
        cookie, who = f"{access.person}-{uuid4().hex}", Identity(access.person, "")
        tokens, at = Tokens(TOKEN, "refresh", "id", 3600.0), clock.now() - ago
        await self._sessions.begin(cookie, CLOSED, who, access, tokens, at)
        return cookie

    async def use(self, cookie: str) -> None:
        """Note that the session of a cookie is in use now."""
        session = await self._sessions.find(cookie, clock.now() - timedelta(minutes=30))
        assert session
        await self._sessions.touch(session, clock.now())

    def routes(self) -> Iterator[str]:
        for route in self.app.router.routes():
            assert route.resource
            if route.method != "HEAD":
                yield f"{route.method} {route.resource.canonical}"

    async def ask(
        self, route: str, cookie: str = "", fields: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, Any, str]:
        """Ask a route about the conversation. Return status, headers and body."""
        method, _, path = route.partition(" ")
        given = headers | ({"Cookie": f"desk={cookie}"} if cookie else {})
        address = self.url + PLACE.sub(ID, path)
        data = fields if method == "POST" else None
        async with self.http.request(
            method, address, data=data, headers=given, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers, await answer.text()


@asynccontextmanager
async def served_desk(
    pool: Pool, url: str, *, archiver: str = CLOSED, gateway: str = CLOSED
) -> AsyncIterator[Desk]:
    """Serve the desk, with nothing around it but the database, an archiver and a gateway."""
    addresses = {"POSTKAMER_GATEWAY_URL": gateway, "POSTKAMER_ARCHIVER_URL": archiver}
    settings = load(DeskSettings, SETTINGS | addresses | {"POSTKAMER_DATABASE_URL": url})
    async with aiohttp.ClientSession() as http:
        built = service.build(settings, pool, http)
        is_listening = asyncio.Event()

        def hear_gap() -> None:
            built.stream.hear_gap()
            is_listening.set()

        hears = listen(
            url,
            "desk",
            SESSION_SETTINGS | {"application_name": "hears"},
            on_notice=built.stream.hear,
            on_gap=hear_gap,
        )
        async with background_task(hears), serve(built.app, "127.0.0.1", 0) as port:
            await is_listening.wait()  # no page that a test opens is told of that gap
            try:
                yield Desk(f"http://127.0.0.1:{port}", built, pool, http)
            finally:
                built.stream.close()


def received(sequence: int = 1, **data: Any) -> Event:
    """Return the event of a message of the citizen."""
    now = clock.now()
    given = {
        "conversationId": ID,
        "department": "burgerzaken",
        "type": "text",
        "text": WORDS,
        "from": {"name": NAME},
        "receivedAt": now,
        "task": True,
    }
    content = msgspec.convert(given | data, EventData)
    return Event(uuid4(), SOURCE, types.RECEIVED, now, content, sequence)
