"""A gateway, a deliverer and an archiver of one file, so that the sandbox can be tried alone.

They are real servers that speak the real contracts, but remember everything in memory and decide
by one word.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import TypeAdapter

from gateway.commands.graph_payload import graph_payload, upload_of
from gateway.requests.changes import (
    CLOSE,
    CONFIRM,
    NOTE,
    READ,
    SETTLE,
    TRANSFER,
    Close,
    Read,
    Settle,
    Transfer,
)
from gateway.requests.messages import MESSAGE, Message, ReactionMessage
from router.handlers.unconfirmed_sends import SENT_AGAIN, WENT
from services import clock
from services.api.json_body import parse_body
from services.event_types import STATUS_CHANGED
from services.http.problems import problem_response
from services.http.server import serve
from tests.support.browser.media_server import Files
from tests.support.browser.number_desk import NumberDesk
from tests.support.browser.record_entries import (
    identities,
    incoming,
    media,
    new_conversation,
    now,
    outgoing,
    reason,
    signed_event,
    words_of,
)
from tests.support.observer import until_true

TOKEN = {"Authorization": "Bearer sandbox-access-token"}
ACTIONS: dict[str, TypeAdapter[Any]] = {
    "transfer": TRANSFER,
    "close": CLOSE,
    "note": NOTE,
    "read": READ,
    "confirm": CONFIRM,
    "settle": SETTLE,
}
NUMBER = "106540352242922"
VERSION = "9184c2c9b97e"
"""Version of the rules, as the router names it."""
OUTCOME_NEEDED = "outcome_needed: zeg wat er met dit officiële bericht is gedaan"
"""The router's refusal of a closing that says too little."""
FRONT_DESK = "klantcontact"
WORDS = {
    "paspoort": "burgerzaken",
    "verhuis": "burgerzaken",
    "container": "openbare-ruimte",
    "lantaarn": "openbare-ruimte",
    "woz": "belastingen",
    "vergunning": "vergunningen",
}
TOLD = ("conversationId", "department", "type", "text", "receivedAt", "sentAt", "decision")
"""Fields of a message in the record that a CRM is told too."""


class SmallTown:
    def __init__(self) -> None:
        self.crm = self.graph = ""
        self.answer = 200
        """Status that the door answers to a webhook."""
        self.webhooks: list[dict[str, Any]] = []
        self.conversations: dict[str, str] = {}
        self.departments: dict[str, str] = {}
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.history: list[dict[str, Any]] = []
        """Events of every conversation in the archive, beside its messages."""
        self.outgoing: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, tuple[str, bytes]] = {}
        self.orders: list[object] = []
        """Everything that the desks asked for, in order."""
        self.reads: list[str] = []
        """Conversations that were to be shown as read, in order."""
        self.refused: dict[str, str] = {}
        """Ids of orders that were not done, and why."""
        self.beside: dict[str, Any] = {}
        """Labels and text that a CRM is told with the next message, beside its own fields."""
        self.number, self.files = NumberDesk(NUMBER), Files(TOKEN)
        self.sequence = 0
        self.http: aiohttp.ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/webhooks/whatsapp", self.webhook),
            web.post("/v1/messages", self.send),
            web.post("/v1/media", self.upload),
            web.post("/v1/conversations/{id}/_{action}", self.act),
            web.get("/v1/conversations/{id}/messages", self.record),
            web.get("/v1/conversations/{id}", self.conversation),
            web.get("/v1/messages/{id}", self.became),
            *self.number.routes(),
            *self.files.routes(),
        ]

    async def webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        expected = hmac.new(b"sandbox-app-secret", body, hashlib.sha256).hexdigest()
        if request.headers.get("X-Hub-Signature-256") != f"sha256={expected}":
            return problem_response(401, "the signature is not valid")
        if self.answer != 200:
            return problem_response(self.answer, "told to refuse")
        parsed = json.loads(body)
        self.webhooks.append(parsed)
        for value in (c["value"] for e in parsed["entry"] for c in e["changes"]):
            for message in value.get("messages", []):
                await self.receive(value, message)
            for status in value.get("statuses", []):
                await self.follow(status)
        return web.Response()

    def said(self) -> list[dict[str, Any]]:
        """Messages of citizens, as Meta brought them. Statuses can come between them."""
        values = [webhook["entry"][0]["changes"][0]["value"] for webhook in self.webhooks]
        return [message for value in values for message in value.get("messages", ())]

    async def brought(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Messages of one type, once there are so many: the page shows them before they come."""
        of_kind = lambda: [one for one in self.said() if one["type"] == kind]  # noqa: E731
        await until_true(lambda: len(of_kind()) >= count)
        return of_kind()

    async def receive(self, value: dict[str, Any], message: dict[str, Any]) -> None:
        contact = value["contacts"][0]
        number = value["metadata"]["phone_number_id"]
        conversation = self.conversations.setdefault(contact["user_id"], new_conversation(number))
        entry = incoming(conversation, message) | self.decide(conversation, words_of(message))
        self.records.setdefault(conversation, []).append(entry)
        told = {name: entry[name] for name in TOLD} | {
            "messageId": entry["id"],
            "from": {"identities": identities(contact), "name": contact["profile"]["name"]},
            "media": media(message, entry["id"]),
            **self.beside,
        }
        await self.tell("nl.postkamer.message-received.v1", told)
        assert self.http
        if came := await self.files.came(self.http, self.graph, message, entry["id"]):
            about = {name: told[name] for name in ("conversationId", "department", "messageId")}
            await self.tell("nl.postkamer.media-available.v1", about | came)
        entry["deliveries"] = [{"state": "settled", "attempts": 1, "at": now()}]

    def decide(self, conversation: str, text: str) -> dict[str, Any]:
        word = next((word for word in WORDS if word in text.lower()), "")
        earlier = self.departments.get(conversation)
        department = WORDS.get(word) or earlier or FRONT_DESK
        self.departments[conversation] = department
        known = [one["decision"] for one in self.records.get(conversation, []) if "decision" in one]
        decision = {"rule": word, "reason": reason(word), "version": VERSION}
        is_same = bool(earlier and known and not word)
        return {"department": department, "decision": known[-1] if is_same else decision}

    async def send(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer sandbox-api-token":
            return problem_response(401, "the token is not valid")
        message = parse_body(await request.read(), MESSAGE)
        if isinstance(message, list):
            faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in message]
            return problem_response(400, "this cannot be sent", errors=faults)
        conversation = message.conversation_id or ""
        if conversation not in self.records:
            return problem_response(
                404, "there is no such conversation", code="unknown_conversation"
            )
        self.orders.append(message)
        content = json.loads(graph_payload(message))
        entry = outgoing(conversation, content.get("text", {}).get("body", ""), content["type"])
        entry["department"] = self.departments[conversation]
        self.records[conversation].append(entry)
        self.outgoing[entry["id"]] = entry
        entry["wamid"] = await self.offer(conversation, entry, await self.filled(message, content))
        location = {"Location": f"/v1/messages/{entry['id']}"}
        return web.json_response({"id": entry["id"]}, status=202, headers=location)

    async def filled(self, message: Message, content: dict[str, Any]) -> dict[str, Any]:
        """The content with Meta's ids of files and of other messages, which only the mailroom
        knows."""
        known = {one["id"]: one["wamid"] for record in self.records.values() for one in record}
        if (upload := upload_of(message)) and content["type"] == upload.kind:
            content[upload.kind]["id"] = await self.put(*self.uploads[str(upload.id)])
        if isinstance(message, ReactionMessage):
            content["reaction"]["message_id"] = known[str(message.reaction.message_id)]
        if reply_to := getattr(message, "reply_to", None):
            content["context"] = {"message_id": known[str(reply_to)]}
        return content

    async def put(self, kind: str, body: bytes) -> str:
        """A file at Meta's; its id there."""
        form = aiohttp.FormData({"messaging_product": "whatsapp", "type": kind})
        form.add_field("file", body, filename="file", content_type=kind)
        assert self.http
        url = f"{self.graph}/{NUMBER}/media"
        async with self.http.post(url, data=form, headers=TOKEN) as answer:
            id: str = (await answer.json())["id"]
            return id

    async def upload(self, request: web.Request) -> web.Response:
        id = str(clock.new_id())
        self.uploads[id] = (request.content_type, await request.read())
        return web.json_response({"id": id}, status=201)

    async def act(self, request: web.Request) -> web.Response:
        """Pass a conversation on, close it or note something in it."""
        conversation, action = request.match_info["id"], request.match_info["action"]
        order = parse_body(await request.read(), ACTIONS[action])
        if isinstance(order, list):
            faults = [{"pointer": fault.pointer, "detail": fault.detail} for fault in order]
            return problem_response(400, "this cannot be done", errors=faults)
        id = str(clock.new_id())
        if isinstance(order, Read):
            await self.mark(conversation, order)
            return web.json_response({"id": id}, status=202)
        self.orders.append(order)
        await self.steer(id, conversation, order)
        return web.json_response({"id": id}, status=202)

    async def steer(self, id: str, conversation: str, order: object) -> None:
        told: dict[str, Any] = {"conversationId": conversation, "by": {"token": "desk"}}
        told["department"] = self.departments[conversation]
        if isinstance(order, Transfer):
            to = order.department or FRONT_DESK
            told |= {"from": told["department"], "department": to, "assignee": order.employee}
            self.departments[conversation] = to
            told["reason"] = order.reason
            await self.tell("nl.postkamer.conversation-transferred.v1", told)
        if isinstance(order, Close):
            if "officieel" in self.beside.get("tags", []) and not order.outcome:
                self.refused[id] = OUTCOME_NEEDED
                return
            told |= {"reason": order.reason, "outcome": order.outcome}
            await self.tell("nl.postkamer.conversation-closed.v1", told)
        if isinstance(order, Settle):
            went = order.seen == "sent"
            status, finding = ("sent", WENT) if went else ("accepted", SENT_AGAIN)
            reason = f"{finding} ({order.reason})"
            await self.tell_status(self.outgoing[str(order.message)], status, reason)

    async def mark(self, conversation: str, order: Read) -> None:
        """Show the citizen that it was read; no order of which anything comes at the desk."""
        self.reads.append(conversation)
        last = [one["wamid"] for one in self.records[conversation] if one["direction"] == "in"][-1]
        body = {"messaging_product": "whatsapp", "status": "read", "message_id": last}
        body |= {"typing_indicator": {"type": "text"}} if order.typing else {}
        url = f"{self.graph}/{conversation.partition('-')[0]}/messages"
        assert self.http
        async with self.http.post(url, json=body, headers=TOKEN) as answer:
            assert answer.status == 200, await answer.text()

    async def became(self, request: web.Request) -> web.Response:
        reason = self.refused.get(request.match_info["id"])
        return web.json_response({"status": "failed" if reason else "done", "reason": reason})

    async def write_first(
        self, phone: str, number: str, text: str, author: str = "employee"
    ) -> None:
        """A CRM sends to a citizen of whom only the phone number is known."""
        conversation = new_conversation(number)
        entry = outgoing(conversation, text) | {"department": "burgerzaken"}
        entry["author"] = {"kind": author}
        self.departments[conversation] = "burgerzaken"
        self.records[conversation] = [entry]
        self.outgoing[entry["id"]] = entry
        content = {"type": "text", "text": {"body": text}, "to": f"+{phone}"}
        entry["wamid"] = await self.offer(conversation, entry, content)

    async def offer(self, conversation: str, entry: dict[str, Any], content: dict[str, Any]) -> str:
        """Send the message to the Graph API; its wamid."""
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "biz_opaque_callback_data": f"{entry['id']}.1",
        } | content
        body |= {} if "to" in content else self.recipient(conversation)
        url = f"{self.graph}/{conversation.partition('-')[0]}/messages"
        assert self.http
        async with self.http.post(url, json=body, headers=TOKEN) as answer:
            wamid: str = (await answer.json())["messages"][0]["id"]
            return wamid

    def recipient(self, conversation: str) -> dict[str, str]:
        of = next(bsuid for bsuid, id in self.conversations.items() if id == conversation)
        return {"recipient": of}

    async def follow(self, status: dict[str, Any]) -> None:
        id = status["biz_opaque_callback_data"].partition(".")[0]
        entry = self.outgoing[id]
        entry["statuses"].append({"status": status["status"], "at": now()})
        ranks = ["accepted", "sent", "delivered", "read", "failed"]
        entry["status"] = max(entry["status"], status["status"], key=ranks.index)
        await self.tell_status(entry, status["status"])

    async def tell_status(self, entry: dict[str, Any], status: str, reason: str = "") -> None:
        told = {name: entry[name] for name in ("conversationId", "department", "author")}
        about = {"messageId": entry["id"], "status": status, "reason": reason, "at": now()}
        await self.tell(STATUS_CHANGED, told | about)

    async def record(self, request: web.Request) -> web.Response:
        messages = self.records.get(request.match_info["id"])
        if messages is None:
            return problem_response(404, "there is no such conversation")
        return web.json_response({"messages": messages})

    async def conversation(self, _: web.Request) -> web.Response:
        return web.json_response({"history": self.history})

    async def tell(self, kind: str, data: dict[str, Any]) -> None:
        self.sequence += 1
        body, headers = signed_event(kind, data, self.sequence)
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
