"""The departments' desks: answers go to the gateway, the record comes from the archiver."""

import asyncio
from collections import OrderedDict
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from aiohttp import web

from sandbox.crm.postkamer_client import Asking
from sandbox.event_stream import Stream
from services import clock
from services.http.body import read_body
from services.http.problems import json_response, problem_response

WATCHED_MOST = 8
"""Conversations whose record is followed: one for each page that is likely to be open."""
WATCH_SECONDS = 1.0
"""Between two looks at the archive, and only while a page listens."""
ANSWER_LONGEST = 4096
"""Characters of a WhatsApp text."""
UPLOAD_BYTES = 16 * 1024 * 1024
"""What the page offers; a document may be larger at Meta, but this memory holds it whole."""
UPLOAD_SECONDS = 60.0
AUTHOR = {"kind": "employee", "id": "sandbox"}
"""Who sits at the desks."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /desk/answers; `key` makes a second click on the same draft harmless."""

    conversation_id: str
    text: str = ""
    """The words, as the desk shows them."""
    message: dict[str, Any] = {}
    """The rest of the body for the gateway's POST /v1/messages; nothing: a text."""
    key: str = ""


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /desk/actions: what is done with a conversation itself."""

    conversation_id: str
    action: Literal["transfer", "close", "note", "read", "confirm"]
    body: dict[str, Any] = {}
    """As the gateway takes it, without its author."""
    key: str = ""


class Desk:
    def __init__(self, asking: Asking, *, stream: Stream) -> None:
        self._asking = asking
        self._stream = stream
        self._watched: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        """Conversation and the messages of it that were seen."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/desk/answers", self._answer),
            web.post("/desk/actions", self._act),
            web.get("/desk/orders/{id}", self._order),
            web.post("/desk/media", self._upload),
            web.get("/desk/media/{id}", self._file),
            web.get("/desk/record/{conversation}", self._record),
        ]

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            answer = msgspec.json.decode(await request.read(), type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this answer cannot be sent", str(error))
        if not answer.message and not 1 <= len(answer.text.strip()) <= ANSWER_LONGEST:
            expected = f"text: expected 1 to {ANSWER_LONGEST} characters"
            return problem_response(400, "this answer cannot be sent", expected)
        body = answer.message or {"type": "text", "text": {"body": answer.text}}
        body = {"conversationId": answer.conversation_id, **body, "author": AUTHOR}
        raw = msgspec.json.encode(body)
        result = await self._asking.gateway("POST", "/v1/messages", raw, key=answer.key)
        if result.status < HTTPStatus.MULTIPLE_CHOICES:
            self._stream.publish("answer", said(answer, body, result))
        return result

    async def _act(self, request: web.Request) -> web.Response:
        try:
            action = msgspec.json.decode(await request.read(), type=Action)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this cannot be done", str(error))
        conversation = quote(action.conversation_id, safe="")
        path = f"/v1/conversations/{conversation}/_{action.action}"
        body = msgspec.json.encode(action.body | {"author": AUTHOR})
        result = await self._asking.gateway("POST", path, body, key=action.key)
        if result.status < HTTPStatus.MULTIPLE_CHOICES:
            self._tell(action)
        return result

    def _tell(self, action: Action) -> None:
        """The pages, of what no event tells them."""
        told = {"conversationId": action.conversation_id, "id": str(clock.new_id())}
        if action.action == "note":
            self._stream.publish("note", told | {"text": action.body.get("text", "")})
        if action.action == "confirm":
            self._stream.publish("confirmed", told)

    async def _order(self, request: web.Request) -> web.Response:
        """What became of an order: accepted is not done."""
        id = quote(request.match_info["id"], safe="")
        return await self._asking.gateway("GET", f"/v1/messages/{id}")

    async def _upload(self, request: web.Request) -> web.Response:
        try:
            body = await read_body(request, UPLOAD_BYTES, UPLOAD_SECONDS)
        except TimeoutError:
            return problem_response(408, "the file did not come")
        if body is None:
            return problem_response(413, "the file is too large", f"at most {UPLOAD_BYTES} bytes")
        kind = request.content_type
        return await self._asking.gateway("POST", "/v1/media", body, kind=kind)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """A citizen's, as the archive hands it out."""
        id = quote(request.match_info["id"], safe="")
        return await self._asking.file(request, f"/v1/media/{id}")

    async def _record(self, request: web.Request) -> web.Response:
        """Empty, and followed, while the archive has yet to get what the desks see already."""
        conversation = request.match_info["conversation"]
        record = await self._fetch(conversation)
        if record.status == HTTPStatus.NOT_FOUND:
            record = json_response({"messages": []})
        if record.status == HTTPStatus.OK:
            self._watched[conversation] = messages(record)
            self._watched.move_to_end(conversation)
            if len(self._watched) > WATCHED_MOST:
                self._watched.popitem(last=False)
        return record

    async def _fetch(self, conversation: str, after: int = 0) -> web.Response:
        path = f"/v1/conversations/{quote(conversation, safe='')}/messages"
        return await self._asking.archiver(f"{path}?after={after}" if after else path)

    async def watch(self) -> None:
        """Tell the pages of what is new in the records that they look at, for ever."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._stream.listeners:
                continue
            for conversation, seen in list(self._watched.items()):
                await self._look(conversation, seen)

    async def _look(self, conversation: str, seen: list[dict[str, Any]]) -> None:
        """Only for what was not seen: each look at a message is on the record. What became of one
        that was, the pages ask when they hear of it."""
        record = await self._fetch(
            conversation, max((m.get("sequence", 0) for m in seen), default=0)
        )
        known = {message["id"] for message in seen}
        if new := [message for message in messages(record) if message["id"] not in known]:
            seen += new
            told = {"conversationId": conversation, "record": {"messages": seen}}
            self._stream.publish("record", told)


def messages(record: web.Response) -> list[dict[str, Any]]:
    """Those in an answer of the archive; pure."""
    if record.status != HTTPStatus.OK or not isinstance(record.body, bytes):
        return []
    found: list[dict[str, Any]] = msgspec.json.decode(record.body)["messages"]
    return found


def said(answer: Answer, body: dict[str, Any], result: web.Response) -> dict[str, Any]:
    """What the pages are told of an answer that the gateway accepted."""
    reaction = body.get("reaction")
    about = reaction.get("messageId") if isinstance(reaction, dict) else body.get("replyTo")
    kind = body.get("type", "text")
    inner = body.get(kind)
    return {
        "conversationId": answer.conversation_id,
        "messageId": result.headers.get("Location", "").rpartition("/")[2],
        "type": inner.get("kind") if kind == "media" and isinstance(inner, dict) else kind,
        "text": answer.text,
        "about": about or "",
        "at": clock.now(),
    }
