"""GET /v1/media: files and thumbnails for callers who may read the message, once the file is
available."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote
from uuid import UUID

import structlog
from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.destructions import destroyed_members
from archiver.api.queries import RecordReader
from archiver.api.viewer import Row
from archiver.media.reader import read, report_damage
from archiver.media.store import MediaStore, StoredFile
from archiver.media.thumbnail_maker import THUMBNAIL_TYPE, MakerBusy, ThumbnailMaker
from archiver.media.thumbnails import Thumbnails
from services.files.file_signatures import SIGNATURES, strip_parameters
from services.files.filenames import sanitise_filename
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.ids import parse_uuid
from services.sealing.wrapping import CannotDecrypt

SOON_SECONDS = 5
"""Retry-After while a file is on its way: most files arrive within a few seconds."""
NO_SUCH_FILE = "there is no such file"
QUARANTINED = "this file is kept from everybody: {}"
LOST = "this file is not there: {}"
DESTROYED = "its message was destroyed"
MISSING = "this file is not where it should be"
DAMAGED = "this file is not what was kept"
NO_THUMBNAIL = "no_thumbnail"
WITHOUT_THUMBNAIL = "this file has no thumbnail"
BUSY = "too many thumbnails are being made"
WITHOUT_A_TYPE = "application/octet-stream"
HEADERS = {
    # The file may come from a stranger: a browser must neither run it nor guess its type.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

READ_ERRORS = (CannotDecrypt, ObjectNotFound, StoreUnavailable)
Send = Callable[[web.Request, UUID, StoredFile, Sequence[Row]], Awaitable[web.StreamResponse]]
"""Sends what was asked for of a file that is available."""

log = structlog.get_logger()


class MediaRoutes:
    """Routes that serve files. With `scanned_only`, files that were not scanned are not served."""

    def __init__(
        self,
        store: RecordReader,
        media_store: MediaStore,
        objects: ObjectStore,
        access_log: AccessLog,
        tokens: TokenStore,
        *,
        scanned_only: bool,
    ) -> None:
        self._store, self._media_store, self._objects = store, media_store, objects
        self._thumbnails = Thumbnails(objects, ThumbnailMaker())
        self._access_log, self._tokens, self._scanned_only = access_log, tokens, scanned_only

    def routes(self) -> list[web.RouteDef]:
        path = "/v1/media/{id}"
        handlers = {path: self.get_file, f"{path}/thumbnail": self.get_thumbnail}
        return [
            web.get(
                path,
                require_token(self._access_log.identified(handler), self._tokens, "read"),
                allow_head=False,
            )
            for path, handler in handlers.items()
        ]

    async def get_file(self, request: web.Request, rights: Rights) -> web.StreamResponse:
        """GET /v1/media/{id}: the bytes; 202 while the file is on its way, 451 if it is
        quarantined, 410 if it could not be fetched or was destroyed."""
        return await self._answer(request, rights, self._send)

    async def get_thumbnail(self, request: web.Request, rights: Rights) -> web.StreamResponse:
        """GET /v1/media/{id}/thumbnail: a small JPEG of a picture. It shows what is on the
        picture, so it is on the record as the picture is."""
        return await self._answer(request, rights, self._send_thumbnail)

    async def _answer(self, request: web.Request, rights: Rights, send: Send) -> web.StreamResponse:
        id = parse_uuid(request.match_info["id"])
        if id is None:
            return problem_response(404, "Not Found", NO_SUCH_FILE)
        rows = await self._store.load_message(id, rights)
        if not rows and await self._media_store.is_destroyed(id, rights):
            past = await self._store.find_destroyed_message(id, rights)
            members = destroyed_members(past, rights) if past else {}
            return problem_response(410, "Gone", LOST.format(DESTROYED), **members)
        file = await self._media_store.find(id) if rows else None
        if file is None:
            return problem_response(404, "Not Found", NO_SUCH_FILE)
        return self._unavailable(file) or await send(request, id, file, rows)

    def _unavailable(self, file: StoredFile) -> web.Response | None:
        match file.state:
            case "quarantined":
                return problem_response(
                    451, "Unavailable For Legal Reasons", QUARANTINED.format(file.reason)
                )
            case "lost":
                return problem_response(410, "Gone", LOST.format(file.reason))
        if file.may_be_opened(scanned_only=self._scanned_only):
            return None
        body = {"state": file.state, "reason": file.reason}
        return json_response(body, 202, {"Retry-After": str(SOON_SECONDS)})

    async def _send(
        self, request: web.Request, id: UUID, file: StoredFile, rows: Sequence[Row]
    ) -> web.StreamResponse:
        try:
            pieces = await read(self._objects, file)
            first = await anext(pieces, b"")
        except READ_ERRORS as error:
            return _error_response(id, error)
        await self._access_log.record_shown(request, "file", rows)
        response = web.StreamResponse(headers=response_headers(file))
        response.content_length = file.size
        await response.prepare(request)
        await response.write(first)
        try:
            async for piece in pieces:
                await response.write(piece)
        except READ_ERRORS as error:
            _error_response(id, error)
            _abort(request)
            return response
        await response.write_eof()
        return response

    async def _send_thumbnail(
        self, request: web.Request, id: UUID, file: StoredFile, rows: Sequence[Row]
    ) -> web.StreamResponse:
        try:
            thumbnail = await self._thumbnails.get(id, file)
        except READ_ERRORS as error:
            return _error_response(id, error)
        except MakerBusy:
            return service_unavailable(BUSY)
        if not thumbnail:
            return problem_response(404, "Not Found", WITHOUT_THUMBNAIL, code=NO_THUMBNAIL)
        await self._access_log.record_shown(request, "thumbnail", rows)
        return web.Response(body=thumbnail, headers=HEADERS | {"Content-Type": THUMBNAIL_TYPE})


def _error_response(
    id: UUID, error: CannotDecrypt | ObjectNotFound | StoreUnavailable
) -> web.Response:
    if isinstance(error, StoreUnavailable):
        log.error("objects.away", reason=str(error))
        return service_unavailable("the object store does not answer")
    report_damage(id, error)
    detail = MISSING if isinstance(error, ObjectNotFound) else DAMAGED
    return problem_response(500, "Internal Server Error", detail)


def _abort(request: web.Request) -> None:
    """Close the connection before the end of the body, so the client sees that it is incomplete."""
    if request.transport:
        request.transport.close()


def response_headers(file: StoredFile) -> dict[str, str]:
    """Return the response headers: a type that no browser runs, to be saved under a
    harmless name. Pure."""
    type = strip_parameters(file.mime_type)
    name = quote(sanitise_filename(file.announced.filename) or "bestand", safe="")
    return HEADERS | {
        "Content-Type": type if type in SIGNATURES else WITHOUT_A_TYPE,
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "ETag": f'"{file.sha256}"',
    }
