"""The sandbox over HTTP, with a gateway and an archiver that keep the requests they get."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from sandbox import organisation
from sandbox.crm.event_validation import signature
from sandbox.meta.webhook_payloads import headers
from sandbox.organisation import Carrier
from sandbox.service import RunningSandbox, run_sandbox
from sandbox.settings import SandboxSettings
from services.http.problems import problem_response
from services.http.server import serve

SECRETS: dict[Carrier, str] = {
    "meta": "sandbox-app-secret",
    "360dialog": "sandbox-platform-secret",
}
NUMBER = organisation.EXAMPLE.numbers[0].id
TOKEN = {"Authorization": "Bearer sandbox-access-token"}
MESSAGES = f"/graph/v26.0/{NUMBER}/messages"
AUTHOR = {"kind": "employee", "id": "sandbox"}
TEXT: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+31600000011",
    "type": "text",
    "text": {"body": "Goedemorgen"},
    "biz_opaque_callback_data": "0190a1b2-0000-7000-8000-000000000000.1",
}
FROM = {"from": "31600000011", "name": "Fatima", "number": NUMBER}


class Services:
    """A gateway and an archiver that keep the requests they get."""

    def __init__(self) -> None:
        self.webhooks: list[dict[str, Any]] = []
        self.signed: list[tuple[Carrier, str]] = []
        """Carrier and signature of each webhook."""
        self.answers: list[int] = []
        """Statuses for the next webhooks, then 200."""
        self.commands: list[tuple[dict[str, Any], str]] = []
        self.requests: list[tuple[str, bytes]] = []
        """Path and body of the other commands of the desks."""
        self.record: list[dict[str, Any]] = []
        self.written: dict[str, list[dict[str, Any]]] = {}
        """User id -> messages of this citizen's conversations, newest first."""
        self.polled: list[str] = []
        """Place in the conversation after which each request wanted the record."""
        self.news = asyncio.Event()

    async def webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        by: Carrier = "meta" if "X-Hub-Signature-256" in request.headers else "360dialog"
        expected = headers(by, body, SECRETS[by])
        assert expected.items() <= dict(request.headers).items()
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            value = json.loads(body)["entry"][0]["changes"][0]["value"]
            self.webhooks.append(value)
            self.signed.append((by, list(expected.values())[-1]))
            self.news.set()
        return web.Response(status=status)

    async def command(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sandbox-api-token"
        body = await request.json()
        self.commands.append((body, request.headers["Idempotency-Key"]))
        if body["conversationId"] == "moved":
            return problem_response(409, "transferred", code="transferred")
        return web.Response(status=202, headers={"Location": "/v1/messages/m1"})

    async def other(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sandbox-api-token"
        assert request.headers["Idempotency-Key"]
        self.requests.append((request.path, await request.read()))
        return web.json_response({"id": "u1"}, status=201)

    async def read(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sandbox-api-token"
        assert "Idempotency-Key" not in request.headers
        return web.json_response({"read": request.path})

    async def messages(self, request: web.Request) -> web.Response:
        assert request.headers["Postkamer-Employee"] == "sandbox"
        self.polled.append(after := request.query.get("after", ""))
        if not self.record:  # the archiver may not have the conversation yet
            return web.json_response({"code": "not-found"}, status=404)
        last = int(after or 0)
        new = [m for m in self.record if m.get("sequence", last + 1) > last]
        return web.json_response({"messages": new})

    async def search(self, request: web.Request) -> web.Response:
        """Messages of the citizen with this user id, newest first."""
        assert request.headers["Postkamer-Employee"] == "sandbox"
        person = (await request.json())["person"]
        return web.json_response({"messages": self.written.get(person["value"], [])})

    async def until(self, n: int) -> list[dict[str, Any]]:
        """Return the webhooks once there are `n`."""
        async with asyncio.timeout(20):
            while len(self.webhooks) < n:
                self.news.clear()
                await self.news.wait()
        return self.webhooks

    def statuses(self) -> list[str]:
        return [s["status"] for value in self.webhooks for s in value.get("statuses", [])]


class World:
    def __init__(
        self, sandbox: RunningSandbox, services: Services, http: aiohttp.ClientSession
    ) -> None:
        self.url = sandbox.url
        self.services = services
        self.http = http

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.http.request(method, self.url + path, **options) as answer:
            text = await answer.text()
            is_json = "json" in answer.content_type
            return answer.status, json.loads(text) if is_json and text else text

    async def send(self, **changed: Any) -> tuple[int, Any]:
        """Send a message through the Graph API."""
        return await self.ask("POST", MESSAGES, json=TEXT | changed, headers=TOKEN)

    async def write(self, **fields: Any) -> tuple[int, Any]:
        """Write a message on a citizen's phone."""
        return await self.ask("POST", "/phone/messages", json=FROM | fields)

    async def answer(self, **fields: Any) -> tuple[int, Any]:
        """Answer at a desk."""
        answer = {"conversationId": "c1", "text": "Dag"} | fields
        return await self.ask("POST", "/desk/answers", json=answer)

    async def set_crm_mode(self, mode: str, **restrictions: Any) -> None:
        body = {"mode": mode} | restrictions
        assert (await self.ask("POST", "/crm/mode", json=body))[0] == 200

    async def send_event(self, body: bytes, **headers: str) -> tuple[int, Any]:
        """Send an event to the CRM; not following a redirect."""
        at = str(int(time.time()))
        signed = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": "w",
            "webhook-timestamp": at,
            "webhook-signature": signature(b"sandbox-crm-secret", "w", at, body),
        }
        options = {"data": body, "headers": signed | headers, "allow_redirects": False}
        return await self.ask("POST", "/crm/events", **options)

    async def read_stream(self, word: str, **headers: str) -> str:
        """Open the stream, and read it until this word."""
        async with self.http.get(self.url + "/stream", headers=headers) as stream:
            return await self.read_until(stream, word)

    @staticmethod
    async def read_until(stream: aiohttp.ClientResponse, word: str) -> str:
        text = ""
        async with asyncio.timeout(20):
            async for chunk in stream.content.iter_any():
                text += chunk.decode()
                if word in text and text.endswith("\n\n"):
                    return text
        raise AssertionError("the stream ended")


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    services = Services()
    app = web.Application()
    app.router.add_post("/webhooks/whatsapp", services.webhook)
    app.router.add_post("/v1/messages", services.command)
    app.router.add_post("/v1/messages/_search", services.search)
    app.router.add_post("/v1/media", services.other)
    app.router.add_post("/v1/conversations/{id}/_{action}", services.other)
    app.router.add_get("/v1/messages/{id}", services.read)
    app.router.add_get("/v1/numbers", services.read)
    app.router.add_route("*", "/v1/numbers/{id}/{what}", services.other)
    app.router.add_get("/v1/conversations/{id}/messages", services.messages)
    async with serve(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        at = {"gateway_url": url, "archiver_url": url, "api_token": "sandbox-api-token"}
        defaults = at | {"status_seconds": (0.0, 0.05)}
        asked = SandboxSettings(port=0, seed=1, **(defaults | settings))
        async with run_sandbox(asked) as sandbox, aiohttp.ClientSession() as http:
            yield World(sandbox, services, http)


def event(id: str = "e1", sequence: int = 1, conversation: str = "c1") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": "urn:nld:oin:00000001234567890000:systeem:postkamer",
        "type": "nl.postkamer.message-received.v1",
        "time": "2026-11-20T08:14:03Z",
        "datacontenttype": "application/json",
        "sequence": str(sequence),
        "sequencetype": "Integer",
        "data": {"conversationId": conversation, "text": "é"},
    }


def body(*args: Any, **kwargs: Any) -> bytes:
    return json.dumps(event(*args, **kwargs)).encode()


def upload_form(kind: str = "text/plain", content: bytes = b"hello") -> aiohttp.FormData:
    fields = aiohttp.FormData({"messaging_product": "whatsapp", "type": kind})
    fields.add_field("file", content, filename="a", content_type=kind)
    return fields
