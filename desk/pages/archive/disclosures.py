"""For who keeps the record: disclosures, from drawing them to what is handed over."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS, ReasonStore
from desk.pages.archive.reason import (
    RECORDS,
    id_of,
    identities_of,
    period_of,
    read_reason,
    token_of,
    trouble_of,
)
from desk.pages.archive.search import MAX_WORDS
from desk.pages.conversation_view import session_of
from desk.pages.forms import NOTHING_TYPED, Form, read_form
from desk.pages.passed_file import pass_on
from desk.postkamer.archive import Look
from desk.postkamer.client import REPORT_TIMEOUT, RESULT_TIMEOUT, PostkamerClient, Refused
from desk.postkamer.disclosures import (
    Disclosure,
    DisclosureOffice,
    FullDisclosure,
    path_of,
)
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/archive/disclosures"
NEW, ONE = f"{PATH}/new", f"{PATH}/{{id}}"
KINDS = ("woo", "access")
DECISIONS = ("partly", "open", "closed", "outside")
STEPS_OF = {"drawn": ("review", "refresh"), "reviewed": ("approve", "return"), "approved": ()}
"""State of a disclosure -> verbs of the steps that it may take."""
FIELDS = (
    "kind", "review_on", "text", "named", "conversation", "phone", "bsuid", "words", "department",
    "since", "until",
)  # fmt: skip
FORMS = {"csv": "text/csv; charset=utf-8", "ods": "application/vnd.oasis.opendocument.spreadsheet"}
MAX_TEXT = 500
"""Longest reference of a case, and words about a step, in characters."""
REFUSALS = (
    "wrong_state",
    "lifted",
    "too_many",
    "too_long",
    "left_out",
    "nothing_left_out",
    "ground_needed",
    "no_ground",
    "gone",
    "changed",
    "not_of_it",
    "too_many_pictures",
    "disclosure_drawer_does_not_approve",
    "disclosure_reviewer_does_not_approve",
    "disclosure_decider_does_not_approve",
)
"""Codes of refusals that have words of their own."""
POINTERS = {
    "/grounds": "disclosures.wrong_ground",
    "/words": "disclosures.nowhere",
    "/list": "disclosures.wrong_list",
    "/selection": "disclosures.not_theirs",
    "/numbers": "disclosures.fewer",
}
"""Pointer of a fault, without the rest of its path -> key of the words that explain it."""


class DisclosurePages:
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
        return [
            web.get(PATH, require(self._list), allow_head=False),
            web.post(PATH, require(self._draw)),
            web.get(NEW, require(self._new), allow_head=False),
            web.get(ONE, require(self._show), allow_head=False),
            web.post(f"{ONE}/step", require(self._step)),
            web.post(f"{ONE}/decide", require(self._decide)),
            web.get(f"{ONE}/inventory/{{form}}", require(self._inventory), allow_head=False),
            web.post(f"{ONE}/result", require(self._result)),
        ]

    async def _list(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/disclosures: the newest first."""
        token, trouble = token_of(visit, RECORDS), ""
        found: tuple[Disclosure, ...] = ()
        try:
            found = await self._office.all(token)
        except Refused as refused:
            trouble = trouble_of(refused)
        status = 403 if trouble else 200
        given = {"disclosures": found, "trouble": trouble}
        return self._site.page(visit, "archive_disclosures.html", status, **given)

    async def _new(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/disclosures/new: the form."""
        token_of(visit, RECORDS)
        return self._form_page(visit, NOTHING_TYPED)

    def _form_page(self, visit: Visit, form: Form, trouble: str = "") -> web.Response:
        return self._site.page(
            visit,
            "archive_disclosure_new.html",
            400 if trouble else 200,
            access=session_of(visit).access,
            fields={name: form.text(name) for name in FIELDS},
            kinds=KINDS,
            trouble=trouble,
            max_text=MAX_TEXT,
            max_words=MAX_WORDS,
        )

    async def _draw(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/disclosures: draw one. The same once more adds none."""
        token, form = token_of(visit, RECORDS), await read_form(request)
        body = disclosure_body(form)
        if len(body.keys() & {"conversation", "identities", "selection"}) != 1:
            return self._form_page(visit, form, "holds.one_of")
        try:
            drawn = await self._office.draw(token, body)
        except Refused as refused:
            return self._form_page(visit, form, trouble_of_disclosure(refused))
        return to_page(drawn.id)

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/disclosures/{id}: its documents, its steps, and what can be done."""
        return await self._page(request, visit)

    async def _page(
        self,
        request: web.Request,
        visit: Visit,
        trouble: str = "",
        typed: Form = NOTHING_TYPED,
        verb: str = "",
    ) -> web.Response:
        """Return the page of a disclosure; with `verb`, the form of which was refused, as typed."""
        token, id = token_of(visit, RECORDS), id_of(request)
        found = await self._office.find(token, id)
        return self._site.page(
            visit,
            "archive_disclosure.html",
            400 if trouble else 200,
            found=found,
            steps=disclosure_steps(found),
            decisions=DECISIONS,
            forms=FORMS,
            reason=await self._reasons.find(session_of(visit).id, id, visit.now),
            max_reason=MAX_CHARACTERS,
            max_text=MAX_TEXT,
            trouble=trouble,
            verb=verb,
            typed=typed,
            boxes=frozenset(typed.texts("number")),
            given=frozenset(typed.texts("ground")),
        )

    async def _step(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/disclosures/{id}/step: refresh, review, return or approve it."""
        token, id = token_of(visit, RECORDS), id_of(request)
        form = await read_form(request)
        verb, text = form.text("step"), form.text("text").strip()
        if not any(verb in verbs for verbs in STEPS_OF.values()):
            raise Refused(HTTPStatus.NOT_FOUND, "", {})
        if verb == "approve" and form.text("typed").strip() != id:
            return await self._page(request, visit, "lists.type_it", form, verb)
        try:
            await self._office.change(token, id, verb, {"text": text} if text else {})
        except Refused as refused:
            return await self._page(request, visit, trouble_of_disclosure(refused), form, verb)
        return to_page(id)

    async def _decide(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/disclosures/{id}/decide: about the documents that were chosen."""
        token, id = token_of(visit, RECORDS), id_of(request)
        form = await read_form(request)
        body = decision_body(form)
        if not body["numbers"]:
            return await self._page(request, visit, "disclosures.choose_some", form, "decide")
        try:
            await self._office.change(token, id, "decide", body)
        except Refused as refused:
            return await self._page(request, visit, trouble_of_disclosure(refused), form, "decide")
        return to_page(id)

    async def _inventory(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """GET /archive/disclosures/{id}/inventory/{csv|ods}: it names nobody."""
        token, id, form = token_of(visit, RECORDS), id_of(request), request.match_info["form"]
        if form not in FORMS:
            raise Refused(HTTPStatus.NOT_FOUND, "", {})
        path = f"{path_of(id)}/inventory/{form}"
        async with self._archiver.open_file(path, token, {}, REPORT_TIMEOUT) as source:
            if source.status != HTTPStatus.OK:
                raise Refused(source.status, "", {})
            return await pass_on(request, source, _file_headers(source.headers, FORMS[form]))

    async def _result(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """POST /archive/disclosures/{id}/result: everything that is handed over, as one file."""
        token, id = token_of(visit, RECORDS), id_of(request)
        form = await read_form(request)
        reason = read_reason(form)
        if not reason:
            return await self._page(request, visit, "archive.reason_needed", form, "result")
        await self._reasons.store(session_of(visit).id, id, reason, visit.now)
        headers, path = Look(visit.opening, reason).headers, f"{path_of(id)}/_export"
        opening = self._archiver.open_file(path, token, headers, RESULT_TIMEOUT, "POST")
        async with opening as source:
            if source.status == HTTPStatus.CONFLICT:
                return await self._page(request, visit, "disclosures.no_result", form, "result")
            if source.status != HTTPStatus.OK:
                raise Refused(source.status, "", {})
            return await pass_on(request, source, _file_headers(source.headers, "application/zip"))


def disclosure_steps(found: FullDisclosure) -> tuple[str, ...]:
    """Return the verbs of the steps that may be taken with a disclosure now. Nobody can say that
    all is decided before it is. Pure."""
    verbs = STEPS_OF.get(found.state, ())
    return tuple(verb for verb in verbs if verb != "review" or found.is_decided)


def disclosure_body(form: Form) -> dict[str, Any]:
    """Return the order of the API for the fields of the form. Pure."""
    words, department = form.text("words").strip()[:MAX_WORDS], form.text("department")
    selection = {"words": words, "departments": [department] if department else []}
    given = {name: value for name, value in selection.items() if value} | period_of(form)
    members: dict[str, Any] = {
        "kind": form.text("kind"),
        "reviewOn": form.text("review_on"),
        "text": form.text("text").strip(),
        "named": form.text("named").replace(",", " ").split(),
        "conversation": form.text("conversation").strip(),
        "identities": identities_of(form),
        "selection": given,
    }
    return {name: value for name, value in members.items() if value}


def decision_body(form: Form) -> dict[str, Any]:
    """Return the order of the API for a decision. Grounds are given for a refusal alone. Pure."""
    decision = form.text("decision")
    numbers = [int(each) for each in form.texts("number") if each.isascii() and each.isdecimal()]
    grounds = form.texts("ground") if decision == "closed" else []
    body: dict[str, Any] = {"numbers": numbers, "decision": decision}
    return body | ({"grounds": grounds} if grounds else {})


def trouble_of_disclosure(refused: Refused) -> str:
    """Return the key of the words that explain a refusal. Raises it again if the disclosure is not
    there for the employee, or their token has ended. Pure."""
    if refused.code in REFUSALS:
        return f"disclosures.{refused.code}"
    errors = refused.body.get("errors") or ()
    pointers = ["/" + str(each.get("pointer", ""))[1:].partition("/")[0] for each in errors]
    return next(filter(None, map(POINTERS.get, pointers)), "") or trouble_of(refused)


def to_page(id: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{PATH}/{id}"})


def _file_headers(given: Any, content_type: str) -> dict[str, str]:
    disposition = given.get("Content-Disposition", "attachment")
    return {
        "Content-Type": content_type,
        "Content-Disposition": disposition,
        "Cache-Control": "no-store",
    }
