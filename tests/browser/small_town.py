"""A gateway, a deliverer and an archiver of one file, so that the sandbox can be tried alone.

They are real servers that speak the real contracts, but remember everything in memory and decide
by one word.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.events import signature
from services import clock
from services.http import problem, serve

SECRET = b"sandbox-crm-secret"
WORDS = {
    "paspoort": "burgerzaken",
    "verhuis": "burgerzaken",
    "container": "openbare-ruimte",
    "lantaarn": "openbare-ruimte",
    "woz": "belastingen",
    "vergunning": "vergunningen",
}


class SmallTown:
    def __init__(self) -> None:
        self.crm = self.graph = ""
        self.answer = 200
        """What the door answers to a webhook."""
        self.webhooks: list[dict[str, Any]] = []
        self.conversations: dict[str, str] = {}
        self.departments: dict[str, str] = {}
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.outgoing: dict[str, dict[str, Any]] = {}
        self.sequence = 0
        self.http: aiohttp.ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/webhooks/whatsapp", self.webhook),
            web.post("/v1/messages", self.send),
            web.get("/v1/conversations/{id}/messages", self.record),
        ]

    async def webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        expected = hmac.new(b"sandbox-app-secret", body, hashlib.sha256).hexdigest()
        if request.headers.get("X-Hub-Signature-256") != f"sha256={expected}":
            return problem(401, "the signature is not valid")
        if self.answer != 200:
            return problem(self.answer, "told to refuse")
        parsed = json.loads(body)
        self.webhooks.append(parsed)
        for value in (c["value"] for e in parsed["entry"] for c in e["changes"]):
            for message in value.get("messages", []):
                await self.receive(value, message)
            for status in value.get("statuses", []):
                await self.follow(status)
        return web.Response()

    async def receive(self, value: dict[str, Any], message: dict[str, Any]) -> None:
        contact = value["contacts"][0]
        number = value["metadata"]["phone_number_id"]
        conversation = self.conversations.setdefault(
            contact["user_id"], f"{number}-{clock.new_id().hex[-12:]}"
        )
        text = message.get("text", {}).get("body", "") or message.get("image", {}).get(
            "caption", ""
        )
        word = next((word for word in WORDS if word in text.lower()), "")
        earlier = self.departments.get(conversation)
        department = WORDS.get(word) or earlier or "klantcontact"
        self.departments[conversation] = department
        decision = {
            "rule": word or ("vervolg" if earlier else "vangnet"),
            "reason": reason(word, earlier),
        }
        entry = {
            "id": str(clock.new_id()),
            "wamid": message["id"],
            "conversationId": conversation,
            "direction": "in",
            "type": message["type"],
            "text": text,
            "department": department,
            "decision": decision,
            "status": "received",
            "statuses": [],
            "deliveries": [],
            "receivedAt": now(),
            "sentAt": iso(message["timestamp"]),
            "raw": message,
        }
        self.records.setdefault(conversation, []).append(entry)
        await self.tell(
            "nl.postkamer.message-received.v1",
            {
                "conversationId": conversation,
                "messageId": entry["id"],
                "department": department,
                "type": message["type"],
                "text": text,
                "from": {
                    "identities": identities(contact),
                    "name": contact["profile"]["name"],
                },
                "receivedAt": entry["receivedAt"],
                "sentAt": entry["sentAt"],
                "media": media(message),
                "decision": decision,
            },
        )
        entry["deliveries"] = [{"state": "settled", "attempts": 1, "at": now()}]

    async def send(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer sandbox-api-token":
            return problem(401, "the token is not valid")
        body = await request.json()
        conversation = body["conversationId"]
        if conversation not in self.records:
            return problem(404, "there is no such conversation", code="unknown_conversation")
        id = str(clock.new_id())
        citizen = next(k for k, v in self.conversations.items() if v == conversation)
        number = conversation.partition("-")[0]
        out = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "recipient": citizen,
            "type": "text",
            "text": body["text"],
            "biz_opaque_callback_data": f"{id}.1",
        }
        entry = {
            "id": id,
            "wamid": "",
            "conversationId": conversation,
            "direction": "out",
            "type": "text",
            "text": body["text"]["body"],
            "department": self.departments[conversation],
            "status": "accepted",
            "statuses": [],
            "receivedAt": now(),
        }
        self.records[conversation].append(entry)
        self.outgoing[id] = entry
        assert self.http
        headers = {"Authorization": "Bearer sandbox-access-token"}
        url = f"{self.graph}/{number}/messages"
        async with self.http.post(url, json=out, headers=headers) as answer:
            entry["wamid"] = (await answer.json())["messages"][0]["id"]
        location = {"Location": f"/v1/messages/{id}"}
        return web.json_response({"id": id, "status": "accepted"}, status=202, headers=location)

    async def follow(self, status: dict[str, Any]) -> None:
        id = status["biz_opaque_callback_data"].partition(".")[0]
        entry = self.outgoing[id]
        entry["statuses"].append({"status": status["status"], "at": now()})
        ranks = ["accepted", "sent", "delivered", "read", "failed"]
        entry["status"] = max(entry["status"], status["status"], key=ranks.index)
        await self.tell(
            "nl.postkamer.message-status-changed.v1",
            {
                "conversationId": entry["conversationId"],
                "messageId": id,
                "department": entry["department"],
                "status": status["status"],
                "at": now(),
            },
        )

    async def record(self, request: web.Request) -> web.Response:
        messages = self.records.get(request.match_info["id"])
        if messages is None:
            return problem(404, "there is no such conversation")
        return web.json_response({"messages": messages})

    async def tell(self, kind: str, data: dict[str, Any]) -> None:
        self.sequence += 1
        id, timestamp = str(clock.new_id()), str(int(datetime.now(UTC).timestamp()))
        event = {
            "specversion": "1.0",
            "id": id,
            "source": "urn:nld:oin:00000001234567890000:systeem:postkamer",
            "type": kind,
            "time": now(),
            "datacontenttype": "application/json",
            "sequence": str(self.sequence),
            "sequencetype": "Integer",
            "data": data,
        }
        body = json.dumps(event).encode()
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(SECRET, id, timestamp, body),
        }
        assert self.http
        async with self.http.post(self.crm, data=body, headers=headers) as answer:
            assert answer.status == 204, await answer.text()


@asynccontextmanager
async def small_town() -> AsyncIterator[tuple[SmallTown, str]]:
    """The servers, and where they listen; they are to be told where the sandbox is."""
    town = SmallTown()
    app = web.Application()
    app.router.add_routes(town.routes())
    async with aiohttp.ClientSession() as town.http, serve(app, "127.0.0.1", 0) as port:
        yield town, f"http://127.0.0.1:{port}"


def identities(contact: dict[str, Any]) -> list[dict[str, str]]:
    found = [{"kind": "bsuid", "value": contact["user_id"]}]
    return found + ([{"kind": "phone", "value": contact["wa_id"]}] if "wa_id" in contact else [])


def media(message: dict[str, Any]) -> list[dict[str, str]]:
    about = message.get(message["type"])
    if not isinstance(about, dict) or "mime_type" not in about:
        return []
    return [{"id": about["id"], "mimeType": about["mime_type"], "filename": ""}]


def reason(word: str, earlier: str | None) -> str:
    if word:
        return f"Het woord “{word}” staat in het bericht."
    if earlier:
        return "Het gesprek loopt al bij deze afdeling."
    return "Geen enkele regel past op dit bericht."


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso(seconds: str) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
