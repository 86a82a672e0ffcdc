"""The Graph API stand-in: accepts messages as Meta does, and sends their statuses."""

import asyncio
import contextlib
from collections import Counter
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from sandbox.meta import (
    graph_errors,
    message_templates,
    number_health,
    send_validation,
    status_timing,
    webhook_payloads,
)
from sandbox.meta.access import ApiAccess, Caller
from sandbox.meta.handsets import ID_LENGTH
from sandbox.meta.pricing import MonthlyPrices
from sandbox.meta.rate_limits import RateLimits
from sandbox.meta.send_validation import Refusal, Send
from sandbox.meta.webhook_payloads import Sent
from sandbox.meta.world import World
from sandbox.organisation import Number
from services import clock
from services.http.problems import json_response

NO_ANSWER_SECONDS = 120.0
"""Time that a missing response is held: longer than any of our clients waits."""
ARRIVAL_STATUSES = frozenset(["delivered", "read"])
"""Statuses that mean that the message reached the phone, which is when Meta charges it."""
WINDOW_CLOSED = 131047
ANOTHER_PORTFOLIO = 131026
"""Error for a user id of another portfolio than the number's, which reaches no user."""


class GraphApi:
    """Routes for messages at both APIs; the version in Meta's address is ignored."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._access = ApiAccess(world)
        self._limits = RateLimits()
        self._prices = MonthlyPrices()
        self._refusals: Counter[str] = Counter()
        self._closing = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/graph/{version}/{number}/messages", self._access.meta(self._messages)),
            web.post("/d360/messages", self._access.bsp(self._messages)),
        ]

    def close(self) -> None:
        """End the requests that get no response, so that the server can stop."""
        self._closing.set()

    async def _messages(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        try:
            body = msgspec.json.decode(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._access.refuse(Refusal(graph_errors.ERRORS[100], "The body is not JSON."))
        if send_validation.is_read_receipt(body):
            return self._read_receipt(body)
        send = send_validation.validate(body)
        if isinstance(send, Refusal):
            return self._access.refuse(send)
        assert caller.number, "both doors name one for messages"
        if send.type == "template" and (fault := self._template_fault(caller.number, send)):
            return self._access.refuse(fault)
        if send.category and (fault := self._direct_send_fault(caller.number)):
            return self._access.refuse(fault)
        return await self._respond(request, self._make_sent(caller.number, send), send)

    def _direct_send_fault(self, number: Number) -> Refusal | None:
        state = self._world.health.of(number).direct_send
        code, details = number_health.DIRECT_SEND_FAULTS.get(state, (0, ""))
        return Refusal(graph_errors.ERRORS[code], details) if code else None

    def _template_fault(self, number: Number, send: Send) -> Refusal | None:
        templates = self._world.templates.of(number.account)
        code, details = message_templates.send_fault(send.content, templates)
        return Refusal(graph_errors.ERRORS[code], details) if code else None

    def _read_receipt(self, body: send_validation.Json) -> web.Response:
        if fault := send_validation.read_receipt_fault(body):
            return self._access.refuse(Refusal(graph_errors.ERRORS[100], fault))
        event = {"wamid": body["message_id"], "typing": "typing_indicator" in body}
        self._world.stream.publish("seen", event | {"at": clock.now()})
        return json_response({"success": True})

    async def _respond(self, request: web.Request, sent: Sent, send: Send) -> web.StreamResponse:
        self._publish_offered(sent, send)
        behaviour = graph_errors.MAGIC.get(sent.phone, graph_errors.NORMAL)
        if code := self._refusal_code(sent, send, behaviour):
            return self._access.refuse(Refusal(graph_errors.ERRORS[code]))
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
        return json_response(send_response(sent, behaviour.message_status))

    def _make_sent(self, number: Number, send: Send) -> Sent:
        handsets = self._world.handsets
        citizen = handsets.find_citizen(send.bsuid) if send.bsuid else None
        phone = citizen.phone if citizen and not citizen.hidden else send.phone
        return Sent(
            wamid=webhook_payloads.wamid(
                phone or send.bsuid[3:14], self._world.chance, outgoing=True
            ),
            number=number,
            phone=phone,
            bsuid=send.bsuid or handsets.find_holder(phone, number.portfolio).bsuid,
            holder=citizen.phone if citizen else phone,
            opaque=send.opaque,
            to_bsuid=bool(send.bsuid),
        )

    def _publish_offered(self, sent: Sent, send: Send) -> None:
        """Show the message and its recipient on the pages: for a citizen who never wrote, a CRM
        gets no event with these."""
        whom = {"phone": sent.phone, "bsuid": send.bsuid}
        what = {"type": send.type, "content": send.content, "at": clock.now()}
        id = sent.opaque[:ID_LENGTH]
        self._world.stream.publish("offered", {"messageId": id} | whom | what)

    def _refusal_code(self, sent: Sent, send: Send, behaviour: graph_errors.Behaviour) -> int:
        """Return the code that refuses the message; 0 if it is accepted."""
        handsets = self._world.handsets
        citizen = handsets.find_citizen(sent.bsuid) if sent.to_bsuid else None
        if citizen and citizen.portfolio != sent.number.portfolio:
            return ANOTHER_PORTFOLIO
        if not send.is_template and handsets.is_window_closed(
            sent.number.id, sent.bsuid, clock.now()
        ):
            return WINDOW_CLOSED
        if self._world.settings.limits and (
            code := self._limits.refusal_code(sent.number.id, sent.bsuid, clock.monotonic())
        ):
            return code
        if behaviour.code == WINDOW_CLOSED and send.is_template:
            return 0
        return self._scripted_code(sent, behaviour)

    def _scripted_code(self, sent: Sent, behaviour: graph_errors.Behaviour) -> int:
        """Return the code that this recipient's number calls for, so many times or always."""
        if not behaviour.code or not behaviour.times:
            return behaviour.code
        self._refusals[sent.phone] += 1
        if self._refusals[sent.phone] <= behaviour.times:
            return behaviour.code
        del self._refusals[sent.phone]
        return 0

    def _accept(self, sent: Sent, send: Send, behaviour: graph_errors.Behaviour) -> None:
        arrives = bool(ARRIVAL_STATUSES & {*behaviour.statuses})
        kind = "template" if send.is_template else send.type
        pricing = self._prices.price(sent, kind, clock.now(), arrives=arrives)
        made = webhook_payloads.template_id(send.content) if send.category else ""
        sent = msgspec.structs.replace(sent, pricing=pricing, template_id=made)
        self._world.handsets.accept(sent, send.type, send.content, clock.now())
        has_arrived = False

        def make_status(name: str) -> bytes:
            nonlocal has_arrived
            if name in ARRIVAL_STATUSES and not has_arrived:
                has_arrived = True
                self._deliver(sent, send)
            body = webhook_payloads.status(sent, name, clock.now(), behaviour.late_code)
            return webhook_payloads.encode(body)

        for seconds, name in status_timing.plan_statuses(
            behaviour, self._world.chance, self._world.settings.status_seconds
        ):
            self._world.webhooks.post_later(
                seconds, partial(make_status, name), carrier=sent.number.provider
            )

    def _deliver(self, sent: Sent, send: Send) -> None:
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


def send_response(sent: Sent, message_status: str = "") -> dict[str, Any]:
    """Return Meta's response to an accepted message, which does not promise delivery."""
    message = {"id": sent.wamid}
    if message_status:
        message["message_status"] = message_status
    if sent.to_bsuid:
        contact = {"input": sent.bsuid, "user_id": sent.bsuid}
    else:
        contact = {"input": f"+{sent.phone}", "wa_id": sent.phone}
    return {
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [message],
    }
