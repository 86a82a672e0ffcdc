"""For who keeps the record: one document of a disclosure, what is left out of it, and why."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS, ReasonStore
from desk.pages.archive.disclosures import (
    DECISIONS,
    ONE,
    PATH,
    decision_body,
    trouble_of_disclosure,
)
from desk.pages.archive.marked_text import (
    Segment,
    Word,
    list_words,
    mark_text,
    shorten_between,
)
from desk.pages.archive.reason import RECORDS, id_of, read_reason, token_of
from desk.pages.archive.redaction_order import Nothing, redaction_body
from desk.pages.conversation_view import session_of
from desk.pages.forms import NOTHING_TYPED, Form, read_form
from desk.pages.passed_file import pass_on
from desk.postkamer.archive import Look
from desk.postkamer.client import REPORT_TIMEOUT, PostkamerClient, Refused
from desk.postkamer.disclosures import (
    DisclosureOffice,
    FullDisclosure,
    FullDocument,
    Span,
    Text,
    document_path,
)
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services.ids import parse_uuid

DOCUMENT = f"{ONE}/documents/{{number}}"
PREVIEWS = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}
PAGE = 100
"""Texts on a page, which a person looks through."""
MOST_PROPOSALS = 400
"""Proposals on a page: some four of each of its texts. A form of them is within its bounds."""
MOST_REMNANTS = 100
"""Texts in which words that are left out stand inside others: as many links as texts on a page. The
number of times is of all."""
USUAL = {"woo": "5.1.2e", "access": "AVG-15.4"}
"""Kind of disclosure -> ground that is chosen unless another one is."""
WHOLE = 1000
"""Sides of a picture, in the unit of a box."""
MIDDLE = {"x": 250, "y": 250, "width": 500, "height": 500}
"""Box that a person begins with."""
LONGEST_WORDS, LONGEST_LIST = 500, 20_000
"""Characters of words to leave out, and of a list, as the record takes them."""
HEADERS = {
    # Opened by itself, it is a page of its own: it may do nothing and load nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " media-src data:; sandbox",
    "Cache-Control": "no-store",
}


class ShownText(msgspec.Struct, frozen=True):
    """A text as the page shows it. `words` are there for one whose words are chosen."""

    text: Text
    segments: Sequence[Segment]
    spans: Sequence[tuple[Span, tuple[str, str, str]]]
    words: Sequence[Word] = ()
    rest: str = ""


class DocumentPages:
    def __init__(
        self,
        gate: Gate,
        site: Site,
        office: DisclosureOffice,
        archiver: PostkamerClient,
        reasons: ReasonStore,
    ) -> None:
        self._gate, self._site, self._office = gate, site, office
        self._archiver, self._reasons = archiver, reasons

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        picture, preview = f"{DOCUMENT}/pictures/{{message}}", f"{DOCUMENT}/preview/{{form}}"
        return [
            web.get(DOCUMENT, require(self._show), allow_head=False),
            web.post(DOCUMENT, require(self._give_reason)),
            web.post(f"{DOCUMENT}/redact", require(self._redact)),
            web.post(f"{DOCUMENT}/decide", require(self._decide)),
            web.get(picture, require(self._picture), allow_head=False),
            web.get(preview, require(self._preview), allow_head=False),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET .../documents/{number}?page=&mark=: its texts and pictures; without a reason that
        was given in the last hour, the question for one."""
        return await self._page(request, visit)

    async def _page(
        self,
        request: web.Request,
        visit: Visit,
        trouble: str = "",
        typed: Form = NOTHING_TYPED,
    ) -> web.Response:
        token, id, number = token_of(visit, RECORDS), id_of(request), number_of(request)
        reason = await self._reason(visit, id)
        if not reason:
            return self._reason_page(visit, id, number)
        found = await self._office.find(token, id)
        look = Look(visit.opening, reason)
        try:
            document = await self._office.document(token, id, number, look)
        except Refused as refused:
            # It was destroyed, or its text is not the one that was redacted.
            given = {"id": id, "number": number, "trouble": trouble_of_disclosure(refused)}
            return self._site.page(visit, "archive_document_gone.html", 409, **given)
        page, mark = _page_number(request), typed.text("message") or request.query.get("mark", "")
        return self._site.page(
            visit,
            "archive_document.html",
            400 if trouble else 200,
            found=found,
            document=document,
            path=f"{PATH}/{id}/documents/{number}",
            is_open=found.state == "drawn",
            texts=show_texts(document, page, mark),
            proposals=show_proposals(document, page),
            page=page,
            pages=-(-len(document.texts) // PAGE),
            page_size=PAGE,
            max_remnants=MOST_REMNANTS,
            mark=mark,
            ground=typed.text("ground") or USUAL.get(found.kind, ""),
            middle=MIDDLE,
            whole=WHOLE,
            decisions=DECISIONS,
            others=_others(found, number),
            max_words=LONGEST_WORDS,
            max_list=LONGEST_LIST,
            trouble=trouble,
            typed=typed,
        )

    def _reason_page(self, visit: Visit, id: str, number: int, trouble: str = "") -> web.Response:
        return self._site.page(
            visit,
            "archive_reason.html",
            400 if trouble else 200,
            kind="disclosures",
            id=id,
            action=f"{PATH}/{id}/documents/{number}",
            trouble=trouble,
            max_reason=MAX_CHARACTERS,
        )

    async def _give_reason(self, request: web.Request, visit: Visit) -> web.Response:
        """POST .../documents/{number}: the reason, which holds for an hour and for all documents of
        the disclosure."""
        token_of(visit, RECORDS)
        id, number = id_of(request), number_of(request)
        reason = read_reason(await read_form(request))
        if not reason:
            return self._reason_page(visit, id, number, "archive.reason_needed")
        await self._reasons.store(session_of(visit).id, id, reason, visit.now)
        return _to(id, number, visit, "")

    async def _redact(self, request: web.Request, visit: Visit) -> web.Response:
        """POST .../documents/{number}/redact: leave something out, or take that back."""
        token, id, number = token_of(visit, RECORDS), id_of(request), number_of(request)
        form, reason = await read_form(request), await self._reason(visit, id)
        if not reason:
            return self._reason_page(visit, id, number)
        look = Look(visit.opening, reason)
        try:
            document = await self._office.document(token, id, number, look)
            await self._office.redact(token, id, number, look, redaction_body(form, document))
        except Nothing as nothing:
            return await self._page(request, visit, str(nothing), form)
        except Refused as refused:
            return await self._page(request, visit, trouble_of_disclosure(refused), form)
        anchor = f"text-{form.text('message')}" if form.text("message") else "done"
        return _to(id, number, visit, anchor, form.text("page"))

    async def _decide(self, request: web.Request, visit: Visit) -> web.Response:
        """POST .../documents/{number}/decide: about this document."""
        token, id, number = token_of(visit, RECORDS), id_of(request), number_of(request)
        form = await read_form(request)
        body = decision_body(form) | {"numbers": [number]}
        try:
            await self._office.change(token, id, "decide", body)
        except Refused as refused:
            return await self._page(request, visit, trouble_of_disclosure(refused), form)
        return _to(id, number, visit, "decision")

    async def _picture(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """GET .../documents/{number}/pictures/{message}: the picture on which boxes are drawn."""
        token, id, number = token_of(visit, RECORDS), id_of(request), number_of(request)
        message = parse_uuid(request.match_info["message"])
        if message is None:
            raise Refused(HTTPStatus.NOT_FOUND, "", {})
        path = f"{document_path(id, number)}/pictures/{message}"
        look = Look(visit.opening, await self._reason(visit, id))
        async with self._archiver.open_file(path, token, look.headers) as source:
            if source.status != HTTPStatus.OK:
                raise Refused(HTTPStatus.NOT_FOUND, "", {})
            given = {"Content-Type": "image/jpeg", "Content-Disposition": "inline"}
            return await pass_on(request, source, HEADERS | given)

    async def _preview(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """GET .../documents/{number}/preview/{html|pdf}: the file as it will leave."""
        token, id, number = token_of(visit, RECORDS), id_of(request), number_of(request)
        form, reason = request.match_info["form"], await self._reason(visit, id)
        if form not in PREVIEWS:
            raise Refused(HTTPStatus.NOT_FOUND, "", {})
        if not reason:
            return self._reason_page(visit, id, number)
        headers = {**Look(visit.opening, reason).headers, "Accept": PREVIEWS[form]}
        path = f"{document_path(id, number)}/preview"
        async with self._archiver.open_file(path, token, headers, REPORT_TIMEOUT) as source:
            if source.status == HTTPStatus.CONFLICT:
                return await self._page(request, visit, "disclosures.no_preview")
            if source.status != HTTPStatus.OK:
                raise Refused(source.status, "", {})
            name = f"{id}-{number:04}.{form}"
            given = {"Content-Type": PREVIEWS[form]}
            # A browser shows no PDF in a sandbox.
            kind = "inline" if form == "html" else "attachment"
            given["Content-Disposition"] = f'{kind}; filename="{name}"'
            return await pass_on(request, source, HEADERS | given)

    async def _reason(self, visit: Visit, id: str) -> str:
        return await self._reasons.find(session_of(visit).id, id, visit.now)


def number_of(request: web.Request) -> int:
    """Return the number of the document in the path. Raises Refused for what is none."""
    number = request.match_info["number"]
    if not (number.isascii() and number.isdecimal() and 0 < len(number) <= 6):
        raise Refused(HTTPStatus.NOT_FOUND, "", {})
    return int(number)


def _page_number(request: web.Request) -> int:
    page = request.query.get("page", "")
    is_number = page.isascii() and page.isdecimal() and len(page) <= 6
    return max(int(page), 1) if is_number else 1


def show_texts(document: FullDocument, page: int, mark: str) -> list[ShownText]:
    """Return the texts of a page; of the one that is marked, its words to choose from. Pure."""
    shown = document.texts[(page - 1) * PAGE : page * PAGE]
    return [_show_text(each, document, is_chosen=each.message == mark) for each in shown]


def _show_text(text: Text, document: FullDocument, *, is_chosen: bool) -> ShownText:
    spans = [each for each in document.spans if each.message == text.message]
    places = [(each.start, each.end, each.ground) for each in spans]
    proposed = [
        (each.start, each.end) for each in document.proposals if each.message == text.message
    ]
    words, rest = list_words(text.text, places) if is_chosen else ([], "")
    around = [(each, shorten_between(text.text, (each.start, each.end))) for each in spans]
    return ShownText(text, mark_text(text.text, places, proposed), around, words, rest)


def show_proposals(document: FullDocument, page: int) -> list[tuple[Span, tuple[str, str, str]]]:
    """Return the proposals in the texts of a page, each with what stands around it. Pure."""
    texts = {each.message: each.text for each in document.texts[(page - 1) * PAGE : page * PAGE]}
    shown = [each for each in document.proposals if each.message in texts]
    return [
        (each, shorten_between(texts[each.message], (each.start, each.end)))
        for each in shown[:MOST_PROPOSALS]
    ]


def _others(found: FullDisclosure, number: int) -> dict[str, int]:
    """Return the numbers of the document before this one and of the one after it; 0 if there is
    none. Pure."""
    numbers = {each.number for each in found.documents}
    near = {"previous": number - 1, "next": number + 1}
    return {name: each if each in numbers else 0 for name, each in near.items()}


def _to(id: str, number: int, visit: Visit, anchor: str, page: str = "") -> web.Response:
    """Return to the page of a document. It is the same opening, and no new view."""
    query = f"opening={visit.opening}" + (f"&page={page}" if page.isdecimal() else "")
    where = f"{PATH}/{id}/documents/{number}?{query}" + (f"#{anchor}" if anchor else "")
    return web.Response(status=303, headers={"Location": where})
