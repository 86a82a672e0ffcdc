"""A provider of messages and media on a socket of its own, and a ledger that sends to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
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
from services.sealing.columns import UPLOAD, bind, file_salt
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import SealingStream
from services.tasks import background_task
from tests.support.integration.sealed_lines import seal_lines
from tests.support.observer import until

NUMBER = "106540352242922"
OTHER_NUMBER = "206540352242923"
TEXT = {"type": "text", "text": {"body": "Ja."}}
PNG = b"\x89PNG\r\n\x1a\n"
ACCOUNT = f"meta:{NUMBER}"


class Provider:
    """Takes everything, unless it was told to answer something else first."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.files: list[tuple[str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """Answers to the next files."""
        self.message_answers: list[tuple[int, dict[str, Any]]] = []
        """Answers to the next messages."""
        self.key = ""
        """The only one that it lets in, where it has one; to others it says no as a gateway does,
        not as Meta."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        """Held back: files, not messages."""
        self.marks: list[dict[str, Any]] = []
        self.mark_answers: list[tuple[int, dict[str, Any]]] = []
        """Answers to the next read receipts."""
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
    """The send loop and the media uploader of one process, with their ledger and provider."""

    def __init__(
        self, pool: Pool, store: ObjectStore, provider: Provider, account: Account
    ) -> None:
        self.pool, self.store, self.provider, self.account = pool, store, provider, account
        self.scanner: Scanner | None = None
        self.attempts: list[Attempt] = []
        """Attempts that settled nothing."""

    async def uploaded(self, content: bytes, tenant: str = "almelo", name: str = "") -> UUID:
        """A file of a CRM's, and its row."""
        id, object = clock.new_id(), clock.new_id()

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        sealed = SealingStream(RING.stream_key(file_salt(id, object)), pieces())
        await self.store.put(object_store.upload_key(object), sealed.pieces())
        values = (id, tenant, "crm", object, "image/png", len(content))
        filename = RING.seal_text(name, UPLOAD, bind(*values))
        hash = RING.seal(sha256(content).digest(), UPLOAD, bind(*values))
        await self.pool.execute(_MEDIA, *values, hash, filename)
        return id

    async def queue(self, content: dict[str, Any], person: UUID | None = None, **more: Any) -> UUID:
        """A line; `more`: number, about, about_wamid, media, purpose, asks, address_kind, address,
        test."""
        id = clock.new_id()
        given = {"number": NUMBER, "about": None, "about_wamid": "", "media": None, "purpose": ""}
        given |= {"asks": False, "address_kind": "phone", "address": "31612345678", "test": False}
        given |= more
        body = msgspec.json.encode(content).decode()
        async with self.pool.acquire() as connection, connection.transaction():
            line = person or clock.new_id(), body, *given.values()
            await connection.execute(_LINE, id, *line)
            await seal_lines(connection)
        return id

    async def queue_image(self, content: bytes = PNG, **more: Any) -> UUID:
        media = await self.uploaded(content)
        return await self.queue({"type": "image", "image": {}}, media=media, **more)

    async def wrote(
        self, hours: int, person: UUID | None = None, number: str = NUMBER, conversation: str = ""
    ) -> UUID:
        """A citizen who wrote so many hours ago."""
        person = person or clock.new_id()
        conversation = conversation or f"{number}-{person}"
        await self.pool.execute(_WROTE, conversation, number, person, hours)
        return person

    async def stopped(self, person: UUID, by: str = "stop", hours: int = 0) -> None:
        await self.pool.execute(_STOPPED, person, by, hours)

    async def send(
        self, content: dict[str, Any], person: UUID | None = None, *, end: str = "sent", **more: Any
    ) -> dict[str, Any]:
        """A line that comes to this end."""
        return await self.until(await self.queue(content, person, **more), end)

    async def line(self, id: UUID) -> dict[str, Any]:
        return dict(await self.pool.fetchrow("select * from deliverer.ledger where id = $1", id))

    async def until(self, id: UUID, state: str) -> dict[str, Any]:
        return await until(lambda: self.line(id), lambda line: line["state"] == state, 10)

    async def until_reason(self, id: UUID, begin: str) -> dict[str, Any]:
        return await until(lambda: self.line(id), lambda line: line["reason"].startswith(begin), 10)

    @property
    def sent_types(self) -> list[str]:
        """Types of the messages that the provider got, in order."""
        return [message["type"] for message in self.provider.messages]

    @asynccontextmanager
    async def working(self, **accounts: Account) -> AsyncIterator[None]:
        """Messages and files go out, as by one process; of its own account by default."""
        accounts = accounts or {NUMBER: self.account}
        names = {number: account.name for number, account in accounts.items()}
        async with self.working_with(accounts, names):
            yield

    @asynccontextmanager
    async def working_with(
        self,
        accounts: dict[str, Account],
        names: dict[str, str],
        knows_all: Callable[[], bool] = lambda: True,
    ) -> AsyncIterator[None]:
        """The same for accounts that a test adds to, and their names."""
        process = clock.new_id()
        ledger = Ledger(self.pool, process, names)
        async with http_client(WINDOW) as poster, http_client(FILES_AT_ONCE) as bearer:
            outbound = SendLoop(ledger, poster, accounts, self.attempts.append, knows_all)
            uploads = MediaUploadStore(self.pool, process, names)
            files, note = MediaSource(self.store, self.scanner), self.attempts.append
            carrier = MediaUploader(uploads, ledger, files, bearer, accounts, note)
            await carrier.prepare()
            async with background_task(carrier.run()), background_task(outbound.run()):
                yield


@asynccontextmanager
async def office(pool: Pool, folder: Path) -> AsyncIterator[Office]:
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
        yield Office(pool, ObjectStore(folder.as_uri()), provider, account)
        provider.may_answer.set()
        provider.may_mark.set()


_WROTE = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, said_at, sequence, departments)
select $1, 'almelo', $2, $3, 'kcc', '', '', now(), now(), wrote, wrote, 1, '{kcc}'
from (select now() - make_interval(hours => $4) as wrote) as message
"""

_STOPPED = """
insert into router.withdrawal values ('almelo', $1, $2, now() - make_interval(hours => $3))
"""

_MEDIA = """
insert into gateway.media (id, tenant, token, object, mime_type, size, sha256, filename, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, now())
"""

_LINE = """
insert into deliverer.ledger (id, conversation, place, person, content, number, about, about_wamid,
    media, purpose, asks, address_kind, address, test, created_at, due_at)
values ($1, 'c', 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now(), now())
"""
