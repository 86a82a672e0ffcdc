"""The CRM's door for files: streamed to the object store, and answered 201 once they are safe."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog
from aiohttp import StreamReader, web

from gateway.commands import idempotency
from gateway.media import media_types
from gateway.media.filenames import filename
from gateway.media.upload_store import Upload, UploadStore
from services import clock
from services.files import object_store
from services.files.file_signatures import HEAD_BYTES
from services.files.object_store import ObjectStore, StoreUnavailable
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.postgres.database import DATABASE_ERRORS

UPLOADS_AT_ONCE = 8
"""Of one process: each holds up to 15 MiB (`objects.PIECE_BYTES`), so 120 MiB together."""
UPLOADS_OF_A_TOKEN = 2
"""So that no CRM, with files that hardly move, keeps the places from the others."""
UPLOAD_SECONDS = 600.0
"""For a whole file: the largest, 100 MiB, over a line of 1.4 Mbit/s."""
QUIET_SECONDS = 20.0
"""Without a byte; a sender who stopped keeps others from a place."""
SWEEP_SECONDS = 300.0
"""Between two looks for what was never finished."""

TITLES = {
    400: "Bad Request",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
}

log = structlog.get_logger()


class UploadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a request's headers say of its file."""

    id: UUID
    mime_type: str
    filename: str


class UploadRejected(Exception):
    """The file is not taken; `answer` says why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.answer = problem_response(status, TITLES[status], detail)


class Media:
    def __init__(self, uploads: UploadStore, store: ObjectStore) -> None:
        self._uploads, self._store = uploads, store
        self._busy: Counter[str] = Counter()

    def routes(self, keyring: TokenStore) -> list[web.RouteDef]:
        return [web.post("/v1/media", require_token(self.upload, keyring, "send"))]

    async def upload(self, request: web.Request, rights: Rights) -> web.Response:
        """POST /v1/media: 201 once the file and its row are safe."""
        own = self._busy[rights.name]
        if self._busy.total() >= UPLOADS_AT_ONCE or own >= UPLOADS_OF_A_TOKEN:
            return _closing(service_unavailable("too many files are coming in"))
        self._busy[rights.name] += 1
        deadline = asyncio.timeout(UPLOAD_SECONDS)
        try:
            async with deadline:
                return await self._take(request, rights)
        except UploadRejected as refused:
            return _closing(refused.answer)
        except StoreUnavailable as error:
            log.error("objects.away", reason=str(error))
            return _closing(service_unavailable("the object store does not answer"))
        except TimeoutError:
            if not deadline.expired():
                raise
            return _closing(UploadRejected(408, "this takes too long").answer)
        finally:
            self._busy[rights.name] -= 1

    async def _take(self, request: web.Request, rights: Rights) -> web.Response:
        asked = _asked(request, rights)
        file = UploadStream(request.content, asked.mime_type)
        known = await self._uploads.find(asked.id, rights)
        if known:
            async for _ in file.pieces():  # only to know whether it is the same one
                pass
        else:
            known = await self._store_new(asked, rights, file)
        if (known.sha256, known.mime_type) != (file.sha256, asked.mime_type):
            again = "this Idempotency-Key came with another file before"
            raise UploadRejected(409, again)
        return json_response(_shown(known), 201)

    async def _store_new(
        self, asked: UploadRequest, rights: Rights, file: "UploadStream"
    ) -> Upload:
        """The row that holds for this key: ours, unless another request was before us."""
        object, at = clock.new_id(), clock.now()
        await self._uploads.start(object, at)
        try:
            await self._store.put(object_store.upload_key(object), file.pieces())
        except Exception:
            with suppress(StoreUnavailable, *DATABASE_ERRORS):  # what is left is swept
                await self._store.delete(object_store.upload_key(object))
                await self._uploads.delete(object)
            raise
        new = Upload(
            id=asked.id,
            token=rights.name,
            tenant=rights.tenant,
            object=object,
            mime_type=asked.mime_type,
            size=file.size,
            sha256=file.sha256,
            filename=asked.filename,
            created_at=at,
        )
        return await self._uploads.complete(new)

    async def sweep(self) -> None:
        """Remove what was begun and never finished, for as long as the service runs. No fault of
        the table or the store ends it: the webhooks' door stays open."""
        while True:
            try:
                for object in await self._uploads.stale(clock.now()):
                    await self._store.delete(object_store.upload_key(object))
                    await self._uploads.delete(object)
            except Exception as error:
                log.warning("uploads.not_swept", exc_info=error)
            await asyncio.sleep(SWEEP_SECONDS)


class UploadStream:
    """A file as it comes in: looked at, counted and hashed on its way."""

    def __init__(self, content: StreamReader, mime_type: str) -> None:
        self._content, self._mime_type = content, mime_type
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it; Refused when it is not what it should be, or stops coming."""
        piece = await self._head()
        largest = media_types.max_bytes(self._mime_type, piece)
        while piece:
            self.size += len(piece)
            if self.size > largest:
                much = f"a file of this type is at most {largest} bytes"
                raise UploadRejected(413, much)
            self._hash.update(piece)
            yield piece
            piece = await self._read()

    async def _head(self) -> bytes:
        head = b""
        while len(head) < HEAD_BYTES and (piece := await self._read()):
            head += piece
        if not head:
            raise UploadRejected(400, "the file is empty")
        if fault := media_types.media_type_error(self._mime_type, head[:HEAD_BYTES]):
            raise UploadRejected(400, fault)
        return head

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                return await self._content.readany()
        except TimeoutError:
            raise UploadRejected(408, "the file stopped coming") from None
        except (OSError, web.RequestPayloadError):
            raise UploadRejected(400, "the file broke off") from None


def _asked(request: web.Request, rights: Rights) -> UploadRequest:
    headers = request.headers
    key = idempotency.single_key(headers.getall(idempotency.HEADER, []))
    if not key:
        needed = f"{idempotency.HEADER} {idempotency.NEEDED}"
        raise UploadRejected(400, needed)
    mime_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if mime_type not in media_types.TYPES:
        taken = f"a file is one of: {', '.join(media_types.TYPES)}"
        raise UploadRejected(415, taken)
    if "Content-Encoding" in headers:  # it would be unpacked to a size that nobody knows
        raise UploadRejected(415, "a file has no Content-Encoding")
    if (request.content_length or 0) > media_types.TYPES[mime_type].largest:
        much = f"a file of this type is at most {media_types.TYPES[mime_type].largest} bytes"
        raise UploadRejected(413, much)
    return UploadRequest(
        id=media_types.media_id(rights.tenant, rights.name, key),
        mime_type=mime_type,
        filename=filename(headers.get("Content-Disposition", "")),
    )


def _shown(upload: Upload) -> dict[str, object]:
    return {
        "id": upload.id,
        "mimeType": upload.mime_type,
        "size": upload.size,
        "sha256": upload.sha256.hex(),
    }


def _closing(answer: web.Response) -> web.Response:
    """What is left of the file will not be read."""
    answer.force_close()
    return answer
