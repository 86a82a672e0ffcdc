"""Answering: each answer goes once, and what is not taken stays a draft."""

from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

from aiohttp import web

from desk.conversation.answers import MAX_CHARACTERS, Draft, GivenAnswer
from desk.inbox.conversation import Conversation
from desk.pages.conversation import PATH
from desk.pages.conversation_view import ConversationViews, done, refusal_words, session_of
from desk.pages.forms import Form, read_form
from desk.pages.upload import Upload, read_upload
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.gateway import Gateway
from desk.web.gate import Gate
from desk.web.site import Visit
from services import clock, metrics

MAX_CAPTION = 1024
"""Longest text beside a file that Meta takes."""


class AnswerPages:
    def __init__(self, gate: Gate, views: ConversationViews, gateway: Gateway) -> None:
        self._gate, self._views, self._gateway = gate, views, gateway
        self._answers = views.answers

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.post(f"{PATH}/answer", require(self._answer)),
            web.post(f"{PATH}/file", require(self._send_file, is_upload=True)),
            web.post(f"{PATH}/draft", require(self._store_draft)),
        ]

    async def _answer(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/answer: give a text to the gateway, or again what may not have been taken."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        person = session_of(visit).person_key
        text, key = form.text("text").strip(), form.id("key")
        given = await self._answers.find_unsure(conversation.id, person)
        if given and text not in ("", text_of(given)):
            return await self._keep_beside(visit, conversation, text[:MAX_CHARACTERS])
        if given is None:
            if not 0 < len(text) <= MAX_CHARACTERS or key is None:
                return await self._views.page(
                    visit, conversation, status=400, text=text, trouble="answer.empty"
                )
            await self._answers.store_draft(conversation.id, person, Draft(key, text), visit.now)
            content = {"type": "text", "text": {"body": text}}
            given = build_answer(conversation, form, key, content)
        return await self.give(visit, conversation, given)

    async def _keep_beside(
        self, visit: Visit, conversation: Conversation, text: str
    ) -> web.Response:
        """Keep a text for after the answer of which nobody knows whether it went."""
        person, draft = session_of(visit).person_key, Draft(clock.new_id(), text)
        await self._answers.store_draft(conversation.id, person, draft, visit.now)
        return await self._views.page(visit, conversation, status=409, trouble="answer.later")

    async def _send_file(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/file: upload a file, and give it to the gateway with its caption."""
        conversation = await self._views.find(request, visit)
        upload = await read_upload(request, visit.form_token)
        key, form = (upload.form.id("key"), upload.form) if upload else (None, None)
        if upload is None or form is None or key is None:
            return await self._views.page(visit, conversation, status=400, trouble="file.none")
        token = session_of(visit).tokens.access_token
        try:
            stored = await self._gateway.upload(token, key, upload)
        except Refused as refused:
            trouble = UPLOAD_REFUSALS.get(refused.status, "file.refused")
            return await self._views.page(visit, conversation, status=400, trouble=trouble)
        media = media_of(upload, stored.id, stored.mime_type, form.text("caption").strip())
        given = build_answer(conversation, form, key, {"type": "media", "media": media})
        return await self.give(visit, conversation, given)

    async def give(
        self, visit: Visit, conversation: Conversation, given: GivenAnswer
    ) -> web.Response:
        """Write down what is given to the gateway, give it, and write down that it has it."""
        session = session_of(visit)
        await self._answers.begin(given, session.person_key, visit.now)
        try:
            message = await self._gateway.send(session.tokens.access_token, given.key, given.body)
        except Refused as refused:
            if refused.status in NOT_LOOKED_AT:
                _count("uncertain")
                raise  # it may have been taken before, so it stays uncertain
            _count("refused")
            await self._answers.refused(given.key)
            return await self._refused(visit, conversation, given, refused)
        except Unanswered:
            _count("uncertain")
            return await self._views.page(visit, conversation, status=503, trouble="answer.unsure")
        _count("given")
        await self._answers.accepted(given.key, message)
        return done(conversation)

    async def _refused(
        self, visit: Visit, conversation: Conversation, given: GivenAnswer, refused: Refused
    ) -> web.Response:
        """Show why an answer was not taken, with its text, under a new key: the old one belongs to
        what was refused."""
        if text := text_of(given):
            person, draft = session_of(visit).person_key, Draft(clock.new_id(), text)
            await self._answers.store_draft(conversation.id, person, draft, visit.now)
        trouble = refusal_words(refused.code, "answer.refused")
        return await self._views.page(visit, conversation, status=409, trouble=trouble)

    async def _store_draft(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/draft: keep what is being written."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        if (key := form.id("key")) is not None:
            draft = Draft(key, form.text("text")[:MAX_CHARACTERS])
            person = session_of(visit).person_key
            await self._answers.store_draft(conversation.id, person, draft, visit.now)
        return web.Response(status=204)


def _count(outcome: Literal["given", "refused", "uncertain"]) -> None:
    metrics.desk_answers.labels(outcome).inc()


def text_of(given: GivenAnswer) -> str:
    """Return the words of an answer; '' for a file or a template. Pure."""
    return str(given.body.get("text", {}).get("body", ""))


def build_answer(
    conversation: Conversation, form: Form, key: UUID, content: dict[str, Any]
) -> GivenAnswer:
    """Return an answer as the gateway gets it: refused if somebody answered since its writer saw
    the conversation, or if another department has it. Pure."""
    body = content | {
        "conversationId": conversation.id,
        "ifLast": form.text("last_answer"),
        "department": conversation.department,
    }
    return GivenAnswer(key, conversation.id, form.number("covers"), body)


def media_of(upload: Upload, id: UUID, mime_type: str, caption: str) -> dict[str, Any]:
    """Return a file as a message has it: as a picture or a film if Meta shows it so. Pure."""
    kind = KINDS.get(mime_type.partition("/")[0], "document")
    media: dict[str, Any] = {"kind": kind, "id": str(id)}
    if caption and kind in CAPTIONED:
        media["caption"] = caption[:MAX_CAPTION]
    if kind == "document" and upload.filename:
        media["filename"] = upload.filename
    return media


NOT_LOOKED_AT = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""Statuses with which the gateway refuses the token, before it looks whether it knows the key."""
KINDS = {"image": "image", "video": "video", "audio": "audio"}
CAPTIONED = frozenset({"image", "video", "document"})
UPLOAD_REFUSALS = {413: "file.large", 415: "file.type"}
