"""Standard answers: everybody reads them, the contact centre changes them."""

from aiohttp import web

from desk.conversation.standard_answers import (
    MAX_TEXT,
    MAX_TITLE,
    StandardAnswer,
    StandardAnswerStore,
)
from desk.pages.conversation_view import session_of
from desk.pages.forms import Form, read_form
from desk.postkamer.client import Refused
from desk.web.gate import Gate
from desk.web.site import Site, Visit

PATH = "/standard-answers"
MANAGER = "kcc"
"""Role of who may change them."""


class StandardAnswerPages:
    def __init__(self, gate: Gate, site: Site, store: StandardAnswerStore) -> None:
        self._gate, self._site, self._store = gate, site, store

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(PATH, require(self._save)),
            web.post(f"{PATH}/remove", require(self._remove)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /standard-answers: all that the employee may see."""
        return await self._page(visit)

    async def _page(
        self, visit: Visit, status: int = 200, trouble: str = "", given: Form | None = None
    ) -> web.Response:
        access = session_of(visit).access
        return self._site.page(
            visit,
            "standard_answers.html",
            status,
            access=access,
            answers=await self._store.list(access),
            may_change=MANAGER in access.roles,
            trouble=trouble,
            title=given.text("title") if given else "",
            text=given.text("text") if given else "",
            max_title=MAX_TITLE,
            max_text=MAX_TEXT,
        )

    async def _save(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /standard-answers: add one, or change the one whose id is given."""
        form, access = await self._form(request, visit), session_of(visit).access
        id, title, text = form.id("id"), form.text("title").strip(), form.text("text").strip()
        fits = 0 < len(title) <= MAX_TITLE and 0 < len(text) <= MAX_TEXT
        if id is None or not fits:
            return await self._page(visit, 400, "standard.empty", form)
        answer = StandardAnswer(id, form.text("department"), title, text, access.person, visit.now)
        if not await self._store.store(access, answer):
            return await self._page(visit, 400, "standard.refused", form)
        return _back()

    async def _remove(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /standard-answers/remove: nothing that was sent changes by it."""
        form = await self._form(request, visit)
        if id := form.id("id"):
            await self._store.remove(session_of(visit).access, id)
        return _back()

    async def _form(self, request: web.Request, visit: Visit) -> Form:
        if MANAGER not in session_of(visit).access.roles:
            raise Refused(403, "", {})
        return await read_form(request)


def _back() -> web.Response:
    return web.Response(status=303, headers={"Location": PATH})
