"""Routes of the documents of a disclosure: looked through, redacted, and shown as they will
leave."""

import asyncio

from aiohttp import web

from archiver.api.access_log import VIEWER, AccessLog
from archiver.api.viewer import BOTH_NEEDED
from archiver.disclosure.assessment import bind_redactions, mark_pictures, picture_ids, propose
from archiver.disclosure.disclosure import Disclosure
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.handling import DocumentReader, OpenDocument, PictureLoader
from archiver.disclosure.redaction import Redactions, add_redactions, take_back
from archiver.disclosure.redaction_list import (
    ListFault,
    WrittenList,
    parse_list,
    read_redactions,
    spans_of_words,
)
from archiver.disclosure.redactor import PICTURE_TYPE, find_texts
from archiver.disclosure.result import name_document, preview
from archiver.media.thumbnail_maker import ThumbnailMaker
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.disclosures import presenter
from archiver.privacy.disclosures.admission import (
    ONE,
    Admission,
    find_disclosure,
    find_document,
)
from archiver.privacy.disclosures.export import record_view
from archiver.privacy.disclosures.orders import REDACT, RedactDocument
from archiver.privacy.disclosures.routes import check_grounds
from archiver.privacy.request_routes import read_order
from archiver.transcript.page import render_page
from archiver.transcript.printer import print_transcript
from archiver.transcript.routes import FORMS, HEADERS, NOT_ACCEPTABLE, Form
from archiver.transcript.transcript import Transcript
from services import clock
from services.api.accepted_form import negotiate
from services.api.json_body import FieldError
from services.api.request_body import Refused, bad_request
from services.api.turns import turn
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.postgres.database import Connection

DOCUMENT = f"{ONE}/documents/{{number}}"
PICTURE = f"{DOCUMENT}/pictures/{{message}}"
PREVIEW = f"{DOCUMENT}/preview"
NO_PICTURE = "the document has no such picture, or none that can be shown"
NOWHERE = "these words occur nowhere in it"
AT_ONCE = 1
"""Previews at a time: a PDF takes half a GiB in a process of its own."""
PICTURE_VIEW = "file"
ENDINGS: dict[Form, str] = {"text/html": ".html", "application/pdf": ".pdf"}


class DocumentRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views = archive, views
        self._admission = Admission(archive, views, tokens)
        self._maker, self._turns = ThumbnailMaker(), asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        admit = self._admission.admit
        return [
            web.get(DOCUMENT, admit(self.show, BOTH_NEEDED), allow_head=False),
            web.post(f"{DOCUMENT}/_redact", admit(self.redact, BOTH_NEEDED)),
            web.get(PICTURE, admit(self.show_picture, BOTH_NEEDED), allow_head=False),
            web.get(PREVIEW, admit(self.preview, BOTH_NEEDED), allow_head=False),
        ]

    async def show(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/disclosures/{id}/documents/{number}."""
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            found = await find_disclosure(store.find, request, rights)
            opened = await self._open(connection, store, found, request)
            redactions = await store.redactions(found, opened.document)
        await record_view(self._views, request, opened)
        return json_response(self._present(found, opened, redactions))

    async def redact(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/disclosures/{id}/documents/{number}/_redact with the document."""
        order: RedactDocument = await read_order(request, REDACT)
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            found = await find_disclosure(store.lock, request, rights)
            check_grounds(order.grounds, found)
            opened = await self._open(connection, store, found, request)
            before = await store.redactions(found, opened.document)
            wanted = change_redactions(found, opened, before, order)
            bound = bind_redactions(opened, wanted, self._archive.config)
            by = request[VIEWER].employee
            if bound != before:
                await store.redact(found, opened.document, bound, by, clock.now())
                opened = opened._replace(
                    document=await find_document(store, found, str(opened.document.number))
                )
        await record_view(self._views, request, opened)
        return json_response(self._present(found, opened, bound))

    async def show_picture(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/disclosures/{id}/documents/{number}/pictures/{message}: the picture
        without boxes, made smaller, as boxes are measured on it."""
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            found = await find_disclosure(store.find, request, rights)
            opened = await self._open(connection, store, found, request)
        message = request.match_info["message"]
        picture = await self._loader().load_bare(opened, message)
        if not picture:
            raise Refused(problem_response(404, "Not Found", NO_PICTURE))
        rows = [row for row in opened.conversation.rows if str(row["message"]) == message]
        await self._views.record_shown(request, PICTURE_VIEW, rows)
        headers = {"Content-Type": PICTURE_TYPE, "X-Content-Type-Options": "nosniff"}
        return web.Response(body=picture, headers=headers)

    async def preview(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/disclosures/{id}/documents/{number}/preview: the file as it will leave."""
        form = negotiate(request.headers.getall("Accept", []), FORMS)
        if form is None:
            return problem_response(406, "Not Acceptable", NOT_ACCEPTABLE)
        async with turn(self._turns):
            async with self._archive.transaction() as connection:
                store = self._store(connection, rights)
                found = await find_disclosure(store.find, request, rights)
                opened = await self._open(connection, store, found, request)
                redactions = await store.redactions(found, opened.document)
            pictures = await self._loader().load(found, opened, redactions)
            body = await _render(preview(found, opened, redactions, pictures), form)
        await record_view(self._views, request, opened)
        name = name_document(found, opened.document.number, ENDINGS[form])
        content_type = "text/html; charset=utf-8" if form == "text/html" else form
        disposition = f'attachment; filename="{name}"'
        given = {"Content-Type": content_type, "Content-Disposition": disposition}
        return web.Response(body=body, headers=HEADERS | given)

    def _present(
        self, found: Disclosure, opened: OpenDocument, redactions: Redactions
    ) -> dict[str, object]:
        shown = mark_pictures(found, opened, redactions, self._archive.config)
        ids = picture_ids(opened, self._archive.config)
        proposals = propose(found, opened, redactions)
        pictures = {each: each in shown for each in ids}
        return presenter.whole_document(opened, redactions, proposals, pictures)

    async def _open(
        self,
        connection: Connection,
        store: DisclosureStore,
        found: Disclosure,
        request: web.Request,
    ) -> OpenDocument:
        document = await find_document(store, found, request.match_info["number"])
        reader = DocumentReader(connection, self._archive.keys, self._archive.config)
        return await reader.open(found, document)

    def _loader(self) -> PictureLoader:
        scanned_only = self._archive.config.environment == "production"
        return PictureLoader(self._archive.objects, self._maker, scanned_only=scanned_only)

    def _store(self, connection: Connection, rights: Rights) -> DisclosureStore:
        return DisclosureStore(connection, self._archive.keys, rights.identified)


def change_redactions(
    found: Disclosure, opened: OpenDocument, before: Redactions, order: RedactDocument
) -> Redactions:
    """Return the redactions after an order. Raises Refused. Pure."""
    texts = find_texts(opened.transcript)
    kept = take_back(before, order.remove.read())
    if order.list is not None:
        kept = _read_list(order.list, found, texts)
    added = [order.read()]
    for n, words in enumerate(order.words):
        spans = tuple(spans_of_words(words.words, words.ground, texts))
        if not spans:
            raise Refused(bad_request([FieldError(f"/words/{n}/words", NOWHERE)]))
        added.append(Redactions(spans=spans))
    for each in added:
        kept = add_redactions(kept, each)
    if order.propose:
        kept = add_redactions(kept, Redactions(spans=propose(found, opened, kept)))
    return kept


def _read_list(text: str, found: Disclosure, texts: dict[str, str]) -> Redactions:
    """Return the redactions of a list in CSV. Raises Refused."""
    written, faults = parse_list(text, found.kind), list[ListFault]()
    if isinstance(written, WrittenList):
        redactions, read_faults = read_redactions(written, texts)
        if not read_faults:
            return redactions
        faults = [*read_faults]
    else:
        faults = [*written]
    raise Refused(bad_request([FieldError("/list", str(each)) for each in faults]))


async def _render(transcript: Transcript, form: Form) -> bytes:
    if form == "application/pdf":
        return await print_transcript(transcript)
    return await asyncio.to_thread(render_page, transcript)
