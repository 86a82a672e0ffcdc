"""For the privacy officer: everything about one person, on a page or as a file."""

from typing import Any

import msgspec
from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS
from desk.pages.archive.reason import (
    PRIVACY,
    days_of,
    identities_of,
    read_reason,
    token_of,
    trouble_of,
)
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.postkamer.person_report import (
    MadeReport,
    decode_first,
    first_conversations,
    is_whole,
)
from desk.postkamer.privacy import PrivacyOffice
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/archive/people"
FIELDS = ("phone", "bsuid", "request", "since", "until", "reason")
TYPES = {"json": "application/json", "pdf": "application/pdf"}
"""Form of a file -> its type."""
SHOWN = 200
"""Messages and notes that a page shows, and looks; the file has all of them. A report may have
20,000, and drawing those would keep all colleagues waiting."""
FILE = "inzage"
"""Name of a file, which says nothing of the person."""


class PeoplePages:
    def __init__(self, gate: Gate, site: Site, office: PrivacyOffice) -> None:
        self._gate, self._site, self._office = gate, site, office

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(PATH, require(self._find)),
            web.post(f"{PATH}/report", require(self._download)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/people: the form."""
        token_of(visit, PRIVACY)
        return self._page(visit, Form({}))

    async def _find(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/people: everything about one person. Nothing of them is in an address."""
        token, form = token_of(visit, PRIVACY), await read_form(request)
        reason = read_reason(form)
        if not reason:
            return self._page(visit, form, status=400, trouble="archive.reason_needed")
        try:
            answer = await self._office.report(token, report_body(form), reason)
        except Refused as refused:
            return self._page(visit, form, status=400, trouble=trouble_of(refused))
        made = msgspec.json.decode(answer, type=MadeReport)
        return self._page(visit, form, made=made)

    async def _download(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/people/report: the report as a file, JSON or PDF."""
        token, form = token_of(visit, PRIVACY), await read_form(request)
        reason, kind = read_reason(form), form.text("form")
        if not reason or kind not in TYPES:
            return self._page(visit, form, status=400, trouble="archive.reason_needed")
        get = self._office.printed_report if kind == "pdf" else self._office.report
        try:
            content = await get(token, report_body(form), reason)
        except Refused as refused:
            return self._page(visit, form, status=400, trouble=trouble_of(refused))
        if kind == "json":
            content = msgspec.json.decode(content, type=_Report).report
        disposition = f'attachment; filename="{FILE}.{kind}"'
        headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
        return web.Response(body=bytes(content), content_type=TYPES[kind], headers=headers)

    def _page(
        self,
        visit: Visit,
        form: Form,
        *,
        status: int = 200,
        trouble: str = "",
        made: MadeReport | None = None,
    ) -> web.Response:
        return self._site.page(
            visit,
            "archive_people.html",
            status,
            fields={name: form.text(name) for name in FIELDS},
            trouble=trouble,
            **(_parts(made) if made else {"made": None}),
            max_reason=MAX_CHARACTERS,
        )


def _parts(made: MadeReport) -> dict[str, Any]:
    """Return the parts of a report for the page."""
    report, conversations = made.report, first_conversations(made.report, SHOWN)
    return {
        "made": made,
        "report": report,
        "conversations": conversations,
        "is_whole": is_whole(report, conversations),
        "views": decode_first(report.views, SHOWN),
        "shown": SHOWN,
    }


class _Report(msgspec.Struct, frozen=True):
    """Answer whose report is passed on byte for byte."""

    report: msgspec.Raw


def report_body(form: Form) -> dict[str, Any]:
    """Return the question of the API for the fields of the form. Pure."""
    request = form.text("request").strip()
    body: dict[str, Any] = {"identities": identities_of(form)}
    return body | ({"request": request} if request else {}) | days_of(form)
