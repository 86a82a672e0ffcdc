"""Routes that read conversations and messages, for callers with a token."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import msgspec
from aiohttp import web
from multidict import MultiMapping

from archiver.api import presenter
from archiver.api.access_log import AccessLog
from archiver.api.destructions import destroyed_response
from archiver.api.queries import NO_TERM, Order, PageRequest, RecordReader
from services import clock
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.ids import CONVERSATION, created_at, parse_uuid

PAGE, LARGEST_PAGE = 200, 1000
"""Messages in one answer: default and maximum."""


class IntegerParameter(msgspec.Struct, frozen=True):
    """Whole number in the query, with its default and its bounds."""

    name: str
    default: int
    least: int
    most: int


MAX_SEQUENCE = 2**63 - 1
AFTER = IntegerParameter("after", default=0, least=0, most=MAX_SEQUENCE)
AFTER_NEWEST = IntegerParameter("after", default=MAX_SEQUENCE, least=0, most=MAX_SEQUENCE)
"""In the order `newest` a page goes down from its `after`."""
ORDERS: tuple[Order, ...] = get_args(Order)
LIMIT = IntegerParameter("limit", default=PAGE, least=1, most=LARGEST_PAGE)
TRANSIT_TIME = timedelta(seconds=5)
"""Time by which the record may follow the event that told a department of a message; it also covers
the difference between two clocks."""
NOT_YET = "the record may not have this message yet: try again"
TIMED_UUID = 7
"""Version of the UUIDs that contain their time, as Postkamer's do."""
MESSAGE = "/v1/messages/{id:(?!_)[^/]+}"
"""Path of one message. It excludes `_search`, to which only a POST leads."""
DIGITS = re.compile(r"[0-9]{1,19}")
"""Digits of a number; 19 are enough for the largest 64-bit number."""


class RecordRoutes:
    """Routes of conversations and messages. `lag` returns the age of the records being written."""

    def __init__(
        self,
        store: RecordReader,
        views: AccessLog,
        keyring: TokenStore,
        lag: Callable[[], timedelta],
    ) -> None:
        self._store, self._views = store, views
        self._keyring, self._lag = keyring, lag

    def routes(self) -> list[web.RouteDef]:
        table = {
            "/v1/conversations/{id}": self.get_conversation,
            "/v1/conversations/{id}/messages": self.get_messages,
            MESSAGE: self.get_message,
        }
        return [
            web.get(
                path,
                require_token(self._views.identified(handler), self._keyring, "read"),
                allow_head=False,
            )
            for path, handler in table.items()
        ]

    async def get_conversation(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/conversations/{id}. 410 if it was destroyed."""
        id = request.match_info["id"]
        rows = await self._store.load_conversation(id, rights) if CONVERSATION.fullmatch(id) else []
        if not rows:
            return await self._absent(id, rights)
        notes = await self._store.load_notes(id, rights)
        # Its end is known to whoever has it.
        term = NO_TERM if rows[-1]["left"] else await self._store.load_term(id, rights)
        last = await self._store.load_last_answer(id, rights)
        await self._views.record_shown(request, "conversation", [*rows, *notes])

        def may_know(former: str) -> bool:
            """Return whether the department that received a conversation may know the one that had
            it, as the event of a transfer does."""
            return rights.handles(former) or not self._keyring.is_confidential(
                rights.tenant, former
            )

        holds = await self._store.load_holds(id, rights.tenant)
        shown = presenter.conversation_json(id, rows, notes, may_know, holds)
        return json_response(shown | presenter.term_json(term) | presenter.last_answer_json(last))

    async def get_messages(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/conversations/{id}/messages?order=&after=&limit= with a page; `next` is
        null on the last page."""
        id = request.match_info["id"]
        asked = parse_page(request.query)
        if not isinstance(asked, PageRequest):
            detail = "the query is not what it should be"
            return problem_response(400, "Bad Request", detail, errors=asked)
        if not CONVERSATION.fullmatch(id):
            return problem_response(404, "Not Found", "there is no such conversation")
        rows, next = await self._store.load_messages(id, rights, asked)
        if not rows and not await self._store.load_conversation(id, rights):
            return await self._absent(id, rights)
        outcomes = await self._store.load_outcomes([row["message"] for row in rows], rights)
        body = {"messages": presenter.messages_json(rows, outcomes), "next": next}
        beside = presenter.content_rows(outcomes)
        await self._views.record_shown(request, "messages", rows, beside=beside)
        return json_response(body)

    async def _absent(self, id: str, rights: Rights) -> web.Response:
        """Answer for a conversation of which nothing is shown."""
        is_id = CONVERSATION.fullmatch(id)
        if is_id and (past := await self._store.find_destroyed(id, rights)):
            return destroyed_response(past, rights)
        return problem_response(404, "Not Found", "there is no such conversation")

    async def get_message(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/messages/{id}. 410 if it was destroyed."""
        id = parse_uuid(request.match_info["id"])
        if id is None:
            return problem_response(404, "Not Found", "there is no such message")
        rows = await self._store.load_message(id, rights)
        if not rows:
            if past := await self._store.find_destroyed_message(id, rights):
                return destroyed_response(past, rights)
            if is_still_in_transit(id, clock.now(), self._lag()):
                return service_unavailable(NOT_YET)
            return problem_response(404, "Not Found", "there is no such message")
        outcomes = await self._store.load_outcomes([id], rights)
        body = presenter.messages_json(rows, outcomes)[0]
        beside = presenter.content_rows(outcomes)
        await self._views.record_shown(request, "message", rows, beside=beside)
        return json_response(body)


def is_still_in_transit(id: UUID, now: datetime, lag: timedelta) -> bool:
    """Return whether a message with this id may be on its way to the record: its id was made a
    moment ago, or since the time that the record has reached. Pure."""
    return (
        id.version == TIMED_UUID and now - lag - TRANSIT_TIME < created_at(id) < now + TRANSIT_TIME
    )


def parse_integer(texts: Sequence[str], parameter: IntegerParameter) -> int | None:
    """Return the number in a query; None if it is invalid. Pure."""
    if not texts:
        return parameter.default
    if len(texts) > 1 or not DIGITS.fullmatch(texts[0]):
        return None
    number = int(texts[0])
    return number if parameter.least <= number <= parameter.most else None


def parse_page(query: MultiMapping[str]) -> PageRequest | list[Any]:
    """Return the page that a query asks for, or an error for each parameter that is invalid.
    Pure."""
    orders = query.getall("order", [ORDERS[0]])
    order = next((each for each in ORDERS if [each] == orders), None)
    parameters = AFTER_NEWEST if order == "newest" else AFTER, LIMIT
    after, limit = (
        parse_integer(query.getall(parameter.name, []), parameter) for parameter in parameters
    )
    if order is None or after is None or limit is None:
        numbers = dict(zip(parameters, (after, limit), strict=True))
        return list(_query_errors(order, numbers))
    return PageRequest(order, after, limit)


def _query_errors(
    order: Order | None, numbers: Mapping[IntegerParameter, int | None]
) -> Iterator[dict[str, str]]:
    if order is None:
        detail = f"must be {' or '.join(ORDERS)}"
        yield {"pointer": "", "detail": detail, "parameter": "order"}
    for parameter, number in numbers.items():
        if number is None:
            detail = f"must be a whole number from {parameter.least} to {parameter.most}"
            yield {"pointer": "", "detail": detail, "parameter": parameter.name}
