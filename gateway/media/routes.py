"""The route for uploads: files are streamed to the object store and answered 201 once safe."""

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
from gateway.media.filenames import HEADER_CHARACTERS, parse_filename
from gateway.media.upload_store import SWEEP_LIMIT, Upload, UploadStore
from gateway.stops import StoppedNumbers
from services import clock
from services.clearing import PACE
from services.files import object_store
from services.files.file_signatures import HEAD_BYTES
from services.files.object_store import ObjectStore, StoreUnavailable
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.postgres.database import DATABASE_ERRORS
from services.postgres.shut_rows import RowShut
from services.sealing.columns import file_salt
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import SealingStream
from services.stops.refusal import MOVES

UPLOADS_AT_ONCE = 8
"""Simultaneous uploads in one process. Each holds up to 15 MiB (`object_store.PIECE_BYTES`), so
120 MiB together."""
UPLOADS_PER_TOKEN = 2
"""Simultaneous uploads of one token, so that a CRM with slow uploads leaves room for others."""
UPLOAD_SECONDS = 600.0
"""Time for a whole file: the largest, 100 MiB, over a line of 1.4 Mbit/s."""
IDLE_SECONDS = 20.0
"""Longest time without a byte: a stalled upload takes the place of another."""
SWEEP_SECONDS = 300.0
"""Pause after a sweep that found all there was. A full one is followed by the next as batches of
clearing are, so that more uploads may end in a day than this pause has room for."""

TITLES = {
    400: "Bad Request",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
}
UNKNOWN_TYPE = (
    f"a file is one of: {', '.join(media_types.MEDIA_TYPES)}; or {media_types.UNNAMED} with a name"
    f" in Content-Disposition that ends in one of: {', '.join(media_types.EXTENSIONS)}"
)

log = structlog.get_logger()


class UploadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of a file from the headers of its request."""

    id: UUID
    mime_type: str
    filename: str


UPLOAD_SHUT = (
    "the file of this Idempotency-Key cannot be opened any more: send it under another one"
)


class UploadRejected(Exception):
    """The file is refused; `answer` says why."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__()
        self.answer = answer


def rejection(status: int, detail: str) -> UploadRejected:
    return UploadRejected(problem_response(status, TITLES[status], detail))


class MediaRoutes:
    def __init__(self, uploads: UploadStore, store: ObjectStore, stopped: StoppedNumbers) -> None:
        self._uploads, self._store, self._stopped = uploads, store, stopped
        self._uploading: Counter[str] = Counter()

    def routes(self, keyring: TokenStore) -> list[web.RouteDef]:
        return [web.post("/v1/media", require_token(self.upload, keyring, "send"))]

    async def upload(self, request: web.Request, rights: Rights) -> web.Response:
        """POST /v1/media: answer 201 once the file and its row are safe."""
        if refusal := self._refusal(rights):
            return _close_connection(refusal)
        self._uploading[rights.name] += 1
        deadline = asyncio.timeout(UPLOAD_SECONDS)
        try:
            async with deadline:
                return await self._receive(request, rights)
        except UploadRejected as refused:
            return _close_connection(refused.answer)
        except RowShut:
            return _close_connection(rejection(409, UPLOAD_SHUT).answer)
        except StoreUnavailable as error:
            log.error("objects.away", reason=str(error))
            return _close_connection(service_unavailable("the object store does not answer"))
        except TimeoutError:
            if not deadline.expired():
                raise
            return _close_connection(rejection(408, "this takes too long").answer)
        finally:
            self._uploading[rights.name] -= 1

    def _refusal(self, rights: Rights) -> web.Response | None:
        """Return the refusal of any file of this token now. That of a stopped municipality would
        stay behind when it moves."""
        if self._is_stopped(rights):
            return _moves()
        of_token = self._uploading[rights.name]
        if self._uploading.total() >= UPLOADS_AT_ONCE or of_token >= UPLOADS_PER_TOKEN:
            return service_unavailable("too many files are coming in")
        return None

    def _is_stopped(self, rights: Rights) -> bool:
        return rights.tenant in self._stopped.now.tenants

    async def _receive(self, request: web.Request, rights: Rights) -> web.Response:
        upload = _read_headers(request, rights)
        file = UploadStream(request.content, upload.mime_type)
        stored = await self._uploads.find(upload.id, rights)
        if stored:
            async for _ in file.pieces():  # hash the file, to compare it with the stored one
                pass
        else:
            stored = await self._store_new(upload, rights, file)
        if (stored.sha256, stored.mime_type) != (file.sha256, upload.mime_type):
            raise rejection(409, "this Idempotency-Key came with another file before")
        return json_response(_upload_json(stored), 201)

    async def _store_new(
        self, upload: UploadRequest, rights: Rights, file: "UploadStream"
    ) -> Upload:
        """Store a file, and return the row for its key: that of a simultaneous request if that was
        first."""
        object, at = clock.new_id(), clock.now()
        await self._uploads.start(object, at)
        try:
            sealing = SealingStream(RING.stream_key(file_salt(upload.id, object)), file.pieces())
            await self._store.put(object_store.upload_key(object), sealing.pieces())
            if self._is_stopped(rights):  # meanwhile: files take minutes
                raise UploadRejected(_moves())
        except Exception:
            with suppress(StoreUnavailable, *DATABASE_ERRORS):  # the sweep deletes the rest
                await self._store.delete(object_store.upload_key(object))
                await self._uploads.delete(object)
            raise
        new = Upload(
            id=upload.id,
            token=rights.name,
            tenant=rights.tenant,
            object=object,
            mime_type=upload.mime_type,
            size=file.size,
            sha256=file.sha256,
            filename=upload.filename,
            created_at=at,
        )
        return await self._uploads.complete(new)

    async def sweep(self) -> None:
        """Delete unfinished and ended uploads, as long as the service runs.

        No failure of the database or the object store ends it, so that webhooks are still received.
        """
        while True:
            began, is_full = clock.monotonic(), False
            try:
                is_full = await self._sweep_batch()
            except Exception as error:
                log.warning("uploads.not_swept", exc_info=error)
            pause = PACE * (clock.monotonic() - began) if is_full else SWEEP_SECONDS
            await asyncio.sleep(min(pause, SWEEP_SECONDS))

    async def _sweep_batch(self) -> bool:
        """Delete some uploads; return True if there may be more."""
        stale = await self._uploads.stale(clock.now())
        for object in stale:
            await self._store.delete(object_store.upload_key(object))
            await self._uploads.delete(object)
        return len(stale) == SWEEP_LIMIT


class UploadStream:
    """A file that is arriving: checks, counts and hashes its bytes."""

    def __init__(self, content: StreamReader, mime_type: str) -> None:
        self._content, self._mime_type = content, mime_type
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes; UploadRejected if the file is not valid or stops arriving."""
        piece = await self._head()
        largest = media_types.max_bytes(self._mime_type, piece)
        while piece:
            self.size += len(piece)
            if self.size > largest:
                raise rejection(413, f"a file of this type is at most {largest} bytes")
            self._hash.update(piece)
            yield piece
            piece = await self._read()

    async def _head(self) -> bytes:
        head = b""
        while len(head) < HEAD_BYTES and (piece := await self._read()):
            head += piece
        if not head:
            raise rejection(400, "the file is empty")
        if fault := media_types.media_type_error(self._mime_type, head[:HEAD_BYTES]):
            raise rejection(400, fault)
        return head

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return await self._content.readany()
        except TimeoutError:
            raise rejection(408, "the file stopped coming") from None
        except (OSError, web.RequestPayloadError):
            raise rejection(400, "the file broke off") from None


def _read_headers(request: web.Request, rights: Rights) -> UploadRequest:
    headers = request.headers
    key = idempotency.single_key(headers.getall(idempotency.HEADER, []))
    if not key:
        raise rejection(400, f"{idempotency.HEADER} {idempotency.REQUIREMENT}")
    disposition = headers.get("Content-Disposition", "")
    if len(disposition) > HEADER_CHARACTERS:
        raise rejection(400, f"Content-Disposition has over {HEADER_CHARACTERS} characters")
    filename = parse_filename(disposition)
    mime_type = media_types.resolve_type(headers.get("Content-Type", ""), filename)
    if not mime_type:
        raise rejection(415, UNKNOWN_TYPE)
    if "Content-Encoding" in headers:  # the decompressed size would be unknown
        raise rejection(415, "a file has no Content-Encoding")
    if (request.content_length or 0) > media_types.MEDIA_TYPES[mime_type].max_bytes:
        largest = media_types.MEDIA_TYPES[mime_type].max_bytes
        raise rejection(413, f"a file of this type is at most {largest} bytes")
    return UploadRequest(
        id=idempotency.derive_id(idempotency.UPLOADS, rights.tenant, rights.name, key),
        mime_type=mime_type,
        filename=filename,
    )


def _moves() -> web.Response:
    return service_unavailable(MOVES.detail, code=MOVES.code)


def _upload_json(upload: Upload) -> dict[str, object]:
    return {
        "id": upload.id,
        "mimeType": upload.mime_type,
        "size": upload.size,
        "sha256": upload.sha256.hex(),
    }


def _close_connection(answer: web.Response) -> web.Response:
    """Close the connection after this answer: the rest of the file will not be read."""
    answer.force_close()
    return answer
