"""The CRM's door: messages to citizens and changes of conversations, accepted once they are safe.

What stands against an order is looked for in its body, its token, the configuration and its
conversation; `gateway.orders` does the rest.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from aiohttp import web
from msgspec import UNSET
from pydantic import TypeAdapter

from gateway.api.command_endpoint import Order, Orders, conflict, transferred, unusable
from gateway.api.command_store import Store
from gateway.api.consent_routes import Consents
from gateway.api.number_routes import Numbers
from gateway.commands import builder
from gateway.commands.authorization import Held, Standing, silence, standing
from gateway.commands.graph_payload import upload_of
from gateway.intake import Intake
from gateway.media.upload_store import Uploads
from gateway.requests import changes, messages
from services import clock
from services.api.json_body import Fault
from services.config.model import Config
from services.contract import REACTION
from services.http.bearer_auth import guarded
from services.http.problems import json, problem
from services.http.rights import Rights
from services.http.token_store import Keyring
from services.ids import CONVERSATION

SILENT = {
    "marks_off": "this number shows nobody that a message was read",
    "confidential": "a confidential department shows nobody that a message was read",
}


class Api:
    def __init__(
        self, intake: Intake, store: Store, uploads: Uploads, config: Config, keyring: Keyring
    ) -> None:
        self._intake, self._store, self._uploads = intake, store, uploads
        self._keyring = keyring
        self.go_by(config)

    def go_by(self, config: Config) -> None:
        """From the next request on; its numbers are those of the start."""
        self._config = config
        self._orders = Orders(self._intake, self._store, config, self._keyring)

    def routes(self) -> list[web.RouteDef]:
        read = guarded(self.read, self._keyring, *changes.ORDERING)
        numbers = Numbers(self._orders, self._store, self._config, self._keyring)
        return [
            web.post("/v1/messages", self._orders.taking(self.send, "send")),
            web.get("/v1/messages/{id}", read, allow_head=False),
            *(
                web.post(
                    f"/v1/conversations/{{id}}/{verb}",
                    self._orders.taking(self._changing(change.kind), *change.roles),
                )
                for verb, change in changes.VERBS.items()
            ),
            *numbers.routes(),
            *Consents(self._orders, self._config).routes(),
        ]

    async def read(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/messages/{id}: of the token's own orders."""
        try:
            id = UUID(request.match_info["id"])
        except ValueError:
            return problem(404, "Not Found", "there is no such message")
        message = await self._store.message(id, rights)
        if message is None:
            return problem(404, "Not Found", "there is no such message")
        return json(message)

    async def send(self, _: web.Request, order: Order) -> web.Response:
        """POST /v1/messages: 202 once a quorum holds it."""
        body = self._orders.read(order, messages.MESSAGE, messages.COMMON)
        named = body.conversation_id
        held = await self._store.conversation(named) if named else None
        if obstacle := await self._obstacle(body, held, order.rights):
            await self._orders.unless_accepted(order, obstacle)
        new = order.acceptance(
            conversation=held.id if held else "",
            department=held.department if held else "",
            answers=body.type != REACTION,
            last=body.if_last if body.guarded else UNSET,
        )
        return await self._orders.accept(
            order, new, lambda given: builder.message(body, held, given, self._config)
        )

    async def _obstacle(
        self, body: messages.Message, held: Held | None, rights: Rights
    ) -> web.Response | None:
        """What stands against a message, in the configuration, its file or its conversation."""
        faults = builder.faults(body, rights, self._config)
        faults += builder.given_faults(body, clock.now())
        faults += await self._upload_faults(body, rights)
        seen = standing(held, rights, body.department or "") if body.conversation_id else "allowed"
        if seen == "unknown":
            faults.append(Fault("/conversationId", "is no conversation of ours"))
        return _against(faults, [seen])

    def _changing(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request, Order], Awaitable[web.Response]]:
        """POST /v1/conversations/{id}/_verb: 202 once a quorum holds it."""

        async def take(request: web.Request, order: Order) -> web.Response:
            body = self._orders.read(order, kind)
            id = request.match_info["id"]
            held = await self._store.conversation(id) if CONVERSATION.fullmatch(id) else None
            acting = getattr(body, "from_department", None) or ""
            woken = isinstance(body, changes.Confirm)
            seen = standing(held, order.rights, acting, anywhere=woken)
            if held is None or seen == "unknown":
                return problem(404, "Not Found", "there is no such conversation")
            if obstacle := await self._hindrance(body, held, order.rights, seen):
                await self._orders.unless_accepted(order, obstacle)
            return await self._orders.accept(
                order, order.acceptance(), lambda given: builder.change(body, held, given)
            )

        return take

    async def _hindrance(
        self, body: builder.Change, held: Held, rights: Rights, seen: Standing
    ) -> web.Response | None:
        """What stands against a change of a conversation that the token may know of."""
        faults = builder.faults(body, rights, self._config)
        standings = [seen]
        if isinstance(body, changes.Merge):
            wrong = builder.merge_faults(body, held)
            other = None if wrong else await self._store.conversation(body.other)
            standings.append("allowed" if wrong else standing(other, rights, ""))
            if standings[-1] == "unknown":
                wrong = [Fault("/with", "is no conversation of ours")]
            faults += wrong
        if obstacle := _against(faults, standings):
            return obstacle
        if held.closed and isinstance(body, changes.Transfer):
            return conflict("closed", "the conversation is closed")
        if isinstance(body, changes.Read) and (code := silence(held, self._config)):
            return conflict(code, SILENT[code])
        return None

    async def _upload_faults(self, body: messages.Message, rights: Rights) -> list[Fault]:
        """What is wrong with the file that a message sends."""
        wanted = upload_of(body)
        if wanted is None:
            return []
        upload = await self._uploads.find(wanted.id, rights)
        if upload is None:
            return [Fault(wanted.pointer, "is no upload of this token")]
        if wanted.kind not in (possible := dict.fromkeys((upload.kind, "document"))):
            return [Fault(wanted.pointer, f"can be sent as {' or '.join(possible)} only")]
        return []


def _against(faults: list[Fault], standings: Sequence[Standing]) -> web.Response | None:
    """Every fault; when there is none, that a conversation has gone elsewhere."""
    if faults:
        return unusable(sorted(faults))
    return transferred() if "transferred" in standings else None
