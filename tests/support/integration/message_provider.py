"""A provider of messages and media on a socket of its own, and a ledger that sends to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import BodyPartReader, web

from deliverer.audit.attempts import Attempt
from deliverer.meta.accounts import Account
from deliverer.meta.ledger import Ledger
from deliverer.meta.media_upload_store import MediaUploadStore
from deliverer.meta.media_uploader import FILES_AT_ONCE, MediaSource, MediaUploader
from deliverer.meta.send_loop import WINDOW, SendLoop
from deliverer.transport.http_client import http_client
from services import clock
from services.files import object_store
from services.files.clamd import Scanner
from services.files.object_store import ObjectStore
from services.http.server import serve
from services.postgres.database import Pool
from services.tasks import background_task

NUMBER = "106540352242922"
ACCOUNT = f"meta:{NUMBER}"


class Provider:
    """Takes everything, unless it was told to answer something else first."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.files: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """To the next files."""
        self.message_answers: list[tuple[int, dict[str, Any]]] = []
        """To the next messages."""
        self.key = ""
        """The only one that it lets in, where it has one; to others it says no as a gateway does,
        not as Meta."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        """Held back: files, not messages."""
        self.marks: list[dict[str, Any]] = []
        self.mark_answers: list[tuple[int, dict[str, Any]]] = []
        """To the next of these."""
        self.may_mark = asyncio.Event()
        self.may_mark.set()

    def _lets_in(self, request: web.Request) -> bool:
        return self.key in ("", request.headers.get("D360-API-KEY"))

    async def message(self, request: web.Request) -> web.Response:
        if not self._lets_in(request):
            return web.Response(status=401, text="no such key")
        body = msgspec.json.decode(await request.read())
        if body.get("status") == "read":
            return await self.mark(body)
        self.messages.append(body)
        if self.message_answers:
            status, answer = self.message_answers.pop(0)
            return web.json_response(answer, status=status)
        wamid = f"wamid.{len(self.messages)}"
        return web.json_response({"messages": [{"id": wamid}]})

    async def mark(self, body: dict[str, Any]) -> web.Response:
        self.marks.append(body)
        await self.may_mark.wait()
        if self.mark_answers:
            status, answer = self.mark_answers.pop(0)
            return web.json_response(answer, status=status)
        return web.json_response({"success": True})

    async def media(self, request: web.Request) -> web.Response:
        if not self._lets_in(request):
            return web.Response(status=401, text="no such key")
        fields: dict[str, bytes] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            fields[part.name or ""] = bytes(await part.read())
        assert fields["messaging_product"] == b"whatsapp"
        self.files.append((fields["type"].decode(), fields["file"]))
        self.headers.append(dict(request.headers))
        id = str(len(self.files))
        await self.may_answer.wait()
        if self.answers:
            status, body = self.answers.pop(0)
            return web.json_response(body, status=status)
        return web.json_response({"id": id})


class Office:
    """What sends, with everything that it stands on."""

    def __init__(self, pool: Pool, store: ObjectStore, provider: Provider) -> None:
        self.pool, self.store, self.provider = pool, store, provider
        self.scanner: Scanner | None = None
        self.attempts: list[Attempt] = []
        """That settled nothing."""

    async def uploaded(self, content: bytes, tenant: str = "almelo", name: str = "") -> UUID:
        """A file of a CRM's, and its row."""
        id, object = clock.new_id(), clock.new_id()

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        await self.store.put(object_store.upload_key(object), pieces())
        values = (id, tenant, object, len(content), name)
        await self.pool.execute(_MEDIA, *values)
        return id

    async def queue(self, content: dict[str, Any], person: UUID | None = None, **more: Any) -> UUID:
        """A line; `more`: number, about, about_wamid, media, purpose, asks."""
        id = clock.new_id()
        given = {"number": NUMBER, "about": None, "about_wamid": "", "media": None, "purpose": ""}
        given |= {"asks": False} | more
        body = msgspec.json.encode(content).decode()
        await self.pool.execute(_LINE, id, person or clock.new_id(), body, *given.values())
        return id

    async def line(self, id: UUID) -> dict[str, Any]:
        return dict(await self.pool.fetchrow("select * from deliverer.ledger where id = $1", id))

    async def until(self, id: UUID, state: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while (line := await self.line(id))["state"] != state:
                await asyncio.sleep(0.02)
        return line

    @asynccontextmanager
    async def working(self, **accounts: Account) -> AsyncIterator[None]:
        """Messages and files go out, as by one process."""
        names = {number: account.name for number, account in accounts.items()}
        process = clock.new_id()
        ledger = Ledger(self.pool, process, names)
        nothing: Any = None  # what is published is not looked at here
        async with http_client(WINDOW) as poster, http_client(FILES_AT_ONCE) as bearer:
            outbound = SendLoop(ledger, poster, accounts, nothing, self.attempts.append)
            uploads = MediaUploadStore(self.pool, process, names)
            files, note = MediaSource(self.store, self.scanner), self.attempts.append
            carrier = MediaUploader(uploads, ledger, files, bearer, accounts, note)
            async with background_task(carrier.run()), background_task(outbound.run()):
                yield


@asynccontextmanager
async def office(pool: Pool, folder: Path) -> AsyncIterator[tuple[Office, Account]]:
    """With the account at which it sends."""
    provider = Provider()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/messages", provider.message)
    app.router.add_post("/media", provider.media)
    async with serve(app, "127.0.0.1", 0) as port:
        at = f"http://127.0.0.1:{port}"
        account = Account(
            name=ACCOUNT,
            number=NUMBER,
            tenant="almelo",
            messages_url=f"{at}/messages",
            media_url=f"{at}/media",
            headers={"D360-API-KEY": "key"},
            per_second=80,
            recent_contact=timedelta(days=56),
        )
        yield Office(pool, ObjectStore(folder.as_uri()), provider), account
        provider.may_answer.set()
        provider.may_mark.set()


_MEDIA = """
insert into gateway.media (id, token, tenant, object, mime_type, size, sha256, filename, created_at)
values ($1, 'crm', $2, $3, 'image/png', $4, '', $5, now())
"""

_LINE = """
insert into deliverer.ledger (id, conversation, place, person, address_kind, address, content,
    number, about, about_wamid, media, purpose, asks, created_at, due_at)
values ($1, 'c', 1, $2, 'phone', '31612345678', $3, $4, $5, $6, $7, $8, $9, now(), now())
"""
