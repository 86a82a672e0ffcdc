"""The Graph API stand-in: takes messages and media as Meta does, and tells what became of them."""

import asyncio
import contextlib
import hmac
from collections import Counter
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import BodyPartReader, web

from sandbox import faults, media, requests, statuses, webhooks
from sandbox.handsets import ID_LENGTH
from sandbox.limits import Limits
from sandbox.media import Medium
from sandbox.requests import Refusal, Send
from sandbox.town import Number
from sandbox.webhooks import Sent
from sandbox.world import World
from services import clock
from services.http import json

NO_ANSWER_SECONDS = 120.0
"""How long an answer that never comes is held: longer than any client of ours waits."""
CHUNK_BYTES = 64 * 1024
LARGEST_UPLOAD_BYTES = 100 * media.MEGABYTE


class Graph:
    """Everything under /graph/{version}/; the version is not looked at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits = Limits()
        self._refusals: Counter[str] = Counter()
        self._closing = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        root = "/graph/{version}"
        return [
            web.post(root + "/{number}/messages", self._guarded(self._messages)),
            web.post(root + "/{number}/media", self._guarded(self._upload)),
            web.get(root + "/download/{id}", self._guarded(self._download)),
            web.get(root + "/{id}", self._guarded(self._medium)),
            web.delete(root + "/{id}", self._guarded(self._remove)),
        ]

    def close(self) -> None:
        """Let those go who wait for an answer that never comes, so that the server can stop."""
        self._closing.set()

    def _guarded(self, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        expected = f"Bearer {self._world.settings.access_token}".encode()

        async def guarded(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(given, expected):
                return self._refuse(Refusal(faults.ERRORS[190]))
            answer: web.StreamResponse = await handler(request)
            return answer

        return guarded

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._refuse(Refusal(faults.ERRORS[100], "The body is not JSON."))
        number = self._world.town.number(request.match_info["number"])
        if number is None:
            return self._refuse(Refusal(faults.ERRORS[100], "There is no such phone number id."))
        if requests.is_read_receipt(body):
            return self._seen(body)
        send = requests.check(body)
        if isinstance(send, Refusal):
            return self._refuse(send)
        return await self._offer(request, number, send)

    def _seen(self, body: requests.Json) -> web.Response:
        if fault := requests.read_receipt_fault(body):
            return self._refuse(Refusal(faults.ERRORS[100], fault))
        self._world.stream.publish("seen", {"wamid": body["message_id"]})
        return json({"success": True})

    async def _offer(self, request: web.Request, number: Number, send: Send) -> web.StreamResponse:
        sent = self._address(number, send)
        self._tell_offered(sent, send)
        behaviour = faults.MAGIC.get(sent.phone, faults.NORMAL)
        if code := self._refusal(number, sent, behaviour):
            return self._refuse(Refusal(faults.ERRORS[code]))
        if behaviour.answer == "none":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NO_ANSWER_SECONDS):
                    await self._closing.wait()
            return web.Response(status=HTTPStatus.GATEWAY_TIMEOUT)
        self._accept(number, sent, send, behaviour)
        if behaviour.answer == "lost" and request.transport:
            request.transport.abort()
        if behaviour.answer == "html":
            return web.Response(
                status=HTTPStatus.BAD_GATEWAY,
                text="<html>Bad Gateway</html>",
                content_type="text/html",
            )
        return json(receipt(sent))

    def _address(self, number: Number, send: Send) -> Sent:
        known = self._world.handsets.who(send.bsuid) if send.bsuid else None
        phone = known.phone if known and not known.hidden else send.phone
        return Sent(
            wamid=webhooks.wamid(phone or send.bsuid[3:14], self._world.chance, outgoing=True),
            number=number.id,
            phone=phone,
            bsuid=send.bsuid or webhooks.bsuid(phone),
            opaque=send.opaque,
            to_bsuid=bool(send.bsuid),
        )

    def _tell_offered(self, sent: Sent, send: Send) -> None:
        """What is sent and to whom: of a citizen who never wrote, a CRM is told neither."""
        whom = {"phone": sent.phone, "bsuid": send.bsuid}
        what = {"type": send.type, "content": send.content, "at": clock.now()}
        id = sent.opaque[:ID_LENGTH]
        self._world.stream.publish("offered", {"messageId": id} | whom | what)

    def _refusal(self, number: Number, sent: Sent, behaviour: faults.Behaviour) -> int:
        """The code that refuses the message, 0 where it is accepted."""
        if self._world.settings.limits:
            code = self._limits.refused(number.id, sent.bsuid, clock.monotonic())
            if code:
                return code
        if not behaviour.code or not behaviour.times:
            return behaviour.code
        self._refusals[sent.phone] += 1
        if self._refusals[sent.phone] <= behaviour.times:
            return behaviour.code
        del self._refusals[sent.phone]
        return 0

    def _accept(self, number: Number, sent: Sent, send: Send, behaviour: faults.Behaviour) -> None:
        self._world.handsets.accept(sent, send.type, send.content, clock.now())
        arrived = False

        def told(name: str) -> bytes:
            nonlocal arrived
            if name in {"delivered", "read"} and not arrived:
                arrived = True
                self._arrive(sent, send)
            body = webhooks.status(number, sent, name, clock.now(), behaviour.late_code)
            return webhooks.wire(body)

        for seconds, name in statuses.plan(
            behaviour, self._world.chance, self._world.settings.status_seconds
        ):
            self._world.meta.later(seconds, partial(told, name))

    def _arrive(self, sent: Sent, send: Send) -> None:
        """The message appears on the citizen's phone."""
        self._world.handsets.deliver(sent)
        self._world.stream.publish(
            "town",
            {
                "wamid": sent.wamid,
                "number": sent.number,
                "bsuid": sent.bsuid,
                "type": send.type,
                "content": send.content,
                "context": send.context,
                "at": clock.now(),
            },
        )

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if not request.content_type.startswith("multipart/"):
            return self._refuse(Refusal(faults.ERRORS[100], "Expected multipart/form-data."))
        fields: dict[str, str] = {}
        content, mime_type = b"", ""
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "file":
                mime_type = part.headers.get("Content-Type", "").partition(";")[0]
                content = await read_part(part, LARGEST_UPLOAD_BYTES)
            else:
                value = await read_part(part, CHUNK_BYTES)
                fields[part.name or ""] = value.decode(errors="replace")
        if fields.get("messaging_product") != "whatsapp":
            return self._refuse(Refusal(faults.ERRORS[100], "messaging_product is required."))
        mime_type = fields.get("type") or mime_type
        if fault := media.fault(mime_type, len(content)):
            return self._refuse(Refusal(faults.ERRORS[131053], fault))
        return json({"id": self._world.media.add(mime_type, content).id})

    async def _medium(self, request: web.Request) -> web.StreamResponse:
        if not (medium := self._find(request)):
            return self._missing()
        expires = int(clock.now().timestamp()) + media.URL_SECONDS
        path = f"/graph/{request.match_info['version']}/download/{medium.id}"
        url = request.url.origin().with_path(path).with_query(ext=expires)
        return json(medium.answer(str(url)))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        expires = request.query.get("ext", "")
        fresh = expires.isdecimal() and int(expires) >= clock.now().timestamp()
        medium = self._find(request)
        if not fresh or not medium:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(body=medium.content, content_type=medium.mime_type)

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        if not self._world.media.remove(request.match_info["id"]):
            return self._missing()
        return json({"success": True})

    def _find(self, request: web.Request) -> Medium | None:
        return self._world.media.get(request.match_info["id"])

    def _missing(self) -> web.Response:
        return self._refuse(Refusal(faults.ERRORS[100], "There is no object with this id."))

    def _refuse(self, refusal: Refusal) -> web.Response:
        trace = f"A{self._world.chance.getrandbits(64):016x}"
        body = faults.answer(refusal.error, details=refusal.details, trace=trace)
        return json(body, status=refusal.error.http)


def receipt(sent: Sent) -> dict[str, Any]:
    """What Meta answers to a message that it accepted; no promise of delivery."""
    if sent.to_bsuid:
        contact = {"input": sent.bsuid, "user_id": sent.bsuid}
    else:
        contact = {"input": f"+{sent.phone}", "wa_id": sent.phone}
    return {
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [{"id": sent.wamid}],
    }


async def read_part(part: BodyPartReader, most: int) -> bytes:
    """A part of a form, cut off after about `most` bytes, which is then too long to be taken."""
    content = bytearray()
    while len(content) <= most and (chunk := await part.read_chunk(CHUNK_BYTES)):
        content += chunk
    return bytes(content)
