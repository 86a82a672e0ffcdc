"""The Graph API stand-in: accepts messages as Meta does, and sends their statuses."""

import asyncio
import contextlib
from collections import Counter
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from sandbox.meta import graph_errors, send_validation, status_timing, webhook_payloads
from sandbox.meta.access import Doors, Visit
from sandbox.meta.handsets import ID_LENGTH
from sandbox.meta.pricing import Prices
from sandbox.meta.rate_limits import Limits
from sandbox.meta.send_validation import Refusal, Send
from sandbox.meta.webhook_payloads import Sent
from sandbox.meta.world import World
from sandbox.organisation import Number
from services import clock
from services.http.problems import json_response

NO_ANSWER_SECONDS = 120.0
"""Time that a missing response is held: longer than any of our clients waits."""
ARRIVES = frozenset(["delivered", "read"])
"""Statuses that mean that the message reached the phone, which is when Meta charges it."""
TOO_LATE = 131047
ANOTHER_PORTFOLIO = 131026
"""Error for a user id of another portfolio than the number's, which reaches no user."""


class Graph:
    """Routes for messages at both APIs; the version in Meta's address is ignored."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._doors = Doors(world)
        self._limits = Limits()
        self._prices = Prices()
        self._refusals: Counter[str] = Counter()
        self._closing = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/graph/{version}/{number}/messages", self._doors.meta(self._messages)),
            web.post("/d360/messages", self._doors.bsp(self._messages)),
        ]

    def close(self) -> None:
        """End the requests that get no response, so that the server can stop."""
        self._closing.set()

    async def _messages(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._doors.refuse(Refusal(graph_errors.ERRORS[100], "The body is not JSON."))
        if send_validation.is_read_receipt(body):
            return self._seen(body)
        send = send_validation.check(body)
        if isinstance(send, Refusal):
            return self._doors.refuse(send)
        assert visit.number, "both doors name one for messages"
        return await self._offer(request, self._address(visit.number, send), send)

    def _seen(self, body: send_validation.Json) -> web.Response:
        if fault := send_validation.read_receipt_fault(body):
            return self._doors.refuse(Refusal(graph_errors.ERRORS[100], fault))
        seen = {"wamid": body["message_id"], "typing": "typing_indicator" in body}
        self._world.stream.publish("seen", seen | {"at": clock.now()})
        return json_response({"success": True})

    async def _offer(self, request: web.Request, sent: Sent, send: Send) -> web.StreamResponse:
        self._tell_offered(sent, send)
        behaviour = graph_errors.MAGIC.get(sent.phone, graph_errors.NORMAL)
        if code := self._refusal(sent, send.type, behaviour):
            return self._doors.refuse(Refusal(graph_errors.ERRORS[code]))
        if behaviour.answer == "none":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NO_ANSWER_SECONDS):
                    await self._closing.wait()
            return web.Response(status=HTTPStatus.GATEWAY_TIMEOUT)
        self._accept(sent, send, behaviour)
        if behaviour.answer == "lost" and request.transport:
            request.transport.abort()
        if behaviour.answer == "html":
            return web.Response(
                status=HTTPStatus.BAD_GATEWAY,
                text="<html>Bad Gateway</html>",
                content_type="text/html",
            )
        return json_response(receipt(sent))

    def _address(self, number: Number, send: Send) -> Sent:
        handsets = self._world.handsets
        known = handsets.who(send.bsuid) if send.bsuid else None
        phone = known.phone if known and not known.hidden else send.phone
        return Sent(
            wamid=webhook_payloads.wamid(
                phone or send.bsuid[3:14], self._world.chance, outgoing=True
            ),
            number=number,
            phone=phone,
            bsuid=send.bsuid or handsets.holding(phone, number.portfolio).bsuid,
            holder=known.phone if known else phone,
            opaque=send.opaque,
            to_bsuid=bool(send.bsuid),
        )

    def _tell_offered(self, sent: Sent, send: Send) -> None:
        """Show the message and its recipient on the pages: for a citizen who never wrote, a CRM
        gets no event with these."""
        whom = {"phone": sent.phone, "bsuid": send.bsuid}
        what = {"type": send.type, "content": send.content, "at": clock.now()}
        id = sent.opaque[:ID_LENGTH]
        self._world.stream.publish("offered", {"messageId": id} | whom | what)

    def _refusal(self, sent: Sent, type: str, behaviour: graph_errors.Behaviour) -> int:
        """Return the code that refuses the message; 0 if it is accepted."""
        handsets = self._world.handsets
        known = handsets.who(sent.bsuid) if sent.to_bsuid else None
        if known and known.portfolio != sent.number.portfolio:
            return ANOTHER_PORTFOLIO
        if type != "template" and handsets.closed(sent.number.id, sent.bsuid, clock.now()):
            return TOO_LATE
        if self._world.settings.limits:
            code = self._limits.refused(sent.number.id, sent.bsuid, clock.monotonic())
            if code:
                return code
        return (
            0 if (behaviour.code, type) == (TOO_LATE, "template") else self._told(sent, behaviour)
        )

    def _told(self, sent: Sent, behaviour: graph_errors.Behaviour) -> int:
        """Return the code that this recipient's number calls for, so many times or always."""
        if not behaviour.code or not behaviour.times:
            return behaviour.code
        self._refusals[sent.phone] += 1
        if self._refusals[sent.phone] <= behaviour.times:
            return behaviour.code
        del self._refusals[sent.phone]
        return 0

    def _accept(self, sent: Sent, send: Send, behaviour: graph_errors.Behaviour) -> None:
        arrives = bool(ARRIVES & {*behaviour.statuses})
        pricing = self._prices.of(sent, send.type, clock.now(), arrives=arrives)
        sent = msgspec.structs.replace(sent, pricing=pricing)
        self._world.handsets.accept(sent, send.type, send.content, clock.now())
        arrived = False

        def told(name: str) -> bytes:
            nonlocal arrived
            if name in ARRIVES and not arrived:
                arrived = True
                self._arrive(sent, send)
            body = webhook_payloads.status(sent, name, clock.now(), behaviour.late_code)
            return webhook_payloads.wire(body)

        for seconds, name in status_timing.plan(
            behaviour, self._world.chance, self._world.settings.status_seconds
        ):
            self._world.meta.later(seconds, partial(told, name), by=sent.number.provider)

    def _arrive(self, sent: Sent, send: Send) -> None:
        """The message appears on the citizen's phone."""
        self._world.handsets.deliver(sent)
        self._world.stream.publish(
            "town",
            {
                "wamid": sent.wamid,
                "number": sent.number.id,
                "bsuid": sent.bsuid,
                "phone": sent.chat[1],
                "type": send.type,
                "content": send.content,
                "context": send.context,
                "at": clock.now(),
            },
        )


def receipt(sent: Sent) -> dict[str, Any]:
    """Return Meta's response to an accepted message, which does not promise delivery."""
    if sent.to_bsuid:
        contact = {"input": sent.bsuid, "user_id": sent.bsuid}
    else:
        contact = {"input": f"+{sent.phone}", "wa_id": sent.phone}
    return {
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [{"id": sent.wamid}],
    }
