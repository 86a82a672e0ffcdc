"""The page of one conversation, and the part of it that an open page fetches again."""

from aiohttp import web

from desk.pages.conversation_view import ConversationViews
from desk.web.gate import Gate
from desk.web.site import Visit
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
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /conversations/{id}?standard=: the page, with a standard answer to begin with."""
        conversation = await self._views.find(request, visit)
        standard = parse_uuid(request.query.get("standard", ""))
        return await self._views.page(visit, conversation, insert=standard)

    async def _show_messages(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /conversations/{id}/messages: what is said."""
        return await self._views.messages(visit, await self._views.find(request, visit))
