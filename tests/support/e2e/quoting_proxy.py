"""Stands between our processes and the sandbox: notes how it is asked, and answers some things
itself, in words that quote all that was sent, as many a CRM and sometimes Meta does.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from sandbox.openklant.error_responses import BASE
from tests.support.pii_markers import Marks, phone

SECRETS = {"authorization", "webhook-signature"}
"""Headers that hold no citizen and change each time."""
PASSED_ON = {"content-type", "retry-after", "location", "api-version"}
LARGEST = 64 * 1024 * 1024
RECEIVED = "nl.postkamer.message-received.v1"
EVENTS = "/crm/events"
ADDRESSES = ("id", "source", "subject", "type", "dataref", "datacontenttype", "sequence")
"""Members of an event beside its data, which a broker in between may log."""


class Between:
    def __init__(self, sandbox: str, http: aiohttp.ClientSession, marks: Marks) -> None:
        self._sandbox, self._http, self._marks = sandbox, http, marks
        self.told: set[str] = set()
        """Kinds of words that stood in what was said to us, where they belong."""
        self.asked: list[str] = []
        """Each request: its method, its address, its headers."""
        self.addresses: list[str] = []
        """Addresses in an event, and its values beside the data."""
        self.conversations: dict[str, str] = {}
        """Telephone -> the conversation in which it wrote."""
        self.messages: set[str] = set()
        """Events of messages that were taken or refused for good."""
        self.files: dict[str, set[str]] = defaultdict(set)
        """Telephone -> where the files are that came from it, at the archiver."""
        self.away = False
        """The CRM takes nothing now."""
        self.refused: set[str] = set()
        """Telephones whose events are refused for good by the CRM, and whose contacts by Open
        Klant."""
        self.graph: dict[str, tuple[int, int, int]] = {}
        """Telephone -> HTTP status and Meta's code with which so many messages to it are refused;
        without a code by somebody before Meta."""
        self.quoted: Counter[str] = Counter()
        """So often something was answered that quotes, by where."""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in SECRETS}
        self.asked.append(f"{request.method} {request.raw_path} {headers}")
        self.told |= {kind for kind, word in self._marks.words.items() if word.encode() in body}
        if request.path == EVENTS:
            return await self._event(request, body)
        is_post = request.method == "POST"
        if is_post and request.path.endswith("/messages") and (said := self._of_meta(body)):
            return said
        if is_post and request.path.startswith(BASE) and self._is_refused(body):
            return self._quoting("openklant", 400, _of_open_klant(body))
        return await self._pass_on(request, body)

    def _is_refused(self, body: bytes) -> bool:
        return any(phone.encode() in body for phone in self.refused)

    async def _event(self, request: web.Request, body: bytes) -> web.Response:
        event = msgspec.json.decode(body)
        self.addresses.append(str({name: event.get(name) for name in ADDRESSES}))
        self.addresses += _links(event)
        if self.away:
            return self._quoting("crm, for a while", 503, {"detail": body.decode()})
        data = event["data"]
        phones: set[str] = set()
        if event["type"] == RECEIVED:
            phones = {each["value"].lstrip("+") for each in data["from"]["identities"]}
            self.messages.add(event["id"])
            self.conversations |= dict.fromkeys(phones, data["conversationId"])
            for citizen in phones:
                self.files[citizen] |= {medium["link"] for medium in data["media"]}
        if phones & self.refused:
            return self._quoting("crm, for good", 400, {"detail": body.decode()})
        return await self._pass_on(request, body)

    def _of_meta(self, body: bytes) -> web.Response | None:
        to = str(msgspec.json.decode(body).get("to", "")).lstrip("+")
        status, code, left = self.graph.get(to, (0, 0, 0))
        if not left:
            return None
        self.graph[to] = status, code, left - 1
        where = f"graph, {code or status}"
        if not code:
            return self._quoting(where, status, {"html": body.decode()})
        said = f"(#{code}) Message to {to} failed: {body.decode()}"
        error = {"message": said, "code": code, "type": "OAuthException", "fbtrace_id": to}
        return self._quoting(where, status, {"error": error | {"error_data": {"details": said}}})

    def _unknown_file(self) -> dict[str, Any]:
        said = f"{phone(0)} of {self._marks['name']} has no such file: {self._marks['filename']}"
        return {"error": {"code": 100, "message": said, "error_user_msg": said}}

    def _quoting(self, where: str, status: int, content: dict[str, Any]) -> web.Response:
        self.quoted[where] += 1
        headers = {"Content-Type": "application/json", "X-About": phone(0)}
        said = {"about": f"{phone(0)} {self._marks['name']}"} | content
        body = msgspec.json.encode(said)
        return web.Response(status=status, reason=f"No {phone(0)}", body=body, headers=headers)

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        url = self._sandbox + request.raw_path
        given = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
        asked = self._http.request(
            request.method, url, data=body, headers=given, allow_redirects=False
        )
        async with asked as answer:
            if answer.status == 400 and request.method == "GET":
                return self._quoting("graph, a file", 400, self._unknown_file())
            kept = {k: v for k, v in answer.headers.items() if k.lower() in PASSED_ON}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


def _links(tree: Any, name: str = "") -> list[str]:
    """The addresses in what an event tells."""
    if isinstance(tree, dict):
        return [link for key, value in tree.items() for link in _links(value, key)]
    if isinstance(tree, list):
        return [link for value in tree for link in _links(value, name)]
    return [str(tree)] if name in ("link", "dataref") else []


def _of_open_klant(body: bytes) -> dict[str, Any]:
    """Its own words, that quote: all but the codes."""
    said = body.decode()
    fault = {"name": "betrokkene.contactnaam", "code": "invalid", "reason": f"{said} is ongeldig."}
    return {"code": "invalid", "title": said, "status": 400, "invalidParams": [fault]}


@asynccontextmanager
async def between(sandbox: str, port: int, marks: Marks) -> AsyncIterator[Between]:
    """A proxy on this port."""
    connections = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connections, auto_decompress=False) as http:
        one = Between(sandbox, http, marks)
        app = web.Application(client_max_size=LARGEST)
        app.router.add_route("*", "/{path:.*}", one.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield one
        finally:
            await runner.cleanup()
