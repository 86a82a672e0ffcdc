"""GET /v1/conversations/{id}/transcript: a whole conversation as a page or a PDF."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.presenter import content_rows
from archiver.encryption.key_store import KeyStore
from archiver.media.thumbnail_maker import MakerBusy, ThumbnailMaker
from archiver.transcript.contents import ContentLoader, TooLarge, Wish
from archiver.transcript.maker import ReadConversation, Scope, TooLong, TranscriptReader
from archiver.transcript.page import render_page
from archiver.transcript.printer import print_transcript
from archiver.transcript.transcript import Transcript
from services.api.accepted_form import negotiate
from services.api.turns import BUSY, Busy, turn
from services.config.model import Configuration
from services.files.object_store import ObjectStore, StoreUnavailable
from services.http.bearer_auth import require_token
from services.http.problems import problem_response, service_unavailable
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.ids import CONVERSATION
from services.postgres.database import Pool
from services.printing.typesetter import Unprintable

Form = Literal["text/html", "application/pdf"]
FORMS: tuple[Form, ...] = get_args(Form)
"""Forms, the one of equals first."""
PATH = "/v1/conversations/{id}/transcript"
VIEW = "transcript"
AT_ONCE = 1
"""Transcripts at a time: with its files one takes 150 MB at most, and its PDF half a GiB in a
process of its own."""
READ_SECONDS = 20.0
"""Longest time to read the entries of one: the longest takes some two seconds."""
FILENAMES: dict[Form, str] = {"text/html": "gesprek.html", "application/pdf": "gesprek.pdf"}
"""Form -> name of the file, which says nothing of the conversation."""
ORIGINALS = "originals"
YES, NO = "true", "false"
NOT_BOOLEAN = f"must be {YES} or {NO}"
ONLY_PDF = "is only for application/pdf: a page has no attachments"
NOT_ACCEPTABLE = "a transcript is text/html or application/pdf"
INVALID_QUERY = "the query is not what it should be"
NO_CONVERSATION = "there is no such conversation"
AWAY = "the object store does not answer"
HEADERS = {
    # The page shows a stranger's pictures: it may do nothing and load nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " media-src data:; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept",
}


class ServedArchive(NamedTuple):
    """The record and its files. `config` returns the configuration that holds now. With
    `scanned_only`, files that were not scanned are not shown."""

    pool: Pool
    keys: KeyStore
    config: Callable[[], Configuration]
    objects: ObjectStore
    scanned_only: bool


class TranscriptRoutes:
    def __init__(self, archive: ServedArchive, access_log: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._access_log, self._tokens = archive, access_log, tokens
        self._turns = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        handler = self._access_log.identified(self.get_transcript)
        return [web.get(PATH, require_token(handler, self._tokens, "read"), allow_head=False)]

    async def get_transcript(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/conversations/{id}/transcript?originals=."""
        form = negotiate(request.headers.getall("Accept", []), FORMS)
        if form is None:
            return problem_response(406, "Not Acceptable", NOT_ACCEPTABLE)
        if fault := query_fault(request.query.getall(ORIGINALS, []), form):
            errors = [{"pointer": "", "detail": fault, "parameter": ORIGINALS}]
            return problem_response(400, "Bad Request", INVALID_QUERY, errors=errors)
        try:
            async with turn(self._turns):
                return await self._answer(request, rights, form)
        except (Busy, MakerBusy):
            return service_unavailable(BUSY)
        except StoreUnavailable:
            return service_unavailable(AWAY)
        except (TooLong, TooLarge, Unprintable) as error:
            return _too_much(error)

    async def _answer(self, request: web.Request, rights: Rights, form: Form) -> web.Response:
        id = request.match_info["id"]
        conversation = await self._read(id, rights) if CONVERSATION.fullmatch(id) else None
        if conversation is None:
            return problem_response(404, "Not Found", NO_CONVERSATION)
        self._access_log.require_reason(request, {row["department"] for row in conversation.rows})
        has_originals = request.query.get(ORIGINALS) == YES
        wish = Wish(form == "application/pdf", has_originals, self._archive.scanned_only)
        loader = ContentLoader(self._archive.objects, ThumbnailMaker())
        contents = await loader.load(conversation.files, wish)
        body = await _render(conversation.build(contents), form)
        beside = content_rows(conversation.entries.fates)
        await self._access_log.record_shown(request, VIEW, conversation.rows, beside=beside)
        return web.Response(body=body, headers=response_headers(form))

    async def _read(self, id: str, rights: Rights) -> ReadConversation | None:
        def may_know(former: str) -> bool:
            is_confidential = self._tokens.is_confidential(rights.tenant, former)
            return rights.handles(former) or not is_confidential

        scope = Scope(rights.tenant, rights.departments, may_know)
        async with (
            asyncio.timeout(READ_SECONDS),
            self._archive.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            keys, config = self._archive.keys, self._archive.config()
            return await TranscriptReader(connection, keys, config).read(id, scope)


def _too_much(error: TooLong | TooLarge | Unprintable) -> web.Response:
    """Refuse a transcript that this form cannot hold, with the code that its sentence begins
    with."""
    code = str(error).partition(":")[0]
    if isinstance(error, Unprintable):
        return problem_response(409, "Conflict", str(error), code=code)
    return problem_response(422, "Unprocessable Content", str(error), code=code)


async def _render(transcript: Transcript, form: Form) -> bytes:
    if form == "application/pdf":
        return await print_transcript(transcript)
    return await asyncio.to_thread(render_page, transcript)


def response_headers(form: Form) -> dict[str, str]:
    name = f'attachment; filename="{FILENAMES[form]}"'
    content_type = "text/html; charset=utf-8" if form == "text/html" else form
    return HEADERS | {"Content-Type": content_type, "Content-Disposition": name}


def query_fault(given: Sequence[str], form: Form) -> str:
    """Return what is wrong with `originals`; '' if nothing is. Pure."""
    if not given:
        return ""
    if len(given) > 1 or given[0] not in (YES, NO):
        return NOT_BOOLEAN
    return ONLY_PDF if given[0] == YES and form != "application/pdf" else ""
