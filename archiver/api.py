"""Reading the record: conversations and messages, for whoever has a token."""

from uuid import UUID

from aiohttp import web

from archiver import view
from archiver.store import Store
from services.access import Rights
from services.guard import guarded
from services.http import json, problem
from services.ids import CONVERSATION
from services.keyring import Keyring

PAGE, LARGEST_PAGE = 200, 1000
"""Messages in one answer."""


class Api:
    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store, self._keyring = store, keyring

    def routes(self) -> list[web.RouteDef]:
        table = {
            "/v1/conversations/{id}": self.conversation,
            "/v1/conversations/{id}/messages": self.messages,
            "/v1/messages/{id}": self.message,
        }
        return [
            web.get(path, guarded(handler, self._keyring, "read"), allow_head=False)
            for path, handler in table.items()
        ]

    async def conversation(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/conversations/{id}."""
        id = request.match_info["id"]
        rows = await self._store.conversation(id, rights) if CONVERSATION.fullmatch(id) else []
        if not rows:
            return problem(404, "Not Found", "there is no such conversation")
        return json(view.conversation(id, rows, await self._store.notes(id, rights)))

    async def messages(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/conversations/{id}/messages?after=&limit=: oldest first; `next` while there is
        more."""
        id = request.match_info["id"]
        try:
            after = int(request.query.get("after", "0"))
            limit = int(request.query.get("limit", str(PAGE)))
        except ValueError:
            return problem(400, "Bad Request", "after and limit are whole numbers")
        if not (0 <= after < 2**63 and 1 <= limit <= LARGEST_PAGE):
            return problem(400, "Bad Request", f"limit is from 1 to {LARGEST_PAGE}")
        if not CONVERSATION.fullmatch(id):
            return problem(404, "Not Found", "there is no such conversation")
        rows = await self._store.messages(id, rights, after=after, limit=limit + 1)
        if not rows and not await self._store.conversation(id, rights):
            return problem(404, "Not Found", "there is no such conversation")
        page, more = rows[:limit], len(rows) > limit
        about = await self._store.about([row["message"] for row in page], rights)
        body = {"messages": view.messages(page, about)}
        return json(body | {"next": page[-1]["sequence"] if more else None})

    async def message(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/messages/{id}."""
        try:
            id = UUID(request.match_info["id"])
        except ValueError:
            return problem(404, "Not Found", "there is no such message")
        rows = await self._store.message(id, rights)
        if not rows:
            return problem(404, "Not Found", "there is no such message")
        return json(view.messages(rows, await self._store.about([id], rights))[0])
