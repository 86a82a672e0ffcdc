"""For the privacy officer: whose data an employee or a token saw, or a destination received."""

from typing import Any

import msgspec
from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS
from desk.pages.archive.reason import PRIVACY, period_of, read_reason, token_of, trouble_of
from desk.pages.conversation_view import session_of
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.privacy import Exposure, PrivacyOffice
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/archive/exposures"
SUBJECTS = ("employee", "token", "destination")
FIELDS = ("subject", "name", "since", "until", "reason")
SHOWN = 200
"""People that a page shows one by one; the file has all of them."""
DISPOSITION = 'attachment; filename="blootstelling.json"'
"""Header of the file: a name that says nothing of whom it is about."""


class ExposurePages:
    def __init__(self, gate: Gate, site: Site, office: PrivacyOffice) -> None:
        self._gate, self._site, self._office = gate, site, office

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(PATH, require(self._search)),
            web.post(f"{PATH}/file", require(self._download)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/exposures: the form."""
        token_of(visit, PRIVACY)
        return self._page(visit, Form({}))

    async def _search(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/exposures: the people, the first of them one by one."""
        answer = await self._ask(visit, await read_form(request))
        if isinstance(answer, web.Response):
            return answer
        form, content = answer
        return self._page(visit, form, found=msgspec.json.decode(content, type=Exposure))

    async def _download(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/exposures/file: all of it, as JSON."""
        answer = await self._ask(visit, await read_form(request))
        if isinstance(answer, web.Response):
            return answer
        _, content = answer
        headers = {"Content-Disposition": DISPOSITION, "Cache-Control": "no-store"}
        return web.Response(body=content, content_type="application/json", headers=headers)

    async def _ask(self, visit: Visit, form: Form) -> tuple[Form, bytes] | web.Response:
        """Return the form with the answer of the API, or the page that says why there is none."""
        token, reason, body = token_of(visit, PRIVACY), read_reason(form), exposure_body(form)
        if not reason:
            return self._page(visit, form, status=400, trouble="archive.reason_needed")
        if not body.keys() >= {"from", "until"} or body.keys().isdisjoint(SUBJECTS):
            return self._page(visit, form, status=400, trouble="exposures.incomplete")
        try:
            return form, await self._office.exposure(token, body, reason)
        except Refused as refused:
            return self._page(visit, form, status=400, trouble=trouble_of(refused))

    def _page(
        self,
        visit: Visit,
        form: Form,
        *,
        status: int = 200,
        trouble: str = "",
        found: Exposure | None = None,
    ) -> web.Response:
        return self._site.page(
            visit,
            "archive_exposures.html",
            status,
            access=session_of(visit).access,
            fields={name: form.text(name) for name in FIELDS},
            subjects=SUBJECTS,
            trouble=trouble,
            found=found,
            shown=SHOWN,
            max_reason=MAX_CHARACTERS,
        )


def exposure_body(form: Form) -> dict[str, Any]:
    """Return the search of the API for the fields of the form. Pure."""
    subject, name = form.text("subject"), form.text("name").strip()
    named = {subject: name} if subject in SUBJECTS and name else {}
    return named | period_of(form)
