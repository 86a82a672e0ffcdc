"""Routes of the stand-in: documents, zaken, and documents with their zaak."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from aiohttp import web

from sandbox.failure_mode import FailureMode, FailureSwitch, break_connection
from sandbox.zgw.document import Fault, document_faults
from sandbox.zgw.token import token_fault
from services import clock
from services.http.body import read_body

DOCUMENTS = "/documenten/api/v1/enkelvoudiginformatieobjecten"
ZAKEN = "/zaken/api/v1"
BODY_BYTES, BODY_SECONDS = 64 * 1024 * 1024, 60.0
"""Largest body: a transcript in base64. The standard has a provider take 4 GiB."""
CRS = "EPSG:4326"
STATUSES = {"unauthorized": 401, "forbidden": 403, "too-many": 429, "away": 503}


class ZgwMode(FailureMode, frozen=True):
    """lost: stores, but breaks the connection before the response; hidden: lists no document, as
    one whose index is behind; reset: breaks the connection at once; the others answer so."""

    mode: Literal[
        "ok", "hang", "slow", "reset", "lost", "hidden",
        "unauthorized", "forbidden", "too-many", "away",
    ] = "ok"  # fmt: skip
    method: str = ""
    """Method that it applies to; '' for all."""

    def applies_to(self, method: str) -> bool:
        return self.method in ("", method)


class ZgwProvider:
    """A provider with one client. `types` are the addresses of types of documents."""

    def __init__(self, client_id: str, secret: str, types: frozenset[str]) -> None:
        self._client_id, self._secret, self._types = client_id, secret, types
        self.failures = FailureSwitch(ZgwMode)
        self.documents: dict[str, dict[str, Any]] = {}
        """Address -> document, with its content."""
        self.zaken: dict[str, dict[str, Any]] = {}
        """Address -> zaak."""
        self.relations: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        """Method and path of each request that was let in."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(DOCUMENTS, self._serve(self._list_documents), allow_head=False),
            web.post(DOCUMENTS, self._serve(self._create_document)),
            web.get(f"{ZAKEN}/zaken", self._serve(self._list_zaken), allow_head=False),
            web.get(
                f"{ZAKEN}/zaakinformatieobjecten", self._serve(self._list_relations),
                allow_head=False,
            ),
            web.post(f"{ZAKEN}/zaakinformatieobjecten", self._serve(self._create_relation)),
            web.post("/zgw/mode", self.failures.set_mode),
        ]  # fmt: skip

    def add_zaak(self, origin: str, number: str, rsin: str) -> str:
        """Add a zaak, and return its address."""
        url = f"{origin}{ZAKEN}/zaken/{clock.new_id()}"
        self.zaken[url] = {"url": url, "identificatie": number, "bronorganisatie": rsin}
        return url

    def _serve(self, answer: Any) -> Any:
        async def serve(request: web.Request) -> web.StreamResponse:
            mode = self.failures.take(lambda mode: mode.applies_to(request.method))
            await self.failures.delay(mode)
            if mode.mode == "reset":
                return break_connection(request)
            header = request.headers.get("Authorization", "")
            now = clock.now().timestamp()
            if fault := token_fault(header, self._client_id, self._secret, now):
                return _problem(403, "not_authenticated", fault)
            if status := STATUSES.get(mode.mode):
                return _problem(status, mode.mode, mode.mode)
            self.calls.append((request.method, request.path))
            body = await read_body(request, BODY_BYTES, BODY_SECONDS)
            if body is None:
                return _problem(413, "too_large", "Te groot.")
            response: web.StreamResponse = answer(request, body, mode)
            return break_connection(request) if mode.mode == "lost" else response

        return serve

    def _list_documents(self, request: web.Request, _: bytes, mode: ZgwMode) -> web.Response:
        if unknown := set(request.query) - {"identificatie", "bronorganisatie", "page"}:
            return _invalid([Fault(name, "unknown-parameters", "") for name in sorted(unknown)])
        found = [] if mode.mode == "hidden" else _matching(self.documents.values(), request.query)
        shown = [{k: v for k, v in each.items() if k != "inhoud"} for each in found]
        return _page(shown)

    def _create_document(self, request: web.Request, body: bytes, _: ZgwMode) -> web.Response:
        fields = _read(body)
        if fields is None:
            return _problem(400, "parse_error", "Geen JSON.")
        faults = document_faults(fields, self._types)
        names = {name: fields.get(name, "") for name in ("identificatie", "bronorganisatie")}
        if names["identificatie"] and _matching(self.documents.values(), names):
            faults.append(Fault("identificatie", "identificatie-niet-uniek", "Bestaat al."))
        if faults:
            return _invalid(faults)
        url = f"{request.scheme}://{request.host}{DOCUMENTS}/{clock.new_id()}"
        given = {"url": url, "versie": 1, "locked": False, "bestandsdelen": []}
        self.documents[url] = {**fields, **given}
        shown = {name: value for name, value in self.documents[url].items() if name != "inhoud"}
        return _json(201, shown)

    def _list_zaken(self, request: web.Request, _: bytes, mode: ZgwMode) -> web.Response:
        if request.headers.get("Accept-Crs") != CRS:
            return _problem(406, "not_acceptable", "Accept-Crs ontbreekt.")
        return _page(_matching(self.zaken.values(), request.query))

    def _list_relations(self, request: web.Request, _: bytes, mode: ZgwMode) -> web.Response:
        return _json(200, _matching(self.relations, request.query))

    def _create_relation(self, request: web.Request, body: bytes, _: ZgwMode) -> web.Response:
        fields = _read(body)
        if fields is None:
            return _problem(400, "parse_error", "Geen JSON.")
        names = {name: fields.get(name, "") for name in ("zaak", "informatieobject")}
        faults = [Fault(name, "required", "") for name, value in names.items() if not value]
        known = {"zaak": self.zaken, "informatieobject": self.documents}
        faults += [
            Fault(name, "no_match", "Bestaat niet.")
            for name, value in names.items()
            if value and value not in known[name]
        ]
        if not faults and _matching(self.relations, names):
            faults = [Fault("nonFieldErrors", "unique", "Moet een unieke set zijn.")]
        if faults:
            return _invalid(faults)
        url = f"{request.scheme}://{request.host}{request.path}/{clock.new_id()}"
        self.relations.append({"url": url, **fields})
        return _json(201, self.relations[-1])


def _matching(rows: Any, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = {name: value for name, value in query.items() if name != "page"}
    return [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _json(status: int, value: Any) -> web.Response:
    headers = {"API-version": "1.4.0"}
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _page(rows: Sequence[Any]) -> web.Response:
    return _json(200, {"count": len(rows), "next": None, "previous": None, "results": rows})


def _problem(status: int, code: str, detail: str, **more: Any) -> web.Response:
    fields = {"type": "about:blank", "code": code, "title": code, "status": status}
    fields |= {"detail": detail, "instance": f"urn:uuid:{clock.new_id()}", **more}
    body = msgspec.json.encode(fields)
    return web.Response(status=status, body=body, content_type="application/problem+json")


def _invalid(faults: Sequence[Fault]) -> web.Response:
    return _problem(400, "invalid", "Ongeldige waarde.", invalidParams=faults)
