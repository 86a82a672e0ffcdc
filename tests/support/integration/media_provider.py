"""A provider that has files, over real HTTP, and an archiver's part that gets them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web

from archiver.api.access_log import access_log
from archiver.media.fetch_policy import FetchedFile
from archiver.media.fetcher import Fetcher
from archiver.media.provider_client import media_client
from archiver.media.routes import MediaRoutes
from archiver.media.scan_worker import ScanWorker
from archiver.media.store import FETCH_WAITS, File, MediaStore
from archiver.media.upload_source import UploadSource
from archiver.operator_actions import operation_outbox
from gateway.media.upload_store import Upload, UploadStore
from router.handlers.media import record as media_record
from router.handlers.media import sent_file_info
from services import clock
from services.config.accounts import ProviderAccount
from services.contract import AttachedFile, MediaOutcome, Record
from services.files import object_store
from services.files.clamd import Scanner
from services.files.object_store import ObjectStore
from services.http.application import api_app
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool
from services.postgres.lookout import Lookout, run_lookout
from services.postgres.outbox import LIMIT
from services.sealing.columns import file_salt
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import SealingStream
from services.tasks import background_task
from tests.support.archiver.records import NUMBER, message
from tests.support.archiver.records import record as archive_record
from tests.support.decrypted_record import keys_of, reader_of, writer_of
from tests.support.observer import until
from tests.support.tokens import bearer, key

CONVERSATION = f"{NUMBER}-{'a' * 26}"
TOKEN = "Bearer of-the-provider"
JPEG = b"\xff\xd8\xff\xe0" + bytes(2000)
LARGE = JPEG + bytes(range(256)) * 4096
"""Some chunks, the last not full."""


class Provider:
    """Has files by their id. What stands in `sick` is answered instead, once each; what it was
    asked, with the token that came along, is in `asked`."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.sick: list[tuple[str, int, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.address: Callable[[str, str], str] = lambda origin, id: f"{origin}/bytes/{id}"
        self.size: int | None = None
        self.hangs: asyncio.Event | None = None
        """Event that the answer about the file called `hangs` waits for."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v26.0/{id}", self._about), web.get("/bytes/{id}", self._bytes)]

    def _note(self, request: web.Request, what: str) -> web.Response | None:
        self.asked.append((what, request.headers.get("Authorization", "")))
        if self.sick and self.sick[0][0] == what:
            _, status, body = self.sick.pop(0)
            if isinstance(body, web.Response):
                return web.Response(body=body.body, headers=body.headers)
            headers = {"Location": "http://127.0.0.1:1/"} if status in (301, 302) else {}
            return web.json_response(body, status=status, headers=headers)
        if request.headers.get("Authorization") != TOKEN:
            return web.json_response({"error": {"code": 190}}, status=401)
        return None

    async def _about(self, request: web.Request) -> web.Response:
        if refused := self._note(request, "about"):
            return refused
        id = request.match_info["id"]
        if id == "hangs" and self.hangs:
            await self.hangs.wait()
        if id not in self.files:
            return web.json_response({"error": {"code": 100}}, status=400)
        kind, content = self.files[id]
        return web.json_response(
            {
                "messaging_product": "whatsapp",
                "url": self.address(str(request.url.origin()), id),
                "mime_type": kind,
                "sha256": hashlib.sha256(content).hexdigest(),
                "file_size": str(len(content) if self.size is None else self.size),
                "id": id,
            }
        )

    async def _bytes(self, request: web.Request) -> web.Response:
        if refused := self._note(request, "bytes"):
            return refused
        kind, content = self.files[request.match_info["id"]]
        return web.Response(body=content, content_type=kind.rstrip("\0"))


PAUSE_SECONDS = 0.02
"""Pause between two looks at the table: the services' own are long for a test."""


class Room:
    """A place where files are got and handed out; its times are those of the test."""

    def __init__(
        self,
        book: MediaStore,
        pool: Pool,
        provider: Provider,
        fetcher: Fetcher,
        lookout: Lookout,
        url: str,
    ) -> None:
        self.pool, self.provider, self.fetcher, self.url = pool, provider, fetcher, url
        self.book, self._lookout = book, lookout
        self.hurried: dict[UUID, tuple[int, datetime]] = {}

    async def fetch(self) -> None:
        """Fetch files, as one of the tasks that do."""
        await self.fetcher.run(self._lookout.pause_until(FETCH_WAITS, PAUSE_SECONDS))

    async def came(self, media: str, **more: Any) -> UUID:
        return await came(self.pool, media, **more)

    async def get(self, id: UUID, token: str = "t") -> tuple[int, bytes, Mapping[str, str]]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/{id}", headers=bearer(token)) as answer,
        ):
            return answer.status, await answer.read(), answer.headers

    async def asked(self) -> list[str]:
        """Requests to the provider, in order."""
        return [what for what, _ in self.provider.asked]

    async def row(self, id: UUID) -> dict[str, Any]:
        return dict(await self.pool.fetchrow("select * from archiver.media where id = $1", id))

    async def state(self, id: UUID) -> str:
        return str((await self.row(id))["state"])

    async def until(self, id: UUID, *states: str, seconds: float = 20.0) -> dict[str, Any]:
        """The row, once it stands so; nothing that it waits for is waited for."""
        async with asyncio.timeout(seconds):
            while True:
                row = await self.row(id)
                if row["state"] in states:
                    return row
                await self.hurry(id)
                await asyncio.sleep(0.02)

    async def reason(self, id: UUID) -> str:
        """The reason why its first attempt came to nothing."""
        reason = "select reason from archiver.media where id = $1"
        return str(await until(lambda: self.pool.fetchval(reason, id), bool, 20))

    async def hurry(self, id: UUID) -> None:
        """Make its next attempt due, once the last one has said why it came to nothing. An attempt
        that is under way still sets another time when it ends: then this is done again."""
        row = await self.row(id)
        attempt = row["attempts"], row["due_at"]
        is_due = row["due_at"] is None or row["due_at"] <= clock.now()
        if row["reason"] and not is_due and attempt != self.hurried.get(id):
            self.hurried[id] = attempt
            await self.pool.execute("update archiver.media set due_at = now() where id = $1", id)

    async def unpublished(self) -> list[MediaOutcome]:
        """Outcomes that the router has not been told."""
        return await self.book.outbox.fetch_unpublished(LIMIT, [])

    async def mark_published(self, outcomes: list[MediaOutcome]) -> None:
        await self.book.outbox.mark_published(outcomes)


def record(
    media: str, *, sent: timedelta = timedelta(), number: str = NUMBER, **told: str
) -> Record:
    """A message with a file."""
    now = clock.now()
    medium = {"id": media, "mimeType": "image/jpeg", "sha256": "", "filename": ""} | told
    return message(
        "", type="image", number=number, at=now, sentAt=now - sent, medium=medium,
        conversation=CONVERSATION,
    )  # fmt: skip


def store_of_uploads(folder: Path) -> ObjectStore:
    """The gateway's own store, beside that of the archive."""
    return ObjectStore((folder / "uploads").as_uri())


async def uploaded(pool: Pool, folder: Path, content: bytes, mime_type: str) -> Upload:
    """A file that an employee uploaded, as the gateway keeps it."""
    id, object = clock.new_id(), clock.new_id()

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    sealing = SealingStream(RING.stream_key(file_salt(id, object)), pieces())
    await store_of_uploads(folder).put(object_store.upload_key(object), sealing.pieces())
    upload = Upload(
        id=id, token="crm", tenant="almelo", object=object, mime_type=mime_type,
        size=len(content), sha256=hashlib.sha256(content).digest(), filename="besluit.pdf",
        created_at=clock.now(),
    )  # fmt: skip
    return await UploadStore(pool).complete(upload)


async def went(pool: Pool, upload: Upload, *, sent: timedelta = timedelta()) -> Record:
    """A message that goes out with an upload is on the record, as the router has it recorded."""
    file = AttachedFile(
        mime_type=upload.mime_type, sha256=upload.sha256.hex(), filename=upload.filename
    )
    one = message(
        "", direction="out", type="document", number=NUMBER, at=clock.now() - sent,
        medium=sent_file_info(upload.id, file), conversation=CONVERSATION,
    )  # fmt: skip
    await (await writer_of(pool)).add([one])
    return one


async def book_of(pool: Pool) -> MediaStore:
    return MediaStore(pool, await keys_of(pool))


async def came(pool: Pool, media: str, **more: Any) -> UUID:
    """A message with a file is on the record; the id of both."""
    one = record(media, **more)
    await (await writer_of(pool)).add([one])
    assert one.message
    return one.message


@asynccontextmanager
async def room(
    pool: Pool, folder: Path, scanner: Scanner | None = None, *, scanned_only: bool = False,
    **changed: Any,
) -> AsyncIterator[Room]:  # fmt: skip
    provider, store = Provider(), ObjectStore((folder / "objects").as_uri())
    book = await book_of(pool)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        port = await enter(serve(api_app(provider.routes()), "127.0.0.1", 0))
        account = ProviderAccount(
            number=NUMBER, meta_id=NUMBER, base=f"http://127.0.0.1:{port}/v26.0",
            headers={"Authorization": TOKEN}, media_hosts=("lookaside.fbsbx.com",),
            names_number=True, rehosts=False,
        )  # fmt: skip
        account = msgspec.structs.replace(account, **changed)
        accounts = {NUMBER: account, "20000002": account}
        source = await enter(media_client(store, 4))
        uploads = UploadSource(pool, store_of_uploads(folder), store)
        fetcher = Fetcher(book, source, uploads, store, accounts)
        looker = ScanWorker(book, store, scanner)
        many = {"per_second": 1000, "burst": 10_000}
        others = key("other", departments=frozenset({"jeugd"}), **many)
        ring = TokenStore(pool, [key("t", **many), others])
        views = await enter(access_log(await writer_of(pool), ring.asking_departments))
        reader = await reader_of(pool)
        files = MediaRoutes(reader, book, store, views, ring, scanned_only=scanned_only)
        door = await enter(serve(api_app(files.routes()), "127.0.0.1", 0))
        lookout = await enter(run_lookout(pool, PAUSE_SECONDS))
        url = f"http://127.0.0.1:{door}/v1/media"
        place = Room(book, pool, provider, fetcher, lookout, url)
        await enter(background_task(place.fetch()))
        await enter(background_task(looker.run(lookout.pause_until(looker.waits, PAUSE_SECONDS))))
        yield place


async def recorded(pool: Pool) -> None:
    """Write the outcomes that wait to the record, as the router does, and what operators did."""
    book, writer = await book_of(pool), await writer_of(pool)
    outcomes = await book.outbox.fetch_unpublished(LIMIT, [])
    for outcome in outcomes:
        # A router's record needs neither the unit nor the decision.
        kind, data = media_record(None, outcome, None)  # type: ignore[arg-type]
        one = archive_record(
            kind, data, at=outcome.at, conversation=outcome.conversation, message=outcome.message
        )
        await writer.add([one])
    await book.outbox.mark_published(outcomes)
    operations = operation_outbox(pool, ["almelo"], _has_no_key)
    await writer.add(await operations.fetch_unpublished(LIMIT, []))


async def _has_no_key(_: object) -> bool:
    return False


def lying(folder: Path) -> dict[str, Path]:
    """Name in the store -> the file."""
    store = folder / "objects"
    found = [path for path in store.rglob("*") if path.is_file()]
    return {str(path.relative_to(store)): path for path in found}


async def got(place: Room, content: bytes = LARGE, id: str = "900") -> UUID:
    """A file that came and is handed out."""
    place.provider.files[id] = ("image/jpeg", content)
    made = await place.came(id)
    await place.until(made, "available")
    return made


async def hash_of(place: Room, id: UUID) -> str:
    """The SHA-256 of what was fetched, in hex."""
    kept = await place.book.find(id)
    assert kept
    return kept.sha256


def damage(path: Path, how: Callable[[bytes], bytes]) -> None:
    path.chmod(0o600)
    path.write_bytes(how(path.read_bytes()))


def flipped(at: int) -> Callable[[bytes], bytes]:
    """A change of one bit in this byte, counted from the end if negative."""

    def flip(body: bytes) -> bytes:
        n = at % len(body)
        return body[:n] + bytes([body[n] ^ 1]) + body[n + 1 :]

    return flip


async def dies(pool: Pool, store: ObjectStore, after: str) -> File:
    """Somebody gets a file, and is killed after this."""
    book, now = await book_of(pool), clock.now()
    file = await book.claim_to_fetch(now, clock.new_id(), [])
    assert file and file.stream_key and await book.start_fetch(file)

    async def content() -> AsyncIterator[bytes]:
        yield LARGE

    sealing = SealingStream(file.stream_key, content())
    if after != "begun":
        await store.put(object_store.media_key(file.object), sealing.pieces())
    if after in ("named", "kept", "fetched"):
        assert await book.set_object(file, sealing.sha256())
    if after in ("kept", "fetched"):
        await store.make_permanent(
            object_store.media_key(file.object), object_store.sealed_key(sealing.sha256())
        )
    if after == "fetched":
        sha256 = hashlib.sha256(LARGE).hexdigest()
        got = FetchedFile(len(LARGE), sha256, "image/jpeg", LARGE[:16], object=sealing.sha256())
        await book.record_fetch(file, got, now)
    return file
