"""Routes of the citizens' phones: their messages go to the gateway as webhooks of Meta."""

import asyncio
import contextlib
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from sandbox.meta import media_store, status_timing, webhook_payloads
from sandbox.meta.webhook_payloads import Citizen
from sandbox.meta.world import World
from sandbox.organisation import Number
from sandbox.phone import message_input
from sandbox.phone.message_input import PhoneMessage
from services import clock
from services.http.body import read_body
from services.http.problems import json_response, problem_response

MAX_LISTED = 1_000
"""Most messages in one response."""
UPLOAD_SECONDS = 30.0


class ReadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /phone/read."""

    number: str
    phone: str


EXAMPLES = (
    Citizen("31600000011", "Fatima El Amrani"),
    Citizen("31600000012", "Jan de Boer"),
    Citizen("31600000013", "Sanne Visser"),
    Citizen("31600000014", "Piotr Kowalski"),
    Citizen("31600000015", "Noor", hidden=True),
)
"""Example citizens; 06-00 numbers are never assigned. The last one hides her number."""

TROUBLED = (
    Citizen("31602131047", "Mila Janssen"),
    Citizen("31601131047", "Kees Mulder"),
    Citizen("31600131026", "Aylin Demir"),
    Citizen("31600000499", "Tom Bakker"),
    Citizen("31602130429", "Ravi Sharma"),
    Citizen("31603000000", "Els Smit"),
)
"""Citizens whose numbers are in `graph_errors.MAGIC`, so that sending to them goes wrong."""


class Phone:
    def __init__(self, world: World, samples: dict[str, bytes]) -> None:
        self._world = world
        self._samples = samples

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/phone/messages", self._send),
            web.post("/phone/media", self._upload),
            web.get("/phone/media/{id}", self._show),
            web.post("/phone/read", self._read),
            web.get("/phone/received", self._received),
            web.get("/phone/summary", self._summary),
            web.delete("/phone/received", self._clear),
        ]

    async def _send(self, request: web.Request) -> web.Response:
        try:
            outgoing = msgspec.json.decode(await request.read(), type=PhoneMessage)
            number = self._world.numbers.get(outgoing.number)
            if number is None:
                raise ValueError("number: is not in postkamer.toml")
            content = message_input.make_content(outgoing, number, self._file)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            return problem_response(400, "this message cannot be sent", str(error))
        citizen = message_input.make_citizen(outgoing, number)
        self._world.handsets.add_citizen(citizen)
        self._world.handsets.record_written(number.id, citizen.bsuid, clock.now())
        id = webhook_payloads.wamid(citizen.phone, self._world.chance, outgoing=False)
        self._publish(outgoing, citizen, id, content)
        message = webhook_payloads.message(citizen, id, clock.now(), content)
        body = webhook_payloads.encode(webhook_payloads.incoming(number, citizen, message))
        status = await self._post(outgoing, number, id, body)
        accepted = status == HTTPStatus.OK
        answer = {"wamid": id, "bsuid": citizen.bsuid, "accepted": accepted, "gateway": status}
        return json_response(answer, status=200 if accepted else 202)

    async def _post(self, outgoing: PhoneMessage, number: Number, id: str, body: bytes) -> int:
        """Post the message to the gateway. Return the gateway's status, a refusal if any of several
        copies had one, and 0 if there is no status yet."""
        accepted = asyncio.Event()

        def on_status(status: int) -> None:
            self._world.stream.publish("webhook", {"wamid": id, "status": status})
            if status == HTTPStatus.OK:
                accepted.set()

        meta, carrier, copies = self._world.webhooks, number.provider, range(outgoing.copies)
        if outgoing.late:
            for _ in copies:
                meta.post_later(outgoing.late, lambda: body, carrier=carrier, on_status=on_status)
            status = 0
        else:
            posts = [meta.post_now(body, carrier=carrier, on_status=on_status) for _ in copies]
            status = min(await asyncio.gather(*posts), key=lambda one: one == HTTPStatus.OK)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(outgoing.wait):
                await accepted.wait()
        return HTTPStatus.OK if outgoing.wait and accepted.is_set() else status

    def _file(self, outgoing: PhoneMessage) -> webhook_payloads.Json:
        if outgoing.media:
            medium = self._world.media.get(outgoing.media)
            if medium is None:
                raise ValueError("media: there is no such file")
            return medium.webhook_fields()
        name = outgoing.sample or next(iter(self._samples))
        if name not in self._samples:
            raise ValueError("sample: there is no such picture")
        return self._world.media.add("image/png", self._samples[name]).webhook_fields()

    def _publish(
        self, outgoing: PhoneMessage, citizen: Citizen, id: str, content: webhook_payloads.Json
    ) -> None:
        event: dict[str, Any] = {"wamid": id, "number": outgoing.number, "phone": citizen.phone}
        event |= {"bsuid": citizen.bsuid, "content": content, "sample": outgoing.sample}
        event |= {"at": clock.now()}
        self._world.stream.publish("citizen", event)

    async def _upload(self, request: web.Request) -> web.Response:
        largest = media_store.LARGEST.get(request.content_type, 0)
        content = await read_body(request, largest, UPLOAD_SECONDS) or b""
        if fault := media_store.upload_fault(request.content_type, len(content)):
            return problem_response(400, "this file cannot be sent", fault)
        return json_response(
            {"id": self._world.media.add(request.content_type, content).id}, status=201
        )

    async def _show(self, request: web.Request) -> web.Response:
        medium = self._world.media.get(request.match_info["id"])
        if medium is None:
            return problem_response(404, "there is no such file")
        return web.Response(body=medium.content, content_type=medium.mime_type)

    async def _read(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=ReadRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "expected number and phone", str(error))
        unread = self._world.handsets.mark_read(body.number, body.phone.removeprefix("+"))
        for sent in unread:
            self._send_read_status(sent)
        return json_response({"read": len(unread)})

    def _send_read_status(self, sent: webhook_payloads.Sent) -> None:
        seconds = status_timing.read_delay(self._world.chance, self._world.settings.status_seconds)

        def make() -> bytes:
            return webhook_payloads.encode(webhook_payloads.status(sent, "read", clock.now()))

        self._world.webhooks.post_later(seconds, make, carrier=sent.number.provider)

    async def _received(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not after.isdecimal():
            return problem_response(400, "after: expected a whole number")
        return json_response(self._world.handsets.messages_after(int(after), MAX_LISTED))

    async def _summary(self, _: web.Request) -> web.Response:
        counts = self._world.handsets.summary() | {"webhooksWaiting": self._world.webhooks.waiting}
        return json_response(counts | {"webhooks": self._world.webhooks.counts})

    async def _clear(self, _: web.Request) -> web.Response:
        self._world.handsets.clear()
        return web.Response(status=204)
