"""Routes of Open Klant: authentication, responses, and failures of responses."""

from collections.abc import Mapping

from aiohttp import web

from sandbox.failure_mode import FailureSwitch
from sandbox.openklant import error_responses, writes
from sandbox.openklant.error_responses import BASE, Refusal
from sandbox.openklant.latency import Workers, work_seconds
from sandbox.openklant.lists import EXPANDABLE, list_page, read_expansion, refuse_unknown
from sandbox.openklant.modes import OpenKlantMode, Races, break_response, reject
from sandbox.openklant.request_body import Unreadable, parse
from sandbox.openklant.schema import RESOURCES, TOGETHER
from sandbox.openklant.serializers import Json, Serializer
from sandbox.openklant.store import Conflict, Row, Store
from sandbox.openklant.versions import API_VERSIONS
from sandbox.openklant.writes import CheckedWrite, NumbersExhausted, Stamp
from services import clock
from services.http.body import read_body
from services.http.problems import json_response

BODY_BYTES = 256 * 1024
"""Several times the largest contact: 6,000 characters of text, and metadata."""
BODY_SECONDS = 30.0
WRITES = frozenset({"POST", "PATCH"})

Plan = Refusal | CheckedWrite | None
"""Refusal or checked write of a request; None for a request that reads or removes."""


class OpenKlant:
    def __init__(
        self, token: str, store: Store, failures: FailureSwitch[OpenKlantMode], workers: Workers
    ) -> None:
        self._token = token
        self._store, self._failures, self._workers = store, failures, workers
        self._races = Races()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", BASE + "/{resource}", self._serve),
            web.route("*", BASE + "/{resource}/{uuid}", self._serve),
        ]

    async def _serve(self, request: web.Request) -> web.Response:
        resource, uuid = path_parts(request)
        if resource not in RESOURCES and (resource != TOGETHER or uuid):
            return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")
        mode = self._failures.take(lambda mode: mode.applies_to(resource, request.method))
        await self._failures.delay(mode)
        refused = reject(request, mode)
        if isinstance(refused, web.Response):
            return refused
        response = await self._answer(request, mode, refused)
        response.headers["API-version"] = API_VERSIONS[self._store.version]
        return break_response(request, mode, response)

    async def _answer(
        self, request: web.Request, mode: OpenKlantMode, refused: Refusal | None
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
            if mode.mode == "race" and isinstance(plan, CheckedWrite) and plan.number:
                await self._races.join(resource, plan.number, mode.together)
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
        on_all = ("POST",) if resource == TOGETHER else ("GET", "POST")
        allowed = ("GET", "PATCH", "DELETE") if uuid else on_all
        if request.method not in allowed:
            return error_responses.not_allowed(request.method, ", ".join(allowed))
        has_body = request.method in WRITES and as_uwsgi(request, body)
        if has_body and request.content_type != "application/json":
            return error_responses.unsupported(request.content_type)
        return None

    def _plan(self, request: web.Request, body: bytes) -> Plan:
        """Check the request against the rows as they are now, and return what to do."""
        resource, uuid = path_parts(request)
        existing = self._store.get(resource, uuid) if uuid else None
        if uuid and existing is None:
            return error_responses.NOT_FOUND
        if request.method not in WRITES:
            return None
        try:
            values = parse(as_uwsgi(request, body))
        except Unreadable:
            return error_responses.UNREADABLE
        try:
            checked = writes.check_write(self._store, resource, values, existing)
        except NumbersExhausted:
            return error_responses.EXHAUSTED
        return checked if isinstance(checked, CheckedWrite) else error_responses.invalid(*checked)

    def _carry_out(self, request: web.Request, plan: Plan) -> web.Response:
        """Carry out the plan against the rows as they are after the delay."""
        resource, uuid = path_parts(request)
        if isinstance(plan, Refusal):
            return refusal_response(request, plan)
        if uuid and not self._store.exists(resource, uuid):
            return refusal_response(request, error_responses.NOT_FOUND)
        if plan is None:
            return self._read_or_remove(request)
        try:
            return self._write(request, plan)
        except Conflict:
            return refusal_response(request, error_responses.BROKEN)

    def _write(self, request: web.Request, checked: CheckedWrite) -> web.Response:
        serializer, at = self._serializer(request), clock.now()
        if checked.uuid:
            row = writes.change(self._store, checked, at)
            return json_response(serializer.serialize(checked.resource, row))
        stamp = Stamp(at, lambda: str(clock.new_id()))
        if checked.resource == TOGETHER:
            rows = writes.create_together(self._store, checked, stamp)
            return json_response(serializer.serialize_together(rows), 201)
        row = writes.create(self._store, checked, stamp)
        row_data = serializer.serialize(checked.resource, row)
        return json_response(row_data, 201, {"Location": row_data["url"]})

    def _read_or_remove(self, request: web.Request) -> web.Response:
        resource, uuid = path_parts(request)
        row = self._store.get(resource, uuid)
        if row and request.method == "DELETE":
            return self._remove(request, resource, row)
        serializer = self._serializer(request)
        found = (
            read_one(serializer, resource, row, request.query)
            if row
            else list_page(serializer, resource, request.url)
        )
        return (
            refusal_response(request, found) if isinstance(found, Refusal) else json_response(found)
        )

    def _remove(self, request: web.Request, resource: str, row: Row) -> web.Response:
        if resource != "onderwerpobjecten" or request.query.get("cascade", "").lower() != "true":
            self._store.remove(resource, row["uuid"])
            return web.Response(status=204)
        link = self._serializer(request).link
        kept = writes.remove_with_contacts(self._store, row)
        return json_response({"behouden": [link("klantcontacten", uuid)["url"] for uuid in kept]})

    def _serializer(self, request: web.Request) -> Serializer:
        return Serializer(self._store, str(request.url.origin()) + BASE)


def read_one(
    serializer: Serializer, resource: str, row: Row, query: Mapping[str, str]
) -> Json | Refusal:
    """Return the response to GET on a row."""
    known = {"expand"} if resource in EXPANDABLE else set[str]()
    if refusal := refuse_unknown(query, known):
        return refusal
    paths = read_expansion(resource, query)
    if isinstance(paths, Refusal):
        return paths
    expansion = {"_expand": serializer.expand(resource, row, paths)} if paths else {}
    return serializer.serialize(resource, row) | expansion


def path_parts(request: web.Request) -> tuple[str, str]:
    return request.match_info["resource"], request.match_info.get("uuid", "").lower()


def as_uwsgi(request: web.Request, body: bytes) -> bytes:
    """Return the body as the server gets it through uwsgi: nothing of a chunked body."""
    return b"" if "Transfer-Encoding" in request.headers else body


def refusal_response(request: web.Request, refused: Refusal) -> web.Response:
    origin = str(request.url.origin())
    body = error_responses.problem_body(refused, origin, str(clock.new_id()))
    return json_response(body, refused.status, refused.headers)
