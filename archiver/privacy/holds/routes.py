"""Routes of holds: what may not be destroyed, why, and when somebody must look again."""

from collections.abc import Awaitable, Callable
from datetime import date
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from aiohttp import web
from pydantic import TypeAdapter

from archiver.api.access_log import VIEWER, AccessLog
from archiver.api.viewer import BOTH_NEEDED, EMPLOYEE, ShownRange
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.holds.orders import LIFT, PLACE, REVIEW
from archiver.privacy.request_routes import answered, invalid_parameter, read_order
from archiver.retention.hold import Hold
from archiver.retention.hold_details import (
    COUNT_SECONDS,
    HoldDetails,
    State,
    count_covered,
    load_hold,
    state_of,
    summarise_hold,
)
from archiver.retention.hold_store import HoldStore
from services import clock
from services.api.request_body import Refused
from services.api.turns import Busy
from services.calendar.opening_hours import day_of
from services.http.bearer_auth import Handler, require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore

ROLES: tuple[Role, ...] = ("records", "archivist", "privacy")
PATH = "/v1/holds"
ONE = f"{PATH}/{{id}}"
STATES: tuple[State, ...] = get_args(State)
NO_HOLD = "there is no such hold"
NOT_ALL = (
    "this token has not the role 'records' or 'archivist' or 'privacy' for every department,"
    " confidential ones too"
)
INVALID_STATE = f"must be one of {', '.join(STATES)}"

Change = Callable[[HoldStore, Hold, Any, str], Awaitable[Hold]]
"""Changes a hold, by an employee."""


class HoldRoutes:
    """A hold covers every department: how many conversations it covers would tell of those that a
    token does not reach, so it takes one that reaches all."""

    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens

    def routes(self) -> list[web.RouteDef]:
        def admit(handler: Handler, needed: frozenset[str]) -> Any:
            identified = self._views.identified(self._whole(handler), lambda rights: needed)
            return require_token(identified, self._tokens, *ROLES)

        by_employee = frozenset({EMPLOYEE})
        listed = require_token(self._whole(self.list_holds), self._tokens, *ROLES)
        return [
            web.get(PATH, listed, allow_head=False),
            web.post(PATH, admit(self.place, by_employee)),
            web.get(ONE, admit(self.show, BOTH_NEEDED), allow_head=False),
            web.post(f"{ONE}/_review", admit(self.review, by_employee)),
            web.post(f"{ONE}/_lift", admit(self.lift, by_employee)),
        ]

    def _whole(self, handler: Handler) -> Handler:
        async def handle(request: web.Request, rights: Rights) -> web.StreamResponse:
            if not self._archive.reaches_all(rights):
                return problem_response(403, "Forbidden", NOT_ALL)
            return await handler(request, rights)

        return answered(handle)

    async def list_holds(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/holds?state=: no citizen is in it, so it is no view."""
        states, today = request.query.getall("state", []), day_of(clock.now())
        if len(states) > 1 or not set(states) <= set(STATES):
            return invalid_parameter("state", INVALID_STATE)
        async with self._archive.transaction() as connection:
            store = HoldStore(connection, self._archive.keys)
            holds = await store.holds(rights.tenant, only_standing=states not in ([], ["lifted"]))
        shown = [each for each in holds if not states or _is_of(each, states[0], today)]
        return json_response({"holds": [_summary(each) for each in shown]})

    async def place(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/holds."""
        order = (await read_order(request, PLACE)).read(rights.tenant)
        async with self._archive.transaction() as connection:
            store = HoldStore(connection, self._archive.keys, rights.identified)
            placed = await store.place_order(order, request[VIEWER].employee, clock.now())
        body = _summary(placed) | {"conversations": await self._count(placed)}
        return json_response(body, HTTPStatus.CREATED, _location(placed))

    async def _count(self, placed: Hold) -> int | None:
        """Return what a hold covers that was placed, which is not undone because of a count."""
        try:
            async with self._archive.transaction() as connection:
                store = HoldStore(connection, self._archive.keys)
                return await count_covered(store, placed, COUNT_SECONDS)
        except Busy:
            return None

    async def show(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/holds/{id}."""
        async with self._archive.transaction() as connection:
            store = HoldStore(connection, self._archive.keys)
            found = _own(await store.find(request.match_info["id"]), rights)
            details = await load_hold(store, found, COUNT_SECONDS)
        await self._views.record_ranges(request, "hold", [_shown(details)])
        return json_response(_details(details))

    async def review(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/holds/{id}/_review."""

        async def change(store: HoldStore, found: Hold, order: Any, by: str) -> Hold:
            return await store.review(found, order.review_on, by, order.text.strip(), clock.now())

        return await self._change(request, rights, REVIEW, change)

    async def lift(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/holds/{id}/_lift."""

        async def change(store: HoldStore, found: Hold, order: Any, by: str) -> Hold:
            return await store.lift(found, by, order.text.strip(), clock.now())

        return await self._change(request, rights, LIFT, change)

    async def _change(
        self, request: web.Request, rights: Rights, kind: TypeAdapter[Any], change: Change
    ) -> web.Response:
        order = await read_order(request, kind)
        async with self._archive.transaction() as connection:
            store = HoldStore(connection, self._archive.keys, rights.identified)
            found = _own(await store.lock(request.match_info["id"]), rights)
            changed = await change(store, found, order, request[VIEWER].employee)
        return json_response(_summary(changed))


def _own(found: Hold | None, rights: Rights) -> Hold:
    """Return a hold of the token's municipality. Raises Refused."""
    if found is None or found.tenant != rights.tenant:
        raise Refused(problem_response(404, "Not Found", NO_HOLD))
    return found


def _is_of(hold: Hold, state: str, today: date) -> bool:
    """Return True for a hold of a state; one that is overdue for review stands too."""
    own = state_of(hold, today)
    return state == own or (state, own) == ("standing", "overdue")


def _location(hold: Hold) -> dict[str, str]:
    return {"Location": f"{PATH}/{hold.id}"}


def _summary(hold: Hold) -> dict[str, Any]:
    summary: dict[str, Any] = msgspec.to_builtins(summarise_hold(hold, day_of(clock.now())))
    return {name: value for name, value in summary.items() if name != "tenant"}


def _details(details: HoldDetails) -> dict[str, Any]:
    more = {"steps": details.steps, "words": details.words, "conversations": details.conversations}
    return _summary(details.hold) | more


def _shown(details: HoldDetails) -> ShownRange:
    return ShownRange(conversation="", department="", count=len(details.steps), first=0, last=0)
