"""Routes of Open Klant: authentication, responses, and failures of responses."""

from typing import Any

import msgspec
from aiohttp import web

from sandbox.openklant import error_responses, writes
from sandbox.openklant.error_responses import BASE, VERSION, Refusal
from sandbox.openklant.fault_injection import break_response, reject
from sandbox.openklant.latency import Workers, work_seconds
from sandbox.openklant.modes import Mode, Modes
from sandbox.openklant.pagination import list_page, row_json
from sandbox.openklant.request_body import Unreadable, parse
from sandbox.openklant.schema import RESOURCES, TOGETHER
from sandbox.openklant.serializers import Serializer
from sandbox.openklant.store import Conflict, Row, Store
from sandbox.openklant.writes import CheckedWrite, Stamp
from services import clock
from services.http.body import read_body
from services.http.problems import json_response

BODY_BYTES = 256 * 1024
"""Several times the largest contact: 6,000 characters of text, and metadata."""
BODY_SECONDS = 30.0
ON_ALL = ("GET", "HEAD", "POST")
ON_ONE = ("GET", "HEAD", "PUT", "PATCH", "DELETE")


class OpenKlant:
    def __init__(self, token: str, store: Store, modes: Modes, workers: Workers) -> None:
        self._token = token
        self._store, self._modes, self._workers = store, modes, workers

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", BASE + "/{resource}", self._serve),
            web.route("*", BASE + "/{resource}/{uuid}", self._serve),
        ]

    async def _serve(self, request: web.Request) -> web.Response:
        resource, uuid = path_parts(request)
        if resource not in RESOURCES and (resource != TOGETHER or uuid):
            return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")
        mode = self._modes.current(resource, request.method)
        await self._modes.delay(mode)
        refused = reject(request, mode)
        if isinstance(refused, web.Response):
            return refused
        response = await self._answer(request, mode, refused)
        response.headers.update(VERSION)
        return break_response(request, mode, response)

    async def _answer(
        self, request: web.Request, mode: Mode, refused: Refusal | None
    ) -> web.Response:
        resource, uuid = path_parts(request)
        try:
            body = await read_body(request, BODY_BYTES, BODY_SECONDS)
        except TimeoutError:
            return web.Response(status=408)
        if body is None:
            return web.Response(status=413)
        if refused := refused or self._refusal(request, body):
            return refusal_response(request, refused)
        work = work_seconds(request.method, resource, single=bool(uuid))
        async with self._workers.worker(work) as done:
            plan = self._plan(request, body)
            if isinstance(plan, CheckedWrite):
                await self._modes.wait_for_others(mode, resource, plan.number)
            await done()
            return self._carry_out(request, plan)

    def _refusal(self, request: web.Request, body: bytes) -> Refusal | None:
        """Return why the request is not processed, checked in the server's order; None if it is."""
        if not error_responses.accepts_json(request.headers.get("Accept", "")):
            return error_responses.NOT_ACCEPTABLE
        if refusal := error_responses.authentication_refusal(
            request.headers.get("Authorization", ""), self._token
        ):
            return refusal
        resource, uuid = path_parts(request)
        allowed = ON_ONE if uuid else ("POST",) if resource == TOGETHER else ON_ALL
        if request.method not in allowed:
            return error_responses.not_allowed(request.method, ", ".join(allowed))
        is_write = request.method in {"POST", "PUT", "PATCH"}
        if is_write and as_uwsgi(request, body) and request.content_type != "application/json":
            return error_responses.unsupported(request.content_type)
        return None

    def _plan(self, request: web.Request, body: bytes) -> Refusal | CheckedWrite | Row | None:
        """Check the request against the rows as they are now, and return what to do."""
        resource, uuid = path_parts(request)
        existing = self._store.get(resource, uuid) if uuid else None
        if uuid and existing is None:
            return error_responses.NOT_FOUND
        if request.method not in {"POST", "PUT", "PATCH"}:
            return existing
        try:
            values = parse(as_uwsgi(request, body))
        except Unreadable:
            return error_responses.UNREADABLE
        partial = request.method == "PATCH"
        checked = writes.check_write(self._store, resource, values, existing, partial=partial)
        return checked if isinstance(checked, CheckedWrite) else error_responses.invalid(*checked)

    def _carry_out(
        self, request: web.Request, plan: Refusal | CheckedWrite | Row | None
    ) -> web.Response:
        """Carry out the plan against the rows as they are after the delay."""
        if isinstance(plan, Refusal):
            return refusal_response(request, plan)
        try:
            if isinstance(plan, CheckedWrite):
                return self._write(request, plan)
            return self._read_or_remove(request, plan)
        except Conflict:
            return refusal_response(request, error_responses.BROKEN)

    def _write(self, request: web.Request, checked: CheckedWrite) -> web.Response:
        serializer, at = self._serializer(request), clock.now()
        if checked.uuid:
            if not self._store.exists(checked.resource, checked.uuid):
                return refusal_response(request, error_responses.NOT_FOUND)
            row = writes.change(self._store, checked, at)
            return json_response(serializer.serialize(checked.resource, row))
        stamp = Stamp(at, lambda: str(clock.new_id()))
        if checked.resource == TOGETHER:
            rows = writes.create_together(self._store, checked, stamp)
            return json_response(serializer.serialize_together(rows), 201)
        row = writes.create(self._store, checked, stamp)
        row_data = serializer.serialize(checked.resource, row)
        return json_response(row_data, 201, {"Location": row_data["url"]})

    def _read_or_remove(self, request: web.Request, row: Row | None) -> web.Response:
        resource, uuid = path_parts(request)
        if row is None:
            return respond(request, list_page(self._serializer(request), resource, request.url))
        if not self._store.exists(resource, uuid):
            return refusal_response(request, error_responses.NOT_FOUND)
        if request.method == "DELETE":
            self._store.remove(resource, uuid)
            return web.Response(status=204)
        return respond(request, row_json(self._serializer(request), resource, row, request.url))

    def _serializer(self, request: web.Request) -> Serializer:
        return Serializer(self._store, str(request.url.origin()) + BASE)


def path_parts(request: web.Request) -> tuple[str, str]:
    return request.match_info["resource"], request.match_info.get("uuid", "").lower()


def as_uwsgi(request: web.Request, body: bytes) -> bytes:
    """Return the body as the server gets it through uwsgi: nothing of a chunked body."""
    return b"" if "Transfer-Encoding" in request.headers else body


def respond(request: web.Request, body: msgspec.Struct | dict[str, Any]) -> web.Response:
    return refusal_response(request, body) if isinstance(body, Refusal) else json_response(body)


def refusal_response(request: web.Request, refused: Refusal) -> web.Response:
    origin = str(request.url.origin())
    body = error_responses.problem_body(refused, origin, str(clock.new_id()))
    return json_response(body, refused.status, refused.headers)
