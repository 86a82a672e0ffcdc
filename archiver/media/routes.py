"""GET /v1/media: files for callers who may read the message, once the file is available."""

from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

import structlog
from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.queries import Store
from archiver.api.viewer import Row
from archiver.encryption.sealing import CannotDecrypt
from archiver.media.reader import damaged, read
from archiver.media.store import Kept, MediaStore
from services.files.file_signatures import SIGNATURES, strip_parameters
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights
from services.http.token_store import TokenStore

SOON_SECONDS = 5
"""Retry-After while a file is on its way: most files arrive within a few seconds."""
NOWHERE = "there is no such file"
NOT_SHOWN = "this file is kept from everybody: {}"
LOST = "this file is not there: {}"
MISSING = "this file is not where it should be"
DAMAGED = "this file is not what was kept"
WITHOUT_A_TYPE = "application/octet-stream"
NAME, ENDING = 150, 12
"""Characters of a file name in the header, and of its end among these; a character takes up to 12
bytes there."""
HEADERS = {
    # The file comes from a stranger: a browser must neither run it nor guess its type.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

BROKEN = (CannotDecrypt, ObjectNotFound, StoreUnavailable)

log = structlog.get_logger()


class Files:
    """Route that serves files. With `scanned_only`, files that were not scanned are not served."""

    def __init__(
        self,
        store: Store,
        book: MediaStore,
        objects: ObjectStore,
        views: AccessLog,
        keyring: TokenStore,
        *,
        scanned_only: bool,
    ) -> None:
        self._store, self._book, self._objects = store, book, objects
        self._views, self._keyring, self._scanned_only = views, keyring, scanned_only

    def routes(self) -> list[web.RouteDef]:
        path = "/v1/media/{id}"
        handler = require_token(self._views.identified(self.file), self._keyring, "read")
        return [web.get(path, handler, allow_head=False)]

    async def file(self, request: web.Request, rights: Rights) -> web.StreamResponse:
        """GET /v1/media/{id}: the bytes; 202 while the file is on its way, 451 if it is
        quarantined, 410 if it could not be fetched."""
        try:
            id = UUID(request.match_info["id"])
        except ValueError:
            return problem_response(404, "Not Found", NOWHERE)
        rows = await self._store.message(id, rights)
        kept = await self._book.kept(id) if rows else None
        if kept is None:
            return problem_response(404, "Not Found", NOWHERE)
        return self._withheld(kept) or await self._sent(request, id, kept, rows)

    def _withheld(self, kept: Kept) -> web.Response | None:
        match kept.state:
            case "quarantined":
                return problem_response(
                    451, "Unavailable For Legal Reasons", NOT_SHOWN.format(kept.reason)
                )
            case "lost":
                return problem_response(410, "Gone", LOST.format(kept.reason))
            case "available" if kept.scanned or kept.released or not self._scanned_only:
                return None
        said = {"state": kept.state, "reason": kept.reason}
        return json_response(said, 202, {"Retry-After": str(SOON_SECONDS)})

    async def _sent(
        self, request: web.Request, id: UUID, kept: Kept, rows: Sequence[Row]
    ) -> web.StreamResponse:
        try:
            pieces = await read(self._objects, kept)
            begins = await anext(pieces, b"")
        except BROKEN as error:
            return _refused(id, error)
        await self._views.record_shown(request, "file", rows)
        answer = web.StreamResponse(headers=headers(kept))
        answer.content_length = kept.size
        await answer.prepare(request)
        await answer.write(begins)
        try:
            async for piece in pieces:
                await answer.write(piece)
        except BROKEN as error:
            _refused(id, error)
            _cut(request)
            return answer
        await answer.write_eof()
        return answer


def _refused(id: UUID, error: CannotDecrypt | ObjectNotFound | StoreUnavailable) -> web.Response:
    if isinstance(error, StoreUnavailable):
        log.error("objects.away", reason=str(error))
        return service_unavailable("the object store does not answer")
    damaged(id, error)
    what = MISSING if isinstance(error, ObjectNotFound) else DAMAGED
    return problem_response(500, "Internal Server Error", what)


def _cut(request: web.Request) -> None:
    """Close the connection before the end of the body, so the client sees that it is incomplete."""
    if request.transport:
        request.transport.close()


def headers(kept: Kept) -> dict[str, str]:
    """Return the response headers: a type that no browser runs, to be saved under the file's name.
    Pure."""
    type = strip_parameters(kept.mime_type)
    name = quote(shortened(kept.announced.filename) or "bestand", safe="")
    return HEADERS | {
        "Content-Type": type if type in SIGNATURES else WITHOUT_A_TYPE,
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "ETag": f'"{kept.sha256}"',
    }


def shortened(name: str) -> str:
    """Shorten a file name to fit a header of 8 KiB; its end, which shows the type, stays. Pure."""
    return name if len(name) <= NAME else f"{name[: NAME - ENDING - 1]}…{name[-ENDING:]}"
