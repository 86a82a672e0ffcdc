"""The inbox: conversations of the employee's departments, oldest unanswered first."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from desk.inbox.alarms import AlarmStore
from desk.inbox.filters import FILTERS, FIRST, Filter, parse_filter
from desk.inbox.store import ConversationStore
from desk.postkamer.gateway import Gateway
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from desk.web.times import end_of_day

MAX_PAGE = 200
"""Pages of a list that can be asked for: 10,000 conversations."""
SAID = {"transferred": "transfer.done"}
"""Deed of a moment ago -> key of the words that say it was done."""


class InboxPages:
    def __init__(
        self,
        gate: Gate,
        site: Site,
        store: ConversationStore,
        alarms: AlarmStore,
        gateway: Gateway,
    ) -> None:
        self._gate, self._site, self._gateway = gate, site, gateway
        self._store, self._alarms = store, alarms

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._start, allow_head=False),
            web.get("/inbox", self._gate.require(self._show), allow_head=False),
            web.get("/inbox/list", self._gate.require(self._list, is_use=False), allow_head=False),
        ]

    async def _start(self, request: web.Request) -> web.Response:
        return web.Response(status=303, headers={"Location": "/inbox"})

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /inbox?filter=&page=&said=: the page, with a word about what was just done."""
        said = SAID.get(request.query.get("said", ""), "")
        return self._site.page(visit, "inbox.html", said=said, **await self._load(request, visit))

    async def _list(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /inbox/list?filter=&page=: the list alone, as an open page fetches it again."""
        return self._site.page(visit, "inbox_list.html", **await self._load(request, visit))

    async def _load(self, request: web.Request, visit: Visit) -> dict[str, Any]:
        assert visit.session
        access, end = visit.session.access, end_of_day(visit.now)
        chosen = parse_filter(request.query.get("filter", "")) or FIRST
        number = _page_number(request.query.get("page", ""))
        counts: dict[Filter, int]
        (conversations, has_more), counts = await asyncio.gather(
            self._store.list(access, chosen, end, number), self._store.count(access, end)
        )
        names: Mapping[str, str] = {}
        if any(each.also_about for each in conversations):
            names = await self._gateway.names.get(visit.session.tokens.access_token)
        return {
            "access": access,
            "alarms": await self._alarms.list(access),
            "names": names,
            "filters": FILTERS,
            "chosen": chosen,
            "conversations": conversations,
            "counts": counts,
            "number": number,
            "has_more": has_more,
            "list_path": f"/inbox/list?filter={chosen}&page={number}",
        }


def _page_number(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) < len("1000")
    return min(int(text), MAX_PAGE) if is_number else 0
