"""Routes by which people try and read the rules, for callers with a token.

The router decides for citizens meanwhile. So one answer at a time is worked out, beside its loop.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from router.api.requests import EXPLAIN, ExplainRequest
from router.explanation import Question, explain_message
from router.model.work import RoutingContext
from router.ruleset.version_view import view_version
from router.store.versions import (
    VersionSummary,
    find_version,
    list_versions,
    load_files,
    stand_for,
)
from services import clock
from services.api.json_body import FieldError, parse_body
from services.api.request_body import Refused, bad_request, read_json_body
from services.config import loader
from services.config.model import Configuration
from services.config.numbers import Number
from services.http.bearer_auth import Handler, parse_bearer, require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout

READ_ROLE: Role = "rules"
EXPLAIN_ROLES: tuple[Role, ...] = (READ_ROLE, "kcc")
VERSION = re.compile("[0-9a-f]{12}")
NO_NUMBER = "must be the id of a number of this municipality"
NO_VERSION = "there is no such version"
CHANGED = "what is kept of this version, or of the one before, is not what it was"
NO_PERSON = f"this takes the token of a person, with the role {READ_ROLE!r}"
NOT_YET = "the rules are not on record yet"
BUSY = "others are being answered"


class _Unready(Exception):
    """No answer is possible now; the message says why."""


class RuleRoutes:
    """`context` waits for the version in force."""

    def __init__(
        self,
        pool: Pool,
        context: Callable[[], Awaitable[RoutingContext]],
        keyring: TokenStore,
    ) -> None:
        self._pool, self._context, self._keyring = pool, context, keyring
        self._free = asyncio.Semaphore(1)

    def routes(self) -> list[web.RouteDef]:
        def guarded(handler: Handler, *roles: Role) -> Any:
            return require_token(_answering(handler), self._keyring, *roles)

        explain = guarded(self.explain, *EXPLAIN_ROLES)
        listed = guarded(self.list_versions, READ_ROLE)
        read = guarded(self.read_version, READ_ROLE)
        approve = guarded(self.approve, READ_ROLE)
        return [
            web.post("/v1/rules/_explain", explain),
            web.get("/v1/rules/versions", listed, allow_head=False),
            web.get("/v1/rules/versions/{id}", read, allow_head=False),
            web.post("/v1/rules/versions/{id}/_approve", approve),
        ]

    async def explain(self, request: web.Request, rights: Rights) -> web.Response:
        """POST /v1/rules/_explain: the decision about words of a citizen."""
        try:
            body = await read_json_body(request)
        except Refused as refused:
            return refused.answer
        asked = parse_body(body, EXPLAIN)
        if isinstance(asked, list):
            return bad_request(asked)
        context = await self._active()
        number = find_number(asked, rights.tenant, context.config)
        if number is None:
            return bad_request([FieldError("/number", NO_NUMBER)])
        question = Question(asked.text, number, asked.at or clock.now())
        async with self._turn():
            explanation = await asyncio.to_thread(explain_message, question, context)
        return json_response(explanation)

    async def list_versions(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/rules/versions: the versions, the newest first."""
        current = (await self._active()).version
        versions = await with_timeout(ANSWER_SECONDS, list_versions(self._pool, current))
        return json_response({"versions": versions})

    async def read_version(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/rules/versions/{id}: its files for this municipality, and what changed."""
        id, current = request.match_info["id"], (await self._active()).version
        if not VERSION.fullmatch(id):
            return problem_response(404, "Not Found", NO_VERSION)
        found = await with_timeout(ANSWER_SECONDS, find_version(self._pool, id, current))
        if found is None:
            return problem_response(404, "Not Found", NO_VERSION)
        summary, before = found
        async with self._turn():
            files = {each: await self._load(each) for each in (id, before) if each}
            body = await asyncio.to_thread(version_json, summary, before, files, rights.tenant)
        if body is None:
            return problem_response(500, "Internal Server Error", CHANGED)
        return json_response(body)

    async def approve(self, request: web.Request, rights: Rights) -> web.Response:
        """POST /v1/rules/versions/{id}/_approve: the person of the token stands for it."""
        id, current = request.match_info["id"], (await self._active()).version
        token = parse_bearer(request.headers.get("Authorization", ""))
        proof = await self._keyring.find_proof(token) if token and rights.person else None
        if proof is None:
            return problem_response(403, "Forbidden", NO_PERSON)
        if not VERSION.fullmatch(id):
            return problem_response(404, "Not Found", NO_VERSION)
        found = await with_timeout(ANSWER_SECONDS, find_version(self._pool, id, current))
        if found is None:
            return problem_response(404, "Not Found", NO_VERSION)
        approved = stand_for(self._pool, id, rights.person, proof)
        return json_response(await with_timeout(ANSWER_SECONDS, approved))

    async def _load(self, version: str) -> dict[str, str]:
        return await with_timeout(ANSWER_SECONDS, load_files(self._pool, version)) or {}

    async def _active(self) -> RoutingContext:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._context()
        except TimeoutError:
            raise _Unready(NOT_YET) from None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until no other answer is worked out, and keep the next one waiting."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise _Unready(BUSY) from None
        try:
            yield
        finally:
            self._free.release()


def _answering(handler: Handler) -> Handler:
    async def answer(request: web.Request, rights: Rights) -> web.StreamResponse:
        try:
            return await handler(request, rights)
        except _Unready as reason:
            return service_unavailable(str(reason))

    return answer


def find_number(asked: ExplainRequest, tenant: str, config: Configuration) -> Number | None:
    """Return the number that is asked about, or the first one; None if the municipality has none
    such."""
    own = (number for number in config.numbers if number.tenant == tenant)
    return next((number for number in own if asked.number in (None, number.id)), None)


def version_json(
    summary: VersionSummary,
    before: str | None,
    files: dict[str, dict[str, str]],
    tenant: str,
) -> dict[str, Any] | None:
    """Return a version as JSON for a municipality; None if files have another hash than their
    version. `files` are those of the version and of the one before."""
    if any(loader.version(each) != version for version, each in files.items()):
        return None
    view = view_version(files[summary.version], files[before or summary.version], tenant)
    shown: dict[str, Any] = msgspec.to_builtins(summary)
    return shown | {"before": before} | msgspec.structs.asdict(view)
