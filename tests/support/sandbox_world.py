"""The sandbox over real HTTP, alone, with a gateway and an archiver that keep what they get."""

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
    """A gateway and an archiver that write down what they were told."""

    def __init__(self) -> None:
        self.webhooks: list[dict[str, Any]] = []
        self.signed: list[tuple[Carrier, str]] = []
        """Of each webhook who brought it, and its signature."""
        self.answers: list[int] = []
        """Statuses for the next webhooks, then 200."""
        self.commands: list[tuple[dict[str, Any], str]] = []
        self.asked: list[tuple[str, bytes]] = []
        """Path and body of what else the desks asked for."""
        self.record: list[dict[str, Any]] = []
        self.looked: list[str] = []
        """After which place in a conversation its record was asked for."""
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
        self.asked.append((request.path, await request.read()))
        return web.json_response({"id": "u1"}, status=201)

    async def told(self, request: web.Request) -> web.Response:
        """What is only read, of an order or of the numbers."""
        assert request.headers["Authorization"] == "Bearer sandbox-api-token"
        assert "Idempotency-Key" not in request.headers
        return web.json_response({"read": request.path})

    async def messages(self, request: web.Request) -> web.Response:
        assert request.headers["Postkamer-Employee"] == "sandbox"
        self.looked.append(after := request.query.get("after", ""))
        if not self.record:  # as the archiver, which has not heard of it yet
            return web.json_response({"code": "not-found"}, status=404)
        last = int(after or 0)
        new = [m for m in self.record if m.get("sequence", last + 1) > last]
        return web.json_response({"messages": new})

    async def until(self, n: int) -> list[dict[str, Any]]:
        """The webhooks, once there are `n`."""
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
        path = f"/graph/v26.0/{NUMBER}/messages"
        return await self.ask("POST", path, json=TEXT | changed, headers=TOKEN)

    async def tell(
        self, body: bytes, kind: str = "application/cloudevents+json", **headers: str
    ) -> Any:
        at = str(int(time.time()))
        signed = {
            "Content-Type": kind,
            "webhook-id": "w",
            "webhook-timestamp": at,
            "webhook-signature": signature(b"sandbox-crm-secret", "w", at, body),
        }
        return await self.ask("POST", "/crm/events", data=body, headers=signed | headers)


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    services = Services()
    app = web.Application()
    app.router.add_post("/webhooks/whatsapp", services.webhook)
    app.router.add_post("/v1/messages", services.command)
    app.router.add_post("/v1/media", services.other)
    app.router.add_post("/v1/conversations/{id}/_{action}", services.other)
    app.router.add_get("/v1/messages/{id}", services.told)
    app.router.add_get("/v1/numbers", services.told)
    app.router.add_route("*", "/v1/numbers/{id}/{what}", services.other)
    app.router.add_get("/v1/conversations/{id}/messages", services.messages)
    async with serve(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        defaults = {"gateway_url": url, "archiver_url": url, "status_seconds": (0.0, 0.05)}
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


async def read_until(stream: aiohttp.ClientResponse, word: str) -> str:
    text = ""
    async with asyncio.timeout(20):
        async for chunk in stream.content.iter_any():
            text += chunk.decode()
            if word in text and text.endswith("\n\n"):
                return text
    raise AssertionError("the stream ended")
