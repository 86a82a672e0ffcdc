"""Routes of the stand-in: tokens, reports, their notes and their attachments."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from aiohttp import BasicAuth, BodyPartReader, web

from sandbox.failure_mode import FailureMode, FailureSwitch, break_connection
from sandbox.signalen.report_rules import (
    Lists,
    attachment_errors,
    change_errors,
    report_errors,
)
from services import clock
from services.http.body import read_body

BASE = "/signals/v1"
REPORTS = f"{BASE}/private/signals"
BODY_BYTES, BODY_SECONDS = 1024 * 1024, 60.0
"""Largest JSON body; attachments are read apart."""
PAGE = 100
"""Default size of a page (settings.py, PAGE_SIZE)."""
STATUSES = {
    "unauthorized": 401, "forbidden": 403, "missing": 404, "too-many": 429, "broken": 500,
    "away": 503,
}  # fmt: skip


class SignalenMode(FailureMode, frozen=True):
    """lost: carries out, but breaks the connection before the response; reset: breaks the
    connection at once; the others answer so and do nothing."""

    mode: Literal[
        "ok", "hang", "slow", "reset", "lost",
        "unauthorized", "forbidden", "missing", "too-many", "broken", "away",
    ] = "ok"  # fmt: skip
    method: str = ""
    """Method that it applies to; '' for all."""
    path: str = ""
    """End of the paths that it applies to; '' for all."""

    def applies_to(self, request: web.Request) -> bool:
        is_there = request.path.rstrip("/").endswith(self.path)
        return self.method in ("", request.method) and is_there


Handler = Callable[[web.Request], Awaitable[web.Response]]


class Signalen:
    """A Signalen with one account, whose token is got by client credentials."""

    def __init__(self, client_id: str, secret: str, lists: Lists | None = None) -> None:
        self._client = (client_id, secret)
        self.token = f"token-{clock.new_id()}"
        self.lists = lists or Lists()
        self.failures = FailureSwitch(SignalenMode)
        self.reports: list[dict[str, Any]] = []
        self.files: dict[int, list[tuple[str, bytes]]] = {}
        """Id of a report -> names and bytes of its attachments."""
        self.calls: list[tuple[str, str]] = []
        """Method and path of each request that was let in."""

    def routes(self) -> list[web.RouteDef]:
        one, files = REPORTS + "/{id:[0-9]+}", REPORTS + "/{id:[0-9]+}/attachments"
        table: Sequence[tuple[str, str, Handler]] = (
            ("GET", REPORTS, self._list_reports),
            ("POST", REPORTS, self._create),
            ("GET", one, self._show),
            ("PATCH", one, self._change),
            ("GET", files, self._list_files),
            ("POST", files, self._attach),
        )
        return [
            web.post("/token", self._give_token),
            web.post("/signalen/mode", self.failures.set_mode),
            *(
                web.route(method, path + slash, self._serve(handler))
                for method, path, handler in table
                for slash in ("", "/")
            ),
        ]

    def _serve(self, answer: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            mode = self.failures.take(lambda mode: mode.applies_to(request))
            await self.failures.delay(mode)
            if mode.mode == "reset":
                return break_connection(request)
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                return _json(401, {"detail": "Login failed"})
            if status := STATUSES.get(mode.mode):
                return _json(status, {"detail": mode.mode})
            self.calls.append((request.method, request.path))
            response = await answer(request)
            return break_connection(request) if mode.mode == "lost" else response

        return serve

    async def _give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        shown = BasicAuth.decode(request.headers.get("Authorization", "Basic Og=="))
        if form.get("grant_type") != "client_credentials" or (
            (shown.login, shown.password) != self._client
        ):
            return _json(401, {"error": "invalid_client"})
        given = {"access_token": self.token, "token_type": "Bearer", "expires_in": 300}
        return _json(200, given)

    async def _list_reports(self, request: web.Request) -> web.Response:
        after, before = (request.query.get(f"created_{end}") for end in ("after", "before"))
        found = [
            report
            for report in self.reports
            if (not after or _moment(report["created_at"]) >= _moment(after))
            and (not before or _moment(report["created_at"]) <= _moment(before))
        ]
        if request.query.get("ordering") != "created_at":
            found.reverse()  # the newest first, unless another order is asked for
        return _page(request, found)

    async def _create(self, request: web.Request) -> web.Response:
        body = await _read(request)
        if body is None:
            return _json(400, {"detail": "JSON parse error"})
        if "notes" in body:  # the serializer passes it to the model, which fails
            return _json(500, {"detail": "Server Error (500)"})
        if errors := report_errors(body, self.lists):
            return _json(400, errors)
        self.reports.append(self._made(request, body))
        return _json(201, self.reports[-1])

    def _made(self, request: web.Request, body: dict[str, Any]) -> dict[str, Any]:
        """Return a report as it is shown, as far as anyone here reads it."""
        id, now = len(self.reports) + 1, clock.now().isoformat()
        main, _, sub = (
            str(next(iter(body["category"].values()))).rstrip("/").rpartition("/sub_categories/")
        )
        given = {"priority": {"priority": "normal"}, "source": "online", "extra_properties": None}
        return given | {
            "_links": {"self": {"href": f"{request.scheme}://{request.host}{REPORTS}/{id}"}},
            "_display": f"{id} - m - None - {now}",
            "id": id,
            "id_display": f"SIG-{id}",
            "signal_id": str(clock.new_id()),
            "status": {"state": "m", "state_display": "Gemeld"},
            "created_at": now,
            "updated_at": now,
            "has_attachments": False,
            "notes": [],
            **body,
            "text": body["text"].strip(),
            "category": {"main_slug": main.rpartition("/")[2], "sub_slug": sub},
        }

    async def _show(self, request: web.Request) -> web.Response:
        report = self._find(request)
        return _json(200, report) if report else _absent()

    async def _change(self, request: web.Request) -> web.Response:
        report, body = self._find(request), await _read(request)
        if report is None:
            return _absent()
        if body is None:
            return _json(400, {"detail": "JSON parse error"})
        if errors := change_errors(body):
            return _json(400, errors)
        if "location" in body:
            report["location"] = body["location"]
        for note in body.get("notes", [])[:1]:  # one a request: `notes[0]` in managers.py
            report["notes"].insert(0, {"text": note["text"].strip(), "created_by": "postkamer"})
        report["updated_at"] = clock.now().isoformat()
        return _json(200, report)

    async def _list_files(self, request: web.Request) -> web.Response:
        report = self._find(request)
        if report is None:
            return _absent()
        return _page(request, [_file(name) for name, _ in self.files.get(report["id"], [])])

    async def _attach(self, request: web.Request) -> web.Response:
        report = self._find(request)
        if report is None:
            return _absent()
        part = await (await request.multipart()).next()
        if not isinstance(part, BodyPartReader) or part.name != "file":
            return _json(400, {"file": ["Er is geen bestand opgestuurd."]})
        name, content = part.filename or "", bytes(await part.read())
        if errors := attachment_errors(name, content):
            return _json(400, errors)
        self.files.setdefault(report["id"], []).append((name, content))
        report["has_attachments"] = True
        report["notes"].insert(0, {"text": f"Bijlage toegevoegd: {name}", "created_by": None})
        return _json(201, _file(name))

    def _find(self, request: web.Request) -> dict[str, Any] | None:
        id = int(request.match_info["id"])
        return next((report for report in self.reports if report["id"] == id), None)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _file(name: str) -> dict[str, Any]:
    location = f"http://media.example/signals/media/attachments/2026/11/25/{name}"
    return {"location": location, "is_image": not name.endswith(".pdf"), "caption": None}


async def _read(request: web.Request) -> dict[str, Any] | None:
    body = await read_body(request, BODY_BYTES, BODY_SECONDS)
    try:
        return msgspec.json.decode(body or b"", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _page(request: web.Request, rows: Sequence[Any]) -> web.Response:
    """Return a page as `drf-amsterdam` makes it."""
    size, number = (
        int(request.query.get(name, default))
        for name, default in (("page_size", PAGE), ("page", 1))
    )
    end = size * number
    following = str(request.url.update_query(page=str(number + 1))) if end < len(rows) else None
    links = {"self": {"href": str(request.url)}, "next": {"href": following}}
    shown = rows[end - size : end]
    return _json(200, {"_links": links, "count": len(rows), "results": shown})


def _absent() -> web.Response:
    return _json(404, {"detail": "No Signal matches the given query."})


def _json(status: int, value: Any) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json")
