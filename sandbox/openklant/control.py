"""The stand-in as a whole, and the routes by which tests set its mode and pace and read it."""

from typing import Annotated

import msgspec
from aiohttp import web

from sandbox.failure_mode import FailureSwitch
from sandbox.openklant.latency import Workers
from sandbox.openklant.modes import OpenKlantMode
from sandbox.openklant.routes import OpenKlant
from sandbox.openklant.store import CONTACTS_KEPT, Store
from sandbox.openklant.summary import summary
from sandbox.openklant.versions import NEWEST, Version
from services.http.problems import json_response, problem_response

MAX_LISTED = 1_000
"""Contacts in a summary without the parameter `last`."""
SLOWEST = 100.0


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /openklant/pace."""

    factor: Annotated[float, msgspec.Meta(ge=0, le=SLOWEST)]
    """Factor by which it is slower than the measured real server; 0 is without delay."""


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /openklant/version: an upgrade or a roll-back, which keeps all rows."""

    version: Version


class Control:
    def __init__(self, token: str, version: Version = NEWEST) -> None:
        self.failures = FailureSwitch(OpenKlantMode)
        self._store, self._workers = Store(), Workers()
        self._store.version = version
        self._api = OpenKlant(token, self._store, self.failures, self._workers)

    def routes(self) -> list[web.RouteDef]:
        return [
            *self._api.routes(),
            web.get("/openklant/summary", self._summary),
            web.delete("/openklant/summary", self._clear),
            web.post("/openklant/mode", self.failures.set_mode),
            web.post("/openklant/version", self._set_version),
            web.get("/openklant/pace", self._pace),
            web.post("/openklant/pace", self._set_pace),
        ]

    async def _summary(self, request: web.Request) -> web.Response:
        last = request.query.get("last", str(MAX_LISTED))
        if not last.isdecimal() or not 1 <= int(last) <= CONTACTS_KEPT:
            return problem_response(400, f"last: expected a whole number from 1 to {CONTACTS_KEPT}")
        state = {
            "mode": self.failures.mode.mode,
            "pace": self._workers.factor,
            "version": self._store.version,
        }
        return json_response(summary(self._store, int(last)) | state)

    async def _clear(self, _: web.Request) -> web.Response:
        self._store.clear()
        return web.Response(status=204)

    async def _pace(self, _: web.Request) -> web.Response:
        return json_response(self._workers.measure())

    async def _set_pace(self, request: web.Request) -> web.Response:
        try:
            pace = msgspec.json.decode(await request.read(), type=Pace)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this pace is not possible", str(error))
        self._workers.set_factor(pace.factor)
        return json_response(pace)

    async def _set_version(self, request: web.Request) -> web.Response:
        try:
            release = msgspec.json.decode(await request.read(), type=Release)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this version is not known", str(error))
        self._store.version = release.version
        return json_response(release)
