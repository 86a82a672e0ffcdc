"""The transcript of a conversation, passed on from the archive with the employee's own token."""

from http import HTTPStatus

from aiohttp import web

from desk.conversation.reasons import ReasonStore
from desk.pages.passed_file import pass_on
from desk.postkamer.archive import Look
from desk.postkamer.client import REPORT_TIMEOUT, PostkamerClient, Refused
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services.ids import CONVERSATION

PATH = "/conversations/{id}/transcript/{form}"
FORMS = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
TOO_MUCH = {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
"""Statuses of the archiver for a conversation that no transcript, or no PDF, holds."""
HEADERS = {
    # Opened by itself, it is a page of its own: it may do nothing and load nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " media-src data:; sandbox",
    "Cache-Control": "no-store",
}


class TranscriptPages:
    def __init__(
        self, gate: Gate, site: Site, archiver: PostkamerClient, reasons: ReasonStore
    ) -> None:
        self._gate, self._site = gate, site
        self._archiver, self._reasons = archiver, reasons

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self._gate.require(self._download), allow_head=False)]

    async def _download(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """GET /conversations/{id}/transcript/{html|pdf}?opening=: the transcript, to save. Who gave
        no reason that is asked for is asked for it on the page of the conversation."""
        id, form = request.match_info["id"], request.match_info["form"]
        if form not in FORMS or not CONVERSATION.fullmatch(id) or visit.session is None:
            raise Refused(404, "", {})
        reason = await self._reasons.find(visit.session.id, id, visit.now)
        headers = {**Look(visit.opening, reason).headers, "Accept": FORMS[form]}
        token = visit.session.tokens.access_token
        path = f"/v1/conversations/{id}/transcript"
        async with self._archiver.open_file(path, token, headers, REPORT_TIMEOUT) as source:
            if source.status == HTTPStatus.BAD_REQUEST:
                return web.Response(status=303, headers={"Location": f"/conversations/{id}"})
            if source.status in TOO_MUCH:
                return self._site.page(
                    visit, "problem.html", HTTPStatus.CONFLICT, reason="transcript.too_much"
                )
            if source.status != HTTPStatus.OK:
                raise Refused(source.status, "", {})
            given = {"Content-Type": FORMS[form]}
            given["Content-Disposition"] = f'attachment; filename="gesprek.{form}"'
            return await pass_on(request, source, HEADERS | given)
