"""Routes of citizens' requests about their data: their terms, steps and decisions."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web
from pydantic import TypeAdapter

from archiver.api.access_log import VIEWER, AccessLog
from archiver.api.viewer import BOTH_NEEDED, EMPLOYEE, ShownRange
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.orders import DECIDE, EXTEND, OPEN, DecideRequest
from archiver.retention.request_hold import HeldDecision, RequestDecider
from archiver.subject_access.person_finder import TooManyMatches, find_subject
from archiver.subject_access.requests.details import RequestDetails, load_details, summarise
from archiver.subject_access.requests.fault import OrderFault, OrderRefused
from archiver.subject_access.requests.handling import (
    Decision,
    Extension,
    extend_request,
    open_request,
)
from archiver.subject_access.requests.legal_grounds import EXTENSIONS, REFUSALS, Ground
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.store import NewRequest, RequestStore
from services import clock
from services.api.json_body import FieldError, parse_body
from services.api.request_body import Refused, bad_request, read_json_body
from services.api.turns import BUSY, Busy
from services.calendar.opening_hours import day_of
from services.http.bearer_auth import Handler, require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore
from services.postgres.database import Connection

ROLE: Role = "privacy"
PATH = "/v1/requests"
ONE = f"{PATH}/{{id}}"
STATES = ("open", "overdue")
NO_REQUEST = "there is no such request"
TOO_LONG = "it takes too long: ask for a shorter period"
INVALID_STATE = f"must be one of {', '.join(STATES)}"

Change = Callable[[RequestStore, Request, Any, str], Awaitable[Request]]
"""Changes a request, by an employee."""


class RequestRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens

    def routes(self) -> list[web.RouteDef]:
        def admit(handler: Handler, needed: frozenset[str]) -> Any:
            identified = self._views.identified(answered(handler), lambda rights: needed)
            return require_token(identified, self._tokens, ROLE)

        by_employee = frozenset({EMPLOYEE})
        listed = require_token(answered(self.list_requests), self._tokens, ROLE)
        return [
            web.get(PATH, listed, allow_head=False),
            web.post(PATH, admit(self.open, by_employee)),
            web.get(ONE, admit(self.show, BOTH_NEEDED), allow_head=False),
            web.post(f"{ONE}/_extend", admit(self.extend, by_employee)),
            web.post(f"{ONE}/_decide", admit(self.decide, by_employee)),
        ]

    async def list_requests(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/requests?state=: no person is in it, so it is no view."""
        states, today = request.query.getall("state", []), day_of(clock.now())
        if len(states) > 1 or not set(states) <= set(STATES):
            return invalid_parameter("state", INVALID_STATE)
        async with self._archive.transaction() as connection:
            store = RequestStore(connection, self._archive.keys)
            before = today if states == ["overdue"] else None
            requests = await store.list_requests(rights.tenant, open=bool(states), before=before)
        return json_response({"requests": [_summary(each) for each in requests]})

    async def open(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/requests with the request, new or the same."""
        order = await read_order(request, OPEN)
        names = [each.identity for each in order.identities]
        new = NewRequest(
            tenant=rights.tenant,
            kind=order.kind,
            received_on=order.received_on,
            by=request[VIEWER].employee,
        )
        async with self._archive.transaction() as connection:
            keys = self._archive.keys
            subject = await find_subject(connection, keys, rights.tenant, names)
            store = RequestStore(connection, keys, rights.identified)
            opened = await open_request(store, new, subject, clock.now())
        headers = {"Location": f"{PATH}/{opened.id}"}
        return json_response(_summary(opened), HTTPStatus.CREATED, headers)

    async def show(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/requests/{id}."""
        today, config = day_of(clock.now()), self._archive.config
        async with self._archive.transaction() as connection:
            found = await self._lock(connection, request, rights)
            details = await load_details(connection, self._archive.keys, config, found, today)
        await self._views.record_ranges(request, "request", [_shown(details)])
        return json_response(_details(details, details.letter(config, today)))

    async def extend(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/requests/{id}/_extend."""

        async def change(store: RequestStore, found: Request, order: Any, by: str) -> Request:
            extension = Extension(order.until, order.ground)
            return await extend_request(store, found, extension, by, clock.now())

        return await self._change(request, rights, EXTEND, change)

    async def decide(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/requests/{id}/_decide."""
        order: DecideRequest = await read_order(request, DECIDE)
        decision = Decision(order.decision, order.ground or "", order.text or "")
        held = HeldDecision(decision, order.hold_review_on)
        async with self._archive.transaction() as connection:
            found = await self._lock(connection, request, rights)
            decider = RequestDecider(connection, self._archive.keys, rights.identified)
            by = request[VIEWER].employee
            decided, _ = await decider.decide(found, held, by, clock.now())
        return json_response(_summary(decided))

    async def _change(
        self, request: web.Request, rights: Rights, kind: TypeAdapter[Any], change: Change
    ) -> web.Response:
        order = await read_order(request, kind)
        async with self._archive.transaction() as connection:
            found = await self._lock(connection, request, rights)
            store = RequestStore(connection, self._archive.keys, rights.identified)
            changed = await change(store, found, order, request[VIEWER].employee)
        return json_response(_summary(changed))

    async def _lock(self, connection: Connection, request: web.Request, rights: Rights) -> Request:
        store = RequestStore(connection, self._archive.keys)
        found = await store.lock_request(request.match_info["id"])
        if found is None or found.tenant != rights.tenant:
            raise Refused(problem_response(404, "Not Found", NO_REQUEST))
        return found


async def read_order(request: web.Request, kind: TypeAdapter[Any]) -> Any:
    """Return the body of a request. Raises Refused."""
    order = parse_body(await read_json_body(request), kind)
    if isinstance(order, list):
        raise Refused(bad_request(order))
    return order


def answered(handler: Handler) -> Handler:
    """Wrap a handler, so that each refusal is an answer."""

    async def answer(request: web.Request, rights: Rights) -> web.StreamResponse:
        try:
            return await handler(request, rights)
        except Refused as refused:
            return refused.answer
        except OrderRefused as refused:
            return _refuse(refused)
        except TooManyMatches as error:
            return problem_response(400, "Bad Request", str(error), code="too_broad")
        except Busy:
            return service_unavailable(BUSY)

    return answer


def _refuse(refused: OrderRefused) -> web.Response:
    if refused.code:
        return problem_response(409, "Conflict", str(refused), code=refused.code)
    return bad_request([_field_error(each) for each in refused.faults])


def _field_error(fault: OrderFault) -> FieldError:
    """Return a fault without what was sent."""
    one_of = f"must be one of {', '.join(fault.allowed)}" if fault.allowed else fault.sentence
    return FieldError(f"/{fault.member}" if fault.member else "", one_of)


def invalid_parameter(name: str, detail: str) -> web.Response:
    errors = [{"pointer": "", "detail": detail, "parameter": name}]
    return problem_response(400, "Bad Request", "the query is not what it should be", errors=errors)


def _summary(request: Request) -> dict[str, Any]:
    summary: dict[str, Any] = msgspec.to_builtins(summarise(request, day_of(clock.now())))
    return {name: value for name, value in summary.items() if name != "tenant"}


def _details(details: RequestDetails, letter: str) -> dict[str, Any]:
    kind = details.request.kind
    return _summary(details.request) | {
        "steps": details.steps,
        "copies": details.copies,
        "erasure": details.erasure,
        "letter": letter,
        "hasPerson": bool(details.names),
        "refusalGrounds": _grounds(REFUSALS, kind),
        "extensionGrounds": _grounds(EXTENSIONS, kind),
    }


def _grounds(table: tuple[Ground, ...], kind: str) -> list[dict[str, str]]:
    names = ("code", "article", "text")
    return [{name: getattr(each, name) for name in names} for each in table if kind in each.kinds]


def _shown(details: RequestDetails) -> ShownRange:
    """Return what is on the record of a view: in the person's newest conversation, as the steps
    are, unless it was destroyed."""
    places = details.request.conversations if details.steps else ()
    return ShownRange(
        conversation=places[-1] if places else "",
        department="",
        count=len(details.steps),
        first=0,
        last=0,
    )
