"""The departments' desks: answers go to the gateway, the record comes from the archiver."""

import asyncio
from collections import OrderedDict
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web

from sandbox.settings import SandboxSettings
from sandbox.stream import Stream
from services import clock
from services.http import problem

WATCHED_MOST = 8
"""Conversations whose record is followed: one for each page that is likely to be open."""
WATCH_SECONDS = 1.0
"""Between two looks at the archive, and only while a page listens."""
ANSWER_LONGEST = 4096
"""Characters of a WhatsApp text."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of POST /desk/answers; `key` makes a second click on the same draft harmless."""

    conversation_id: str
    text: str
    key: str = ""


class Desk:
    def __init__(
        self, settings: SandboxSettings, http: aiohttp.ClientSession, *, stream: Stream
    ) -> None:
        self._settings = settings
        self._http = http
        self._stream = stream
        self._watched: OrderedDict[str, int] = OrderedDict()
        """Conversation and the hash of its record when it was last looked at."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/desk/answers", self._answer),
            web.get("/desk/record/{conversation}", self._record),
        ]

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            answer = msgspec.json.decode(await request.read(), type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, "this answer cannot be sent", str(error))
        if not 1 <= len(answer.text.strip()) <= ANSWER_LONGEST:
            expected = f"text: expected 1 to {ANSWER_LONGEST} characters"
            return problem(400, "this answer cannot be sent", expected)
        result = await self._send(answer)
        if result.status < 300:
            id = result.headers.get("Location", "").rpartition("/")[2]
            said = {"conversationId": answer.conversation_id, "text": answer.text, "messageId": id}
            self._stream.publish("answer", said | {"at": clock.now()})
        return result

    async def _send(self, answer: Answer) -> web.Response:
        body = {
            "conversationId": answer.conversation_id,
            "type": "text",
            "text": {"body": answer.text},
            "author": {"kind": "employee", "id": "sandbox"},
        }
        headers = {
            "Authorization": f"Bearer {self._settings.api_token}",
            "Content-Type": "application/json",
            "Idempotency-Key": answer.key or str(clock.new_id()),
        }
        url = self._settings.gateway_url + "/v1/messages"
        try:
            async with self._http.post(
                url, data=msgspec.json.encode(body), headers=headers
            ) as given:
                return await passed_on(given)
        except (aiohttp.ClientError, TimeoutError):
            return problem(502, "the gateway does not answer", code="unreachable")

    async def _record(self, request: web.Request) -> web.Response:
        conversation = request.match_info["conversation"]
        record = await self._fetch(conversation)
        if record.status == 200 and isinstance(record.body, bytes):
            self._watched[conversation] = hash(record.body)
            self._watched.move_to_end(conversation)
            if len(self._watched) > WATCHED_MOST:
                self._watched.popitem(last=False)
        return record

    async def _fetch(self, conversation: str) -> web.Response:
        root = self._settings.archiver_url + "/v1/conversations/"
        url = root + quote(conversation, safe="") + "/messages"
        headers = {"Authorization": f"Bearer {self._settings.api_token}"}
        try:
            async with self._http.get(url, headers=headers) as given:
                return await passed_on(given)
        except (aiohttp.ClientError, TimeoutError):
            return problem(502, "the archive does not answer", code="unreachable")

    async def watch(self) -> None:
        """Tell the pages of every change in the records that they look at, for ever."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not self._stream.listeners:
                continue
            for conversation, known in list(self._watched.items()):
                record = await self._fetch(conversation)
                if record.status != 200 or not isinstance(record.body, bytes):
                    continue
                if hash(record.body) != known:
                    self._watched[conversation] = hash(record.body)
                    changed: dict[str, Any] = {"conversationId": conversation}
                    self._stream.publish("record", changed | {"record": msgspec.Raw(record.body)})


async def passed_on(given: aiohttp.ClientResponse) -> web.Response:
    """What a service of ours answered, for the page; a refusal without JSON becomes a problem."""
    body = await given.read()
    if "json" not in given.content_type:
        if given.status >= 300:
            return problem(given.status, given.reason or "refused")
        body = b"{}"
    headers = {"Content-Type": "application/json"}
    if given.content_type.endswith("problem+json"):
        headers["Content-Type"] = "application/problem+json"
    if location := given.headers.get("Location"):
        headers["Location"] = location
    return web.Response(status=given.status, body=body, headers=headers)
