"""Handing out files: to whoever may read the message that one came with, once it may be shown."""

from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

import structlog
from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.queries import RecordReader
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
"""Most files are there within a few seconds."""
NOWHERE = "there is no such file"
NOT_SHOWN = "this file is kept from everybody: {}"
LOST = "this file is not there: {}"
MISSING = "this file is not where it should be"
DAMAGED = "this file is not what was kept"
WITHOUT_A_TYPE = "application/octet-stream"
NAME, ENDING = 150, 12
"""Characters of a file's name that are told, and those of its end; each takes up to 12 bytes in a
header."""
HEADERS = {
    # It is somebody else's: no browser is to run, or to guess, what is in it.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

BROKEN = (CannotDecrypt, ObjectNotFound, StoreUnavailable)

log = structlog.get_logger()


class Files:
    """`scanned_only`: what no scanner has looked at is not shown."""

    def __init__(
        self,
        store: RecordReader,
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
        """GET /v1/media/{id}: the bytes; 202 while they are on their way, 451 where they are kept
        from everybody, 410 where they could not be got."""
        try:
            id = UUID(request.match_info["id"])
        except ValueError:
            return problem_response(404, "Not Found", NOWHERE)
        rows = await self._store.load_message(id, rights)
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
    """Without an end: fewer bytes than were announced look whole to nobody."""
    if request.transport:
        request.transport.close()


def headers(kept: Kept) -> dict[str, str]:
    """How a file goes out: as a type that no browser runs, to be saved under its own name. Pure."""
    type = strip_parameters(kept.mime_type)
    name = quote(shortened(kept.announced.filename) or "bestand", safe="")
    return HEADERS | {
        "Content-Type": type if type in SIGNATURES else WITHOUT_A_TYPE,
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "ETag": f'"{kept.sha256}"',
    }


def shortened(name: str) -> str:
    """A citizen's name for a file, and its end, which says what it is: a header has 8 KiB. Pure."""
    return name if len(name) <= NAME else f"{name[: NAME - ENDING - 1]}…{name[-ENDING:]}"
