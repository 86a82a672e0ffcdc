"""For the archivist: search in the record, and read what was found."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from desk.conversation.reasons import MAX_CHARACTERS, ReasonStore
from desk.conversation.section import section_from
from desk.conversation.transcript import build_transcript, citizen_name, last_sequence
from desk.pages.archive.reason import (
    READ,
    RECORDS,
    period_of,
    read_reason,
    token_of,
    trouble_of,
)
from desk.pages.conversation_view import session_of
from desk.pages.forms import Form, read_form
from desk.postkamer.archive import (
    DESTROYED,
    Archive,
    Hits,
    Look,
    PageRequest,
    PastDestruction,
)
from desk.postkamer.client import Refused
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from services.ids import CONVERSATION

PATH = "/archive/search"
CONVERSATION_PATH = f"{PATH}/conversation"
MAX_WORDS = 1000
"""Longest text to search for, as the record takes it."""
SNIPPET = 240
"""Characters of a message in a list."""
KINDS = ("text", "image", "video", "audio", "document", "location", "template", "note")
"""Kinds of messages to choose from; `note` is a note of an employee."""
FIELDS = ("words", "since", "until", "department", "kind", "reason")
"""Fields that the next page repeats."""


class Found(msgspec.Struct, frozen=True):
    """One row of the results."""

    conversation: str
    at: datetime
    department: str
    kind: str
    snippet: str
    is_ours: bool = False


class SearchPages:
    def __init__(self, gate: Gate, site: Site, archive: Archive, reasons: ReasonStore) -> None:
        self._gate, self._site = gate, site
        self._archive, self._reasons = archive, reasons

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(PATH, require(self._search)),
            web.post(CONVERSATION_PATH, require(self._read)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /archive/search: the form."""
        token_of(visit, RECORDS)
        return self._page(visit, Form({}))

    async def _search(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/search: a page of results. What is searched for stands in no address."""
        token, form = token_of(visit, RECORDS), await read_form(request)
        reason = read_reason(form)
        if not reason:
            return self._page(visit, form, status=400, trouble="archive.reason_needed")
        try:
            hits = await self._archive.search(token, search_body(form), reason)
        except Refused as refused:
            return self._page(visit, form, status=400, trouble=trouble_of(refused))
        return self._page(visit, form, hits=hits, found=list_found(hits))

    def _page(
        self,
        visit: Visit,
        form: Form,
        *,
        status: int = 200,
        trouble: str = "",
        hits: Hits | None = None,
        found: Sequence[Found] = (),
    ) -> web.Response:
        return self._site.page(
            visit,
            "archive_search.html",
            status,
            access=session_of(visit).access,
            fields={name: form.text(name) for name in FIELDS},
            kinds=KINDS,
            trouble=trouble,
            hits=hits,
            found=found,
            max_words=MAX_WORDS,
            max_reason=MAX_CHARACTERS,
        )

    async def _read(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /archive/search/conversation: a conversation of the record, a page at a time; of one
        that was destroyed when, on which ground and by whom."""
        token, form = token_of(visit, RECORDS, READ), await read_form(request)
        id, reason = form.text("id"), read_reason(form)
        if not CONVERSATION.fullmatch(id):
            raise Refused(404, "", {})
        if not reason:
            return self._page(visit, form, status=400, trouble="archive.reason_needed")
        look = Look(visit.opening, reason)
        # Its files are looked at for the same reason.
        await self._reasons.store(session_of(visit).id, id, reason, visit.now)
        after = form.number("after")
        try:
            dossier = await self._archive.dossier(token, id, look)
        except Refused as refused:
            if refused.code != DESTROYED:
                raise
            past = msgspec.convert(refused.body, PastDestruction)
            return self._site.page(visit, "destroyed.html", HTTPStatus.GONE, past=past)
        messages, more = await self._archive.messages(token, id, look, PageRequest(after=after))
        section = section_from(messages, after, has_more=more is not None)
        return self._site.page(
            visit,
            "archive_conversation.html",
            access=session_of(visit).access,
            dossier=dossier,
            citizen=citizen_name(messages),
            rows=build_transcript(section, dossier),
            reason=reason,
            next=last_sequence(section.messages) if more else None,
        )


def search_body(form: Form) -> dict[str, Any]:
    """Return the search of the API for the fields of the form. Pure."""
    kind, department = form.text("kind"), form.text("department")
    members: dict[str, Any] = {
        "words": form.text("words").strip()[:MAX_WORDS],
        "types": [kind] if kind in KINDS else [],
        "departments": [department] if department else [],
        "asOf": form.text("as_of"),
        "after": form.text("after"),
    }
    return {name: value for name, value in members.items() if value} | period_of(form)


def list_found(hits: Hits) -> list[Found]:
    """Return messages and notes as one list, newest first. Pure."""
    rows = [
        Found(
            conversation=each.conversation_id,
            at=each.received_at,
            department=each.department,
            kind=each.type,
            snippet=shorten(each.text or ""),
            is_ours=each.direction != "in",
        )
        for each in hits.messages
    ]
    rows += [
        Found(
            conversation=each.conversation_id,
            at=each.at,
            department=each.department,
            kind="note",
            snippet=shorten(each.text),
            is_ours=True,
        )
        for each in hits.notes
    ]
    return newest_first(rows)


def newest_first(rows: Iterable[Found]) -> list[Found]:
    return sorted(rows, key=lambda each: each.at, reverse=True)


def shorten(text: str) -> str:
    """Return the beginning of a text on one line. Pure."""
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET else line[: SNIPPET - 1] + "…"
