"""Requests of a CRM to gateway and archiver about the citizens of a run, right and wrong ones, and
every word of a refusal."""

import asyncio
import json
from collections import Counter
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

from gateway.requests.changes import VERBS
from sandbox.meta.webhook_payloads import wamid
from services import clock
from tests.support.citizens import NUMBER
from tests.support.observer import Watch
from tests.support.pii_markers import Marks, phone
from tests.support.tokens import bearer

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
AUTHOR = {"kind": "employee", "id": "sanne"}
NOBODYS = f"{NUMBER}-{'a' * 26}"
QUIET_SECONDS = 5.0


class Asked:
    """Calls of one run; what was answered to those that were refused."""

    def __init__(self, watch: Watch, marks: Marks, token: str) -> None:
        self.town, self.marks, self._http, self._token = watch.town, marks, watch.session, token
        self.errors: list[str] = []
        """Status, headers and body of each answer from 400 on."""
        self.addresses: list[str] = []
        """`Location`s, of all answers."""
        self.answers: Counter[int] = Counter()

    async def ask(self, method: str, url: str, *, token: str = "", **more: Any) -> bytes:
        given = {"Idempotency-Key": str(clock.new_id())} | bearer(token or self._token)
        given |= more.pop("headers", {})
        async with self._http.request(method, url, headers=given, **more) as answer:
            said = await answer.read()
            self.answers[answer.status] += 1
            if answer.status >= 400:
                self.errors.append(f"{answer.status} {dict(answer.headers)}")
                self.errors += said.decode(errors="replace").splitlines()
            self.addresses.append(answer.headers.get("Location", ""))
            return said

    async def raw(self, door: str, sent: bytes) -> None:
        """Send bytes that are no HTTP, and count the answer."""
        address = urlsplit(door)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(sent)
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                said = await reader.read()
        finally:
            writer.close()
        self.answers[int(said.split()[1])] += 1
        self.errors += said.decode(errors="replace").splitlines()

    async def post(self, path: str, body: Any, **more: Any) -> bytes:
        return await self.ask("POST", self.town.gateway + path, json=body, **more)

    async def orders(self, conversation: str, citizen: int) -> None:
        """All that a desk does with one conversation, and what it may not."""
        where = f"/v1/conversations/{conversation}"
        said = self.marks
        to = {"conversationId": conversation, "author": AUTHOR}
        for content in good(said, citizen):
            await self.post("/v1/messages", to | content)
        await self.post(f"{where}/_note", {"text": f"{said['note']} {phone(citizen)}"})
        for wrong in wrong_orders(said, citizen):
            await self.post("/v1/messages", to | wrong)
        strange = {said["note"]: phone(citizen), phone(citizen): said["name"]}
        for verb in VERBS:
            await self.post(f"{where}/{verb}", strange)
            await self.post(f"/v1/conversations/{said['path']}{phone(citizen)}/{verb}", strange)
        reason = {"department": "belastingen", "reason": f"{said['note']} {phone(citizen)}"}
        await self.post(f"{where}/_transfer", reason | {"department": said["name"]})
        await self.post(f"{where}/_transfer", reason)
        await self._twice(to | {"type": "text", "text": {"body": said["answer"]}})
        nobodys = to | {"conversationId": NOBODYS} | good(said, citizen)[0]
        await self.post("/v1/messages", nobodys)
        closing = {"reason": f"{said['note']} klaar", "outcome": "handled"}
        await self.post(f"{where}/_close", closing)

    async def _twice(self, order: dict[str, Any]) -> None:
        """Send an order with one key and other words, and with an answer in between."""
        key = {"Idempotency-Key": f"{self.marks['path']}".encode("ascii", "replace").decode()}
        await self.post("/v1/messages", order, headers=key)
        other = order | {"text": {"body": f"{self.marks['answer']} anders"}}
        await self.post("/v1/messages", other, headers=key)
        await self.post("/v1/messages", order | {"ifLast": None})

    async def to_new(self, citizens: range) -> None:
        """Write to citizens by their telephone numbers."""
        for n in citizens:
            text = {"type": "text", "text": {"body": f"{self.marks['answer']} {n}"}}
            await self.post("/v1/messages", {"number": NUMBER, "to": f"+{phone(n)}"} | text)
        for to in (
            phone(n),
            f"06{phone(n)[3:]}",
            f"+{phone(n)} {self.marks['name']}",
            {"a": to_of(n)},
        ):
            await self.post("/v1/messages", {"number": NUMBER, "to": to} | text)
            await self.post("/v1/consents", {"number": NUMBER, "to": to, "source": to})
        await self.post("/v1/messages", {"number": phone(n), "to": f"+{phone(n)}"} | text)

    async def uploads(self, conversation: str) -> None:
        """Files with names: some taken, some not what they say, some under a key of another."""
        url, name = f"{self.town.gateway}/v1/media", self.marks["filename"]
        named = f"attachment; filename*=UTF-8''{quote(name)}.jpg"
        given = {"Content-Type": "image/jpeg", "Content-Disposition": named}
        made = await self.ask("POST", url, data=JPEG, headers=given | {"Idempotency-Key": "photo"})
        media = {"kind": "image", "id": json.loads(made)["id"], "caption": self.marks["caption"]}
        order = {"conversationId": conversation, "author": AUTHOR, "type": "media", "media": media}
        await self.post("/v1/messages", order)
        for type, content, key in (
            ("image/jpeg", JPEG + b"x", "photo"),
            ("image/jpeg", name.encode(), "1"),
            ("application/pdf", name.encode() * 9, "2"),
            (quote(name), JPEG, "3"),
            ("image/png", b"", "4"),
        ):
            wrong = given | {"Content-Type": type, "Idempotency-Key": f"wrong-{key}"}
            await self.ask("POST", url, data=content, headers=wrong)

    async def reads(self, conversation: str, citizen: int, files: list[str]) -> None:
        """Read the record: things that exist, and personal data that has no place in an address."""
        archiver, said = self.town.archiver, self.marks
        there = f"{archiver}/v1/conversations/{conversation}"
        page = json.loads(await self.ask("GET", f"{there}/messages?limit=5"))
        await self.ask("GET", there)
        await self.ask("GET", f"{archiver}/v1/messages/{page['messages'][0]['id']}")
        for link in files:
            await self.ask("GET", archiver + link)
        personal = (
            quote(f"{said['path']} +{phone(citizen)}"),
            quote(wamid_of(citizen)),
            phone(citizen),
        )
        for door in (archiver, self.town.gateway):
            for one in personal:
                for path in ("conversations", "messages", "media", one):
                    await self.ask("GET", f"{door}/v1/{path}/{one}?of={one}")
                    await self.ask("DELETE", f"{door}/v1/{path}/{one}")
                await self.ask("GET", f"{door}/v1/messages/x", token=one)
                await self.ask("GET", f"{door}/{one}")
                await self.ask("POST", f"{door}/webhooks/whatsapp/{one}", data=one)
        for one in personal:
            await self.ask("GET", f"{there}/messages?limit={one}&after={one}&{one}={one}")
            handshake = f"hub.mode={one}&hub.verify_token={one}&hub.challenge={one}"
            await self.ask("GET", f"{self.town.gateway}/webhooks/whatsapp?{handshake}")

    async def nonsense(self, citizen: int) -> None:
        """Send bytes that are hardly HTTP to every port."""
        said = f"{self.marks['path']} {phone(citizen)}".encode()
        doors = [
            self.town.operations(name) for name in ("gateway", "router", "deliverer", "archiver")
        ]
        for door in (self.town.gateway, self.town.archiver, *doors):
            await self.raw(door, said + b"\r\n\r\n")
            await self.raw(door, b"GET /" + said.replace(b" ", b"/") + b" HTTP/9\r\n\r\n")
            await self.raw(door, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + said * 300 + b"\r\n\r\n")
            await self.raw(door, b"GET / HTTP/1.1\r\nHost: x\r\n" + said + b"\r\n\r\n")
            await self.ask("GET", f"{door}/{phone(citizen)}")
            await self.ask("POST", f"{door}/metrics", data=said)


def to_of(n: int) -> str:
    return f"+{phone(n)}"


def wamid_of(n: int) -> str:
    return wamid(phone(n), Random(n), outgoing=False)


def good(said: Marks, citizen: int) -> list[dict[str, Any]]:
    """Answers of several kinds, each with somebody in it."""
    name, number = said["card"], f"+{phone(citizen)}"
    buttons = [{"id": "ma", "title": said["button"]}, {"id": "di", "title": "Dinsdag"}]
    card = {"name": {"formattedName": name, "firstName": name}, "phones": [{"phone": number}]}
    place = {"latitude": 52.35, "longitude": 6.66, "name": said["place"], "address": said["place"]}
    body = f"{said['answer']} {number}"
    return [
        {"type": "text", "text": {"body": body}},
        {
            "type": "interactive",
            "interactive": {"kind": "buttons", "body": body, "buttons": buttons},
        },
        {"type": "location", "location": place},
        {"type": "contacts", "contacts": [card]},
    ]


def wrong_orders(said: Marks, citizen: int) -> list[dict[str, Any]]:
    """Each refused, or at least odd, with somebody in every place where something can be."""
    number = phone(citizen)
    return [
        {"type": "text", "text": {"body": f"{said['answer']}\0{number}"}},
        {"type": "text", "text": {"body": f"{said['answer']} {number} " * 400}},
        {"type": "text", "text": said["answer"]},
        {"type": said["answer"], "text": {"body": number}},
        {"type": "text", "text": {"body": "x", number: said["name"]}, f"+{number}": number},
        {"type": "text", "text": {"body": "x"}, said["name"]: said["name"]},
        {"type": "text", "text": {"body": "x"}, wamid_of(citizen): 1},
        {"type": "text", "text": {"body": "x"}, "ifLast": said["answer"], "replyTo": number},
        {"type": "text", "text": {"body": "x"}, "author": {"kind": said["name"], "id": number}},
        {"type": "text", "text": {"body": "x"}, "conversationId": f"{said['path']}{number}"},
        {"type": "text", "text": {"body": "x"}, "replyTo": str(clock.new_id())},
        {"type": "reaction", "reaction": {"emoji": said["answer"], "messageId": number}},
        {"type": "contacts", "contacts": [{"name": {"formattedName": ""}, number: said["card"]}]},
        {"type": "location", "location": {"latitude": said["place"], "longitude": number}},
        {"type": "media", "media": {"kind": "image", "link": f"{said['path']}://{number}"}},
        {"type": "media", "media": {"kind": "image", "id": number, "caption": said["caption"]}},
        {"type": "template", "template": {"name": said["answer"], "language": number}},
        {"type": "interactive", "interactive": {"kind": said["button"], "body": number}},
    ]
