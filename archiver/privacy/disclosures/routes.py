"""Routes of disclosures: what is made public, or shown to who asked for access."""

import asyncio
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

from archiver.api.access_log import VIEWER, AccessLog
from archiver.api.viewer import BOTH_NEEDED, EMPLOYEE
from archiver.disclosure.assessment import Assessor
from archiver.disclosure.disclosure import Disclosure, State
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.grounds import ground_fault
from archiver.disclosure.handling import DocumentReader
from archiver.disclosure.inventory import Line
from archiver.disclosure.result import inventory_files, inventory_line
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.disclosures import presenter
from archiver.privacy.disclosures.admission import (
    ONE,
    PATH,
    Admission,
    choose_documents,
    find_disclosure,
)
from archiver.privacy.disclosures.export import ExportMaker, StreamedArchive, write_export
from archiver.privacy.disclosures.orders import (
    DECIDE,
    DRAW,
    STEP,
    DecideDocuments,
    DrawDisclosure,
    TakeDisclosureStep,
)
from archiver.privacy.request_routes import read_order
from archiver.retention.hold_store import HoldStore
from services import clock
from services.api.json_body import FieldError
from services.api.request_body import Refused, bad_request
from services.api.turns import turn
from services.http.bearer_auth import Handler
from services.http.problems import json_response
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.postgres.database import Connection

STEPS: dict[str, State] = {"_review": "reviewed", "_return": "drawn", "_approve": "approved"}
"""End of a path -> state after its step."""
FORMS = {
    "csv": "text/csv; charset=utf-8",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}
"""Form of the inventory -> its content type."""
AT_ONCE = 1
"""Results, and inventories, at a time: each reads every document of one disclosure."""

log = structlog.get_logger()


class DisclosureRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views = archive, views
        self._admission = Admission(archive, views, tokens)
        self._turns = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        admit, by = self._admission.admit, frozenset({EMPLOYEE})
        return [
            web.get(PATH, admit(self.list_disclosures), allow_head=False),
            web.post(PATH, admit(self.draw, by)),
            web.get(ONE, admit(self.show), allow_head=False),
            web.post(f"{ONE}/_refresh", admit(self.refresh, by)),
            web.post(f"{ONE}/_decide", admit(self.decide, by)),
            *(
                web.post(f"{ONE}/{end}", admit(self._taking(step), by))
                for end, step in STEPS.items()
            ),
            *(
                web.get(f"{ONE}/inventory/{form}", admit(self._listing(form)), allow_head=False)
                for form in FORMS
            ),
            web.post(f"{ONE}/_export", admit(self.export, BOTH_NEEDED)),
        ]

    async def list_disclosures(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/disclosures: no citizen is in it, so it is no view."""
        async with self._archive.transaction() as connection:
            found = await self._store(connection, rights).disclosures(rights.tenant)
        return json_response({"disclosures": list(map(presenter.summary, found))})

    async def draw(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/disclosures: the disclosure and its hold in one transaction."""
        order: DrawDisclosure = await read_order(request, DRAW)
        by, now = request[VIEWER].employee, clock.now()
        async with self._archive.transaction() as connection:
            holds = HoldStore(connection, self._archive.keys, rights.identified)
            hold = await holds.place_order(order.read(rights.tenant), by, now)
            store = self._store(connection, rights)
            drawn = await store.draw(order.kind, hold, order.named, by, order.text.strip(), now)
            await store.refresh(drawn, by, now)
            body = await _whole(store, drawn)
        return json_response(body, HTTPStatus.CREATED, {"Location": f"{PATH}/{drawn.id}"})

    async def show(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/disclosures/{id}. Conversations stand in it by their id alone."""
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            found = await find_disclosure(store.find, request, rights)
            body = await _whole(store, found)
        return json_response(body)

    async def refresh(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/disclosures/{id}/_refresh with what the hold covers now."""
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            found = await find_disclosure(store.lock, request, rights)
            await store.refresh(found, request[VIEWER].employee, clock.now())
            body = await _whole(store, found)
        return json_response(body)

    async def decide(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/disclosures/{id}/_decide."""
        order: DecideDocuments = await read_order(request, DECIDE)
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            found = await find_disclosure(store.lock, request, rights)
            check_grounds({f"/grounds/{n}": each for n, each in enumerate(order.grounds)}, found)
            config = self._archive.config
            reader = DocumentReader(connection, self._archive.keys, config)
            assessor = Assessor(store, reader, config, found)
            chosen = choose_documents(await store.documents(found.id), order.numbers)
            verdicts = [
                await assessor.judge(each, order.decision, order.grounds) for each in chosen
            ]
            await store.decide(found, verdicts, request[VIEWER].employee, clock.now())
            body = await _whole(store, found)
        return json_response(body)

    def _taking(self, step: State) -> Handler:
        async def take(request: web.Request, rights: Rights) -> web.Response:
            order: TakeDisclosureStep = await read_order(request, STEP)
            by, text = request[VIEWER].employee, (order.text or "").strip()
            async with self._archive.transaction() as connection:
                store = self._store(connection, rights)
                found = await find_disclosure(store.lock, request, rights)
                changed = await store.step(found, step, by, text, clock.now())
                body = await _whole(store, changed)
            return json_response(body)

        return take

    def _listing(self, form: str) -> Handler:
        async def answer(request: web.Request, rights: Rights) -> web.Response:
            """Answer GET /v1/disclosures/{id}/inventory/{form}: it names nobody."""
            async with turn(self._turns), self._archive.snapshot() as connection:
                store = self._store(connection, rights)
                found = await find_disclosure(store.find, request, rights)
                reader = DocumentReader(connection, self._archive.keys, self._archive.config)
                lines = []
                for document in await store.documents(found.id):
                    opened = await reader.find(found, document)
                    lines.append(inventory_line(found, opened) if opened else Line(document))
            files = dict(inventory_files(found, lines))
            [name] = [each for each in files if each.endswith(f".{form}")]
            headers = {"Content-Type": FORMS[form], "Content-Disposition": _attachment(name)}
            return web.Response(body=files[name], headers=headers)

        return answer

    async def export(self, request: web.Request, rights: Rights) -> web.StreamResponse:
        """Answer POST /v1/disclosures/{id}/_export with all files in one archive.

        What goes wrong halfway ends the answer before its end, so that nobody takes a part for the
        whole.
        """
        async with turn(self._turns):
            async with self._archive.transaction() as connection:
                store = self._store(connection, rights)
                found = await find_disclosure(store.find, request, rights)
                documents = await store.documents(found.id)
            maker = ExportMaker(self._archive, self._views, request, found)
            lines = await maker.check(documents)
            if found.state == "approved":
                await self._note_export(request, rights, found)
            response = web.StreamResponse(headers=_zip_headers(found))
            await response.prepare(request)
            try:
                await write_export(StreamedArchive(response), maker, documents, lines)
            except Exception as error:
                log.warning("disclosure.export_ended", reason=type(error).__name__)
                raise
            await response.write_eof()
        return response

    async def _note_export(self, request: web.Request, rights: Rights, found: Disclosure) -> None:
        by, why = request[VIEWER].employee, request[VIEWER].reason
        async with self._archive.transaction() as connection:
            await self._store(connection, rights).note_export(found, by, why, clock.now())

    def _store(self, connection: Connection, rights: Rights) -> DisclosureStore:
        return DisclosureStore(connection, self._archive.keys, rights.identified)


async def _whole(store: DisclosureStore, found: Disclosure) -> dict[str, Any]:
    return presenter.whole(found, await store.documents(found.id), await store.steps(found))


def check_grounds(given: dict[str, str], found: Disclosure) -> None:
    """Raise Refused if a ground, by its pointer, is none for the kind of the disclosure."""
    faults = [
        FieldError(pointer, fault)
        for pointer, code in given.items()
        if (fault := ground_fault(code, found.kind))
    ]
    if faults:
        raise Refused(bad_request(faults))


def _attachment(name: str) -> str:
    return f'attachment; filename="{name}"'


def _zip_headers(found: Disclosure) -> dict[str, str]:
    disposition = _attachment(f"{found.id}.zip")
    return {"Content-Type": "application/zip", "Content-Disposition": disposition}
