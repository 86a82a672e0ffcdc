"""Answering: each answer goes once, and what is not taken stays a draft."""

from http import HTTPStatus
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid5

from aiohttp import web

from desk.conversation.answers import MAX_CHARACTERS, Draft, GivenAnswer
from desk.inbox.conversation import ANSWERS_NOTHING, Conversation
from desk.pages.conversation import PATH
from desk.pages.conversation_view import (
    EMOJI,
    ConversationViews,
    Typed,
    done,
    refusal_words,
    session_of,
)
from desk.pages.forms import Form, read_form
from desk.pages.upload import Upload, read_upload
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.gateway import Gateway
from desk.web.gate import Gate
from desk.web.site import Visit
from services import clock, metrics

MAX_CAPTION = 1024
"""Longest text beside a file that Meta takes."""


class Failure(NamedTuple):
    """An answer that was not taken, or of which nobody knows if it was (`is_unsure`)."""

    status: int
    trouble: str
    """Key of the words that say why."""
    is_unsure: bool = False
    last: str = ""
    """Newest answer of somebody else, if that is why."""


UNSURE = Failure(HTTPStatus.SERVICE_UNAVAILABLE, "answer.unsure", is_unsure=True)


class AnswerPages:
    def __init__(self, gate: Gate, views: ConversationViews, gateway: Gateway) -> None:
        self._gate, self._views, self._gateway = gate, views, gateway
        self._answers = views.stores.answers

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.post(f"{PATH}/answer", require(self._answer)),
            web.post(f"{PATH}/react", require(self._react)),
            web.post(f"{PATH}/file", require(self._send_file, is_upload=True)),
            web.post(f"{PATH}/draft", require(self._store_draft)),
        ]

    async def _answer(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/answer: give a text to the gateway, or again what may not have been taken."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        person = session_of(visit).person_key
        text, key, about = form.text("text").strip(), form.id("key"), form.id("about")
        given = await self._answers.find_unsure(conversation.id, person)
        if given and text not in ("", given.text):
            draft = Draft(clock.new_id(), text[:MAX_CHARACTERS], about)
            await self._answers.store_draft(conversation.id, person, draft, visit.now)
            later = Typed("answer.later")  # the text is for after the answer that is not certain
            return await self._views.page(visit, conversation, HTTPStatus.CONFLICT, later)
        if given is None:
            if not 0 < len(text) <= MAX_CHARACTERS or key is None:
                empty = Typed("answer.empty", text=text)
                return await self._views.page(visit, conversation, HTTPStatus.BAD_REQUEST, empty)
            draft = Draft(key, text, about)
            await self._answers.store_draft(conversation.id, person, draft, visit.now)
            quote = {"replyTo": str(about)} if about else {}
            content = {"type": "text", "text": {"body": text}} | quote
            given = build_answer(conversation, form, key, content)
        return await self._give_and_show(visit, conversation, given)

    async def _react(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/react: react to a message of the citizen; an empty emoji takes it back."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        about, key, emoji = form.id("about"), form.id("key"), form.text("emoji")
        if about is None or key is None or emoji not in ("", *EMOJI.values()):
            refused = Typed("react.refused")
            return await self._views.page(visit, conversation, HTTPStatus.BAD_REQUEST, refused)
        given = build_reaction(conversation, key, about, emoji)
        return await self._give_and_show(visit, conversation, given)

    async def _send_file(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/file: upload a file, and give it to the gateway with its caption."""
        conversation = await self._views.find(request, visit)
        upload = await read_upload(request, visit.form_token)
        if upload is None:
            none = Typed("file.none")
            return await self._views.page(visit, conversation, HTTPStatus.BAD_REQUEST, none)
        form, key, caption = upload.form, upload.form.id("key"), upload.form.text("caption").strip()
        if not upload.filename or key is None:
            none = Typed("file.none", caption=caption)
            return await self._views.page(visit, conversation, HTTPStatus.BAD_REQUEST, none)
        token = session_of(visit).tokens.access_token
        try:
            stored = await self._gateway.upload(token, key, upload)
        except Refused as refused:
            trouble = Typed(UPLOAD_REFUSALS.get(refused.status, "file.refused"), caption=caption)
            return await self._views.page(visit, conversation, HTTPStatus.BAD_REQUEST, trouble)
        except Unanswered:
            away = Typed("file.away", caption=caption)
            return await self._views.page(visit, conversation, HTTPStatus.SERVICE_UNAVAILABLE, away)
        if caption and kind_of(stored.mime_type) not in CAPTIONED:
            trouble = Typed("file.no_caption", caption=caption)
            return await self._views.page(visit, conversation, HTTPStatus.BAD_REQUEST, trouble)
        media = media_of(upload, stored.id, stored.mime_type, caption)
        given = build_answer(conversation, form, key, {"type": "media", "media": media})
        return await self._give_and_show(visit, conversation, given)

    async def _give_and_show(
        self, visit: Visit, conversation: Conversation, given: GivenAnswer
    ) -> web.Response:
        failure = await self.give(visit, given)
        if failure is None:
            return done(visit, conversation)
        caption = "" if failure.is_unsure else given.caption
        typed = Typed(failure.trouble, caption=caption)
        return await self._views.page(visit, conversation, failure.status, typed)

    async def give(self, visit: Visit, given: GivenAnswer) -> Failure | None:
        """Write down what is given to the gateway, give it, and write down that it has it. Return
        why it was not taken. What was refused stays a draft, under a new key: the old one belongs
        to what was refused."""
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
            if text := given.text:
                draft = Draft(clock.new_id(), text, given.quotes)
                await self._answers.store_draft(
                    given.conversation, session.person_key, draft, visit.now
                )
            trouble, last = refusal_words(refused.code, "answer.refused"), refused.body.get("last")
            return Failure(HTTPStatus.CONFLICT, trouble, last=last if isinstance(last, str) else "")
        except Unanswered:
            _count("uncertain")
            return UNSURE
        _count("given")
        await self._answers.accepted(given.key, message)
        return None

    async def _store_draft(self, request: web.Request, visit: Visit) -> web.Response:
        """POST …/draft: keep what is being written. With `quote` it quotes that message, or with an
        empty one none any more; with `standard` it goes on with that standard answer. An earlier
        section has no text to send along, so that what is written stays."""
        conversation, form = await self._views.find(request, visit), await read_form(request)
        is_quoting, person = form.has("quote"), session_of(visit).person_key
        if (key := form.id("key")) is not None:
            about = form.id("quote" if is_quoting else "about")
            text = form.text("text")[:MAX_CHARACTERS]
            if not form.has("text"):
                text = (await self._answers.find_draft(conversation.id, person)).text
            draft = Draft(key, text, about)
            await self._answers.store_draft(conversation.id, person, draft, visit.now)
        if standard := form.id("standard"):
            return done(visit, conversation, f"&standard={standard}#text")
        return done(visit, conversation, "#text") if is_quoting else web.Response(status=204)


def _count(outcome: Literal["given", "refused", "uncertain"]) -> None:
    metrics.desk_answers.labels(outcome).inc()


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


def build_reaction(conversation: Conversation, key: UUID, about: UUID, emoji: str) -> GivenAnswer:
    """Return a reaction as the gateway gets it. Each emoji of a form has a key of its own. Pure."""
    body = {
        "type": "reaction",
        "reaction": {"messageId": str(about), "emoji": emoji},
        "conversationId": conversation.id,
        "department": conversation.department,
    }
    return GivenAnswer(uuid5(key, emoji), conversation.id, ANSWERS_NOTHING, body)


def kind_of(mime_type: str) -> str:
    """Return the kind of a file in a message. WebP is a sticker or a document to Meta, and somebody
    who sends a picture means no sticker. Pure."""
    return KINDS.get(mime_type) or KINDS.get(mime_type.partition("/")[0], "document")


def media_of(upload: Upload, id: UUID, mime_type: str, caption: str) -> dict[str, Any]:
    """Return a file as a message has it: as a picture or a film if Meta shows it so. Pure."""
    kind = kind_of(mime_type)
    media: dict[str, Any] = {"kind": kind, "id": str(id)}
    if caption:
        media["caption"] = caption[:MAX_CAPTION]
    if kind == "document" and upload.filename:
        media["filename"] = upload.filename
    return media


NOT_LOOKED_AT = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""Statuses with which the gateway refuses the token, before it looks whether it knows the key."""
KINDS = {"image": "image", "image/webp": "document", "video": "video", "audio": "audio"}
"""Content type, or its first part -> kind."""
CAPTIONED = frozenset({"image", "video", "document"})
UPLOAD_REFUSALS = {413: "file.large", 415: "file.type", 503: "problem.moves"}
