"""Files of citizens, passed on from the archive with the employee's own token."""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from desk.conversation.reasons import ReasonStore
from desk.conversation.transcript import INLINE_PICTURES, INLINE_SOUND
from desk.pages.passed_file import pass_on
from desk.postkamer.archive import Look
from desk.postkamer.client import PostkamerClient, Refused
from desk.web.gate import Gate
from desk.web.site import Visit
from services.ids import CONVERSATION, parse_uuid

INLINE = frozenset((*INLINE_PICTURES, *INLINE_SOUND))
"""Types that a page shows. All others are downloads, whatever they contain."""
PASSED_ON = ("Content-Length", "Content-Disposition")
KEEP = "private, max-age=300"
"""A picture is asked for again when the page is drawn again, and each look is on the record."""


class FilePages:
    def __init__(self, gate: Gate, archiver: PostkamerClient, reasons: ReasonStore) -> None:
        self._gate, self._archiver, self._reasons = gate, archiver, reasons

    def routes(self) -> list[web.RouteDef]:
        show, show_thumbnail = self._gate.require(self._show), self._gate.require(self._thumbnail)
        return [
            web.get("/files/{id}", show, allow_head=False),
            web.get("/files/{id}/thumbnail", show_thumbnail, allow_head=False),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """GET /files/{id}?in=&opening=: the file of a message of a conversation, once a scanner has
        checked it."""
        return await self._pass_on(request, visit, "")

    async def _thumbnail(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """GET /files/{id}/thumbnail?in=&opening=: the small picture that a page shows."""
        return await self._pass_on(request, visit, "/thumbnail")

    async def _pass_on(self, request: web.Request, visit: Visit, part: str) -> web.StreamResponse:
        assert visit.session
        id = parse_uuid(request.match_info["id"])
        if id is None:
            raise Refused(404, "", {})
        token = visit.session.tokens.access_token
        look = await self._look(request, visit)
        path = f"/v1/media/{id}{part}"
        async with self._archiver.open_file(path, token, look.headers) as source:
            if source.status != HTTPStatus.OK:
                is_shown = source.status == HTTPStatus.UNAUTHORIZED or source.status >= 500
                raise Refused(source.status if is_shown else HTTPStatus.NOT_FOUND, "", {})
            headers = file_headers(source.headers, source.content_type)
            return await pass_on(request, source, headers)

    async def _look(self, request: web.Request, visit: Visit) -> Look:
        """Return the look at the page that shows the file, and the reason given for it."""
        conversation, reason = request.query.get("in", ""), ""
        if visit.session and CONVERSATION.fullmatch(conversation):
            reason = await self._reasons.find(visit.session.id, conversation, visit.now)
        return Look(visit.opening, reason)


def file_headers(given: Mapping[str, str], content_type: str) -> dict[str, str]:
    headers = {name: given[name] for name in PASSED_ON if name in given}
    if content_type in INLINE:
        headers["Content-Type"] = content_type
        headers["Content-Disposition"] = "inline"
    else:
        headers["Content-Type"] = "application/octet-stream"
        headers.setdefault("Content-Disposition", "attachment")
    # Opened by itself, a file is a page of its own: it may do nothing and load nothing.
    headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    headers["Cache-Control"] = KEEP
    return headers
