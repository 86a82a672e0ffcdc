"""The page of one conversation, the part of it that an open page fetches again, and the question
why it is read."""

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from desk.conversation.reasons import COMMON, OTHER, reason_text
from desk.pages.conversation_view import ConversationViews, done, session_of
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.web.gate import Gate
from desk.web.site import Visit
from desk.web.words import words_in
from services.ids import parse_uuid

PATH = "/conversations/{id}"


class ConversationPages:
    def __init__(self, gate: Gate, views: ConversationViews) -> None:
        self._gate, self._views = gate, views

    def routes(self) -> list[web.RouteDef]:
        messages = self._gate.require(self._show_messages, is_use=False)
        return [
            web.get(PATH, self._gate.require(self._show), allow_head=False),
            web.get(f"{PATH}/messages", messages, allow_head=False),
            web.post(f"{PATH}/reason", self._gate.require(self._give_reason)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /conversations/{id}?standard=&opening=&before=: the page, with a standard answer to
        begin with, or an earlier section. An `opening` says that it was open before."""
        conversation = await self._views.find(request, visit)
        standard = parse_uuid(request.query.get("standard", ""))
        before = read_before(request.query)
        return await self._views.page(visit, conversation, insert=standard, before=before)

    async def _show_messages(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /conversations/{id}/messages?opening=&before=: what is said. On an open page
        of who does not reach it any more, nothing of it stays."""
        try:
            conversation = await self._views.find(request, visit)
            return await self._views.messages(visit, conversation, read_before(request.query))
        except Refused as refused:
            if refused.status == HTTPStatus.UNAUTHORIZED or not request.headers.get("HX-Request"):
                raise
            return self._views.site.page(visit, "conversation_gone.html")

    async def _give_reason(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/reason: say why the conversation is read, which the record has in Dutch."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        chosen, explanation = form.text("why"), form.text("explanation")
        words = words_in("nl")(f"reason.{chosen}") if chosen in COMMON else ""
        reason = reason_text(words, explanation) if chosen in (*COMMON, OTHER) else ""
        if not reason:
            return self._views.ask_reason(visit, conversation, "reason.missing", explanation)
        session = session_of(visit).id
        await self._views.stores.reasons.store(session, conversation.id, reason, visit.now)
        return done(visit, conversation)


def read_before(query: Mapping[str, str]) -> int | None:
    """Return the sequence number before which a section ends; None for the newest section, also if
    the query has no such number. Pure."""
    return Form(query).number("before") or None
