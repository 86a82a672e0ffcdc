"""For the privacy officer: a correction beside a message, which does not change."""

from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS
from desk.pages.archive.reason import PRIVACY, read_reason, token_of, trouble_of
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.privacy import PrivacyOffice
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/archive/annotations"
FIELDS = ("message", "text", "request", "reason")
MAX_TEXT = 4000
"""Longest correction, in characters, as the record takes it."""


class AnnotationPages:
    def __init__(self, gate: Gate, site: Site, office: PrivacyOffice) -> None:
        self._gate, self._site, self._office = gate, site, office

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(PATH, require(self._send)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/annotations: the form."""
        token_of(visit, PRIVACY)
        return self._page(visit, Form({}), is_added=request.query.get("added") == "yes")

    async def _send(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/annotations: add a correction; without a text, the form for a message that
        was chosen on another page."""
        token, form = token_of(visit, PRIVACY), await read_form(request)
        if not form.has("text"):
            return self._page(visit, form)
        return await self._add(visit, token, form)

    async def _add(self, visit: Visit, token: str, form: Form) -> web.Response:
        """Add a correction. The same one once more adds none."""
        reason, message, text = read_reason(form), form.id("message"), form.text("text").strip()
        if not reason:
            return self._page(visit, form, status=400, trouble="annotations.reason_needed")
        if message is None or not text:
            return self._page(visit, form, status=400, trouble="annotations.incomplete")
        named = form.text("request").strip()
        body = {"text": text} | ({"request": named} if named else {})
        try:
            await self._office.annotate(token, message, body, reason)
        except Refused as refused:
            absent = refused.status == web.HTTPNotFound.status_code
            trouble = "annotations.absent" if absent else trouble_of(refused)
            return self._page(visit, form, status=400, trouble=trouble)
        return web.Response(status=303, headers={"Location": f"{PATH}?added=yes"})

    def _page(
        self,
        visit: Visit,
        form: Form,
        *,
        status: int = 200,
        trouble: str = "",
        is_added: bool = False,
    ) -> web.Response:
        return self._site.page(
            visit,
            "archive_annotations.html",
            status,
            fields={name: form.text(name) for name in FIELDS},
            trouble=trouble,
            is_added=is_added,
            max_text=MAX_TEXT,
            max_reason=MAX_CHARACTERS,
        )
