"""Routes of Open Klant: authentication, responses, and failures of responses."""

from typing import Any

import msgspec
from aiohttp import web

from sandbox.openklant import error_responses, writes
from sandbox.openklant.error_responses import BASE, VERSION, Refusal
from sandbox.openklant.fault_injection import failed, spoiled
from sandbox.openklant.latency import Workers, seconds
from sandbox.openklant.modes import Mode, Modes
from sandbox.openklant.pagination import one, page
from sandbox.openklant.request_body import Unreadable, parsed
from sandbox.openklant.schema import RESOURCES, TOGETHER
from sandbox.openklant.serializers import Views
from sandbox.openklant.store import Row, Store, Taken
from sandbox.openklant.writes import Checked, Stamp
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
        resource, uuid = where(request)
        if resource not in RESOURCES and (resource != TOGETHER or uuid):
            return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")
        mode = self._modes.current(resource, request.method)
        await self._modes.before(mode)
        refused = spoiled(request, mode)
        if isinstance(refused, web.Response):
            return refused
        answer = await self._answer(request, mode, refused)
        answer.headers.update(VERSION)
        return failed(request, mode, answer)

    async def _answer(
        self, request: web.Request, mode: Mode, refused: Refusal | None
    ) -> web.Response:
        resource, uuid = where(request)
        try:
            body = await read_body(request, BODY_BYTES, BODY_SECONDS)
        except TimeoutError:
            return web.Response(status=408)
        if body is None:
            return web.Response(status=413)
        if refused := refused or self._unwelcome(request, body):
            return refusal(request, refused)
        work = seconds(request.method, resource, single=bool(uuid))
        async with self._workers.worker(work) as done:
            plan = self._look(request, body)
            if isinstance(plan, Checked):
                await self._modes.meet(mode, resource, plan.number)
            await done()
            return self._act(request, plan)

    def _unwelcome(self, request: web.Request, body: bytes) -> Refusal | None:
        """Return why the request is not processed, checked in the server's order; None if it is."""
        if not error_responses.acceptable(request.headers.get("Accept", "")):
            return error_responses.NOT_ACCEPTABLE
        if stranger := error_responses.stranger(
            request.headers.get("Authorization", ""), self._token
        ):
            return stranger
        resource, uuid = where(request)
        allowed = ON_ONE if uuid else ("POST",) if resource == TOGETHER else ON_ALL
        if request.method not in allowed:
            return error_responses.not_allowed(request.method, ", ".join(allowed))
        writes = request.method in {"POST", "PUT", "PATCH"}
        if writes and as_uwsgi(request, body) and request.content_type != "application/json":
            return error_responses.unsupported(request.content_type)
        return None

    def _look(self, request: web.Request, body: bytes) -> Refusal | Checked | Row | None:
        """Check the request against the rows as they are now, and return what to do."""
        resource, uuid = where(request)
        before = self._store.get(resource, uuid) if uuid else None
        if uuid and before is None:
            return error_responses.NOT_FOUND
        if request.method not in {"POST", "PUT", "PATCH"}:
            return before
        try:
            brought = parsed(as_uwsgi(request, body))
        except Unreadable:
            return error_responses.UNREADABLE
        partial = request.method == "PATCH"
        found = writes.check(self._store, resource, brought, before, partial=partial)
        return found if isinstance(found, Checked) else error_responses.invalid(*found)

    def _act(self, request: web.Request, plan: Refusal | Checked | Row | None) -> web.Response:
        """Carry out the plan against the rows as they are after the delay."""
        if isinstance(plan, Refusal):
            return refusal(request, plan)
        try:
            if isinstance(plan, Checked):
                return self._store_it(request, plan)
            return self._read_or_remove(request, plan)
        except Taken:
            return refusal(request, error_responses.BROKEN)

    def _store_it(self, request: web.Request, checked: Checked) -> web.Response:
        views, at = self._views(request), clock.now()
        if checked.uuid:
            if not self._store.exists(checked.resource, checked.uuid):
                return refusal(request, error_responses.NOT_FOUND)
            row = writes.change(self._store, checked, at)
            return json_response(views.whole(checked.resource, row))
        stamp = Stamp(at, lambda: str(clock.new_id()))
        if checked.resource == TOGETHER:
            made = writes.create_together(self._store, checked, stamp)
            return json_response(views.together(made), 201)
        row = writes.create(self._store, checked, stamp)
        shown = views.whole(checked.resource, row)
        return json_response(shown, 201, {"Location": shown["url"]})

    def _read_or_remove(self, request: web.Request, row: Row | None) -> web.Response:
        resource, uuid = where(request)
        if row is None:
            return told(request, page(self._views(request), resource, request.url))
        if not self._store.exists(resource, uuid):
            return refusal(request, error_responses.NOT_FOUND)
        if request.method == "DELETE":
            self._store.remove(resource, uuid)
            return web.Response(status=204)
        return told(request, one(self._views(request), resource, row, request.url))

    def _views(self, request: web.Request) -> Views:
        return Views(self._store, str(request.url.origin()) + BASE)


def where(request: web.Request) -> tuple[str, str]:
    return request.match_info["resource"], request.match_info.get("uuid", "").lower()


def as_uwsgi(request: web.Request, body: bytes) -> bytes:
    """Return the body as the server gets it through uwsgi: nothing of a chunked body."""
    return b"" if "Transfer-Encoding" in request.headers else body


def told(request: web.Request, found: msgspec.Struct | dict[str, Any]) -> web.Response:
    return refusal(request, found) if isinstance(found, Refusal) else json_response(found)


def refusal(request: web.Request, refused: Refusal) -> web.Response:
    origin = str(request.url.origin())
    body = error_responses.problem(refused, origin, str(clock.new_id()))
    return json_response(body, refused.status, refused.headers)
