"""Routes of the departments' desks: answers go to the gateway, records come from the archiver."""

import asyncio
from collections import OrderedDict
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from aiohttp import web

from sandbox.crm.postkamer_client import PostkamerClient
from sandbox.event_stream import EventStream
from sandbox.memory import remember
from services import clock
from services.http.body import read_body
from services.http.problems import json_response, problem_response

MAX_WATCHED = 8
"""Most conversations whose record is polled: one for each page that is likely to be open."""
WATCH_SECONDS = 1.0
"""Pause between two polls of the archive, which happen only while a page listens."""
MAX_ANSWER = 4096
"""Most characters of a WhatsApp text."""
UPLOAD_BYTES = 16 * 1024 * 1024
"""Largest file from the page. Meta takes larger documents; the sandbox holds a file in memory."""
UPLOAD_SECONDS = 60.0
FOUND = 20
"""Newest messages of a citizen that are searched for one of the right number."""
AUTHOR = {"kind": "employee", "id": "sandbox"}
"""Author of everything that the desks send."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /desk/answers; `key` makes a second click on the same draft harmless."""

    conversation_id: str
    text: str = ""
    """Text as the desk shows it."""
    message: dict[str, Any] = {}
    """Rest of the body for the gateway's POST /v1/messages; empty for a plain text."""
    key: str = ""


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /desk/actions, for commands on a conversation itself."""

    conversation_id: str
    action: Literal["transfer", "close", "note", "read", "confirm", "settle"]
    body: dict[str, Any] = {}
    """Body for the gateway, without its author."""
    key: str = ""


class Writer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /desk/conversation: a citizen, and the number to which they wrote."""

    number: str
    bsuid: str


class Desk:
    def __init__(self, client: PostkamerClient, *, stream: EventStream) -> None:
        self._client = client
        self._stream = stream
        self._watched: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        """Conversation -> its messages that the pages already have."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/desk/answers", self._answer),
            web.post("/desk/actions", self._act),
            web.get("/desk/orders/{id}", self._outcome),
            web.post("/desk/media", self._upload),
            web.get("/desk/media/{id}", self._file),
            web.post("/desk/conversation", self._find),
            web.get("/desk/record/{conversation}", self._record),
            web.get("/desk/history/{conversation}", self._history),
        ]

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            answer = msgspec.json.decode(await request.read(), type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this answer cannot be sent", str(error))
        if not answer.message and not 1 <= len(answer.text.strip()) <= MAX_ANSWER:
            expected = f"text: expected 1 to {MAX_ANSWER} characters"
            return problem_response(400, "this answer cannot be sent", expected)
        body = answer.message or {"type": "text", "text": {"body": answer.text}}
        body = {"conversationId": answer.conversation_id, **body, "author": AUTHOR}
        raw = msgspec.json.encode(body)
        result = await self._client.gateway("POST", "/v1/messages", raw, key=answer.key)
        if result.status < HTTPStatus.MULTIPLE_CHOICES:
            self._stream.publish("answer", answer_event(answer, body, result))
        return result

    async def _act(self, request: web.Request) -> web.Response:
        try:
            action = msgspec.json.decode(await request.read(), type=Action)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "this cannot be done", str(error))
        conversation = quote(action.conversation_id, safe="")
        path = f"/v1/conversations/{conversation}/_{action.action}"
        body = msgspec.json.encode(action.body | {"author": AUTHOR})
        result = await self._client.gateway("POST", path, body, key=action.key)
        if result.status < HTTPStatus.MULTIPLE_CHOICES:
            self._publish_action(action)
        return result

    def _publish_action(self, action: Action) -> None:
        """Send the pages the actions for which there is no event."""
        event = {"conversationId": action.conversation_id, "id": str(clock.new_id())}
        if action.action == "note":
            self._stream.publish("note", event | {"text": action.body.get("text", "")})
        if action.action == "confirm":
            self._stream.publish("confirmed", event)

    async def _outcome(self, request: web.Request) -> web.Response:
        """GET the outcome of a command: the gateway accepts it before the router decides."""
        id = quote(request.match_info["id"], safe="")
        return await self._client.gateway("GET", f"/v1/messages/{id}")

    async def _upload(self, request: web.Request) -> web.Response:
        try:
            body = await read_body(request, UPLOAD_BYTES, UPLOAD_SECONDS)
        except TimeoutError:
            return problem_response(408, "the file did not come")
        if body is None:
            return problem_response(413, "the file is too large", f"at most {UPLOAD_BYTES} bytes")
        kind = request.content_type
        return await self._client.gateway("POST", "/v1/media", body, kind=kind)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """GET a citizen's file from the archive."""
        id = quote(request.match_info["id"], safe="")
        return await self._client.file(request, f"/v1/media/{id}")

    async def _find(self, request: web.Request) -> web.Response:
        """POST to find the newest conversation of a citizen, who is named in no address: '' while
        the archive has none. Where the desk is the CRM, no event tells the page of it."""
        try:
            writer = msgspec.json.decode(await request.read(), type=Writer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "expected number and bsuid", str(error))
        person = {"kind": "bsuid", "value": writer.bsuid}
        query = msgspec.json.encode({"person": person, "limit": FOUND})
        found = await self._client.search(query)
        if found.status != HTTPStatus.OK:
            return found
        return json_response({"conversationId": newest_conversation(found, writer.number)})

    async def _record(self, request: web.Request) -> web.Response:
        """GET the record of a conversation, and poll it from then on. It is empty while the archive
        does not yet have what the desks already see."""
        conversation = request.match_info["conversation"]
        record = await self._fetch(conversation)
        if record.status == HTTPStatus.NOT_FOUND:
            record = json_response({"messages": []})
        if record.status == HTTPStatus.OK:
            remember(self._watched, conversation, read_messages(record), MAX_WATCHED)
        return record

    async def _history(self, request: web.Request) -> web.Response:
        """GET what happened in a conversation beside its messages; empty while the archive does not
        have it yet."""
        id = quote(request.match_info["conversation"], safe="")
        answer = await self._client.archiver(f"/v1/conversations/{id}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return json_response({"history": []})
        return answer

    async def _fetch(self, conversation: str, after: int = 0) -> web.Response:
        path = f"/v1/conversations/{quote(conversation, safe='')}/messages"
        return await self._client.archiver(f"{path}?after={after}" if after else path)

    async def watch(self) -> None:
        """Poll the watched records and send the pages new messages, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._stream.listeners:
                continue
            for conversation, seen in list(self._watched.items()):
                await self._poll(conversation, seen)

    async def _poll(self, conversation: str, seen: list[dict[str, Any]]) -> None:
        """Fetch only new messages, since the archive logs each access to a message. The pages ask
        for changes to a known message when an event mentions them."""
        record = await self._fetch(
            conversation, max((m.get("sequence", 0) for m in seen), default=0)
        )
        known_ids = {message["id"] for message in seen}
        if new := [message for message in read_messages(record) if message["id"] not in known_ids]:
            seen += new
            event = {"conversationId": conversation, "record": {"messages": seen}}
            self._stream.publish("record", event)


def read_messages(record: web.Response) -> list[dict[str, Any]]:
    """Return the messages in a response of the archive. Pure."""
    if record.status != HTTPStatus.OK or not isinstance(record.body, bytes):
        return []
    records: list[dict[str, Any]] = msgspec.json.decode(record.body)["messages"]
    return records


def newest_conversation(found: web.Response, number: str) -> str:
    """Return the conversation of the newest message found that is of this number; '' if there is
    none. Pure."""
    ids = (message["conversationId"] for message in read_messages(found))
    return next((id for id in ids if id.startswith(f"{number}-")), "")


def answer_event(answer: Answer, body: dict[str, Any], result: web.Response) -> dict[str, Any]:
    """Build the page event for an answer that the gateway accepted."""
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
