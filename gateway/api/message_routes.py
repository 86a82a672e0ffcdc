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

from gateway.api.command_endpoint import (
    CommandEndpoint,
    CommandRequest,
    conflict,
    transferred,
    validation_problem,
)
from gateway.api.command_store import Store
from gateway.api.consent_routes import Consents
from gateway.api.number_routes import Numbers
from gateway.commands import builder
from gateway.commands.authorization import Access, ConversationView, access_to, read_receipt_refusal
from gateway.commands.graph_payload import upload_of
from gateway.intake import Intake
from gateway.media.upload_store import UploadStore
from gateway.requests import changes, messages
from services import clock
from services.api.json_body import FieldError
from services.config.model import Configuration
from services.contract import REACTION
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.ids import CONVERSATION

SILENT = {
    "marks_off": "this number shows nobody that a message was read",
    "confidential": "a confidential department shows nobody that a message was read",
}


class MessageRoutes:
    def __init__(
        self,
        intake: Intake,
        store: Store,
        uploads: UploadStore,
        config: Configuration,
        keyring: TokenStore,
    ) -> None:
        self._intake, self._store, self._uploads = intake, store, uploads
        self._keyring = keyring
        self.reload(config)

    def reload(self, config: Configuration) -> None:
        """From the next request on; its numbers are those of the start."""
        self._config = config
        self._orders = CommandEndpoint(self._intake, self._store, config, self._keyring)

    def routes(self) -> list[web.RouteDef]:
        read = require_token(self.read, self._keyring, *changes.ORDERING)
        numbers = Numbers(self._orders, self._store, self._config, self._keyring)
        return [
            web.post("/v1/messages", self._orders.handler(self.send, "send")),
            web.get("/v1/messages/{id}", read, allow_head=False),
            *(
                web.post(
                    f"/v1/conversations/{{id}}/{verb}",
                    self._orders.handler(self._changing(change.kind), *change.roles),
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
            return problem_response(404, "Not Found", "there is no such message")
        message = await self._store.message(id, rights)
        if message is None:
            return problem_response(404, "Not Found", "there is no such message")
        return json_response(message)

    async def send(self, _: web.Request, order: CommandRequest) -> web.Response:
        """POST /v1/messages: 202 once a quorum holds it."""
        body = self._orders.read(order, messages.MESSAGE, messages.COMMON)
        named = body.conversation_id
        held = await self._store.conversation(named) if named else None
        if obstacle := await self._message_refusal(body, held, order.rights):
            await self._orders.raise_unless_accepted(order, obstacle)
        new = order.acceptance(
            conversation=held.id if held else "",
            department=held.department if held else "",
            answers=body.type != REACTION,
            last=body.if_last if body.guarded else UNSET,
        )
        return await self._orders.accept(
            order, new, lambda given: builder.message(body, held, given, self._config)
        )

    async def _message_refusal(
        self, body: messages.Message, held: ConversationView | None, rights: Rights
    ) -> web.Response | None:
        """What stands against a message, in the configuration, its file or its conversation."""
        faults = builder.faults(body, rights, self._config)
        faults += builder.consent_date_errors(body, clock.now())
        faults += await self._upload_faults(body, rights)
        seen = access_to(held, rights, body.department or "") if body.conversation_id else "allowed"
        if seen == "unknown":
            faults.append(FieldError("/conversationId", "is no conversation of ours"))
        return _to_response(faults, [seen])

    def _changing(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request, CommandRequest], Awaitable[web.Response]]:
        """POST /v1/conversations/{id}/_verb: 202 once a quorum holds it."""

        async def take(request: web.Request, order: CommandRequest) -> web.Response:
            body = self._orders.read(order, kind)
            id = request.match_info["id"]
            held = await self._store.conversation(id) if CONVERSATION.fullmatch(id) else None
            acting = getattr(body, "from_department", None) or ""
            woken = isinstance(body, changes.Confirm)
            seen = access_to(held, order.rights, acting, anywhere=woken)
            if held is None or seen == "unknown":
                return problem_response(404, "Not Found", "there is no such conversation")
            if obstacle := await self._change_refusal(body, held, order.rights, seen):
                await self._orders.raise_unless_accepted(order, obstacle)
            return await self._orders.accept(
                order, order.acceptance(), lambda given: builder.change(body, held, given)
            )

        return take

    async def _change_refusal(
        self, body: builder.Change, held: ConversationView, rights: Rights, seen: Access
    ) -> web.Response | None:
        """What stands against a change of a conversation that the token may know of."""
        faults = builder.faults(body, rights, self._config)
        standings = [seen]
        if isinstance(body, changes.Merge):
            wrong = builder.merge_faults(body, held)
            other = None if wrong else await self._store.conversation(body.other)
            standings.append("allowed" if wrong else access_to(other, rights, ""))
            if standings[-1] == "unknown":
                wrong = [FieldError("/with", "is no conversation of ours")]
            faults += wrong
        if obstacle := _to_response(faults, standings):
            return obstacle
        if held.closed and isinstance(body, changes.Transfer):
            return conflict("closed", "the conversation is closed")
        if isinstance(body, changes.Read) and (code := read_receipt_refusal(held, self._config)):
            return conflict(code, SILENT[code])
        return None

    async def _upload_faults(self, body: messages.Message, rights: Rights) -> list[FieldError]:
        """What is wrong with the file that a message sends."""
        wanted = upload_of(body)
        if wanted is None:
            return []
        upload = await self._uploads.find(wanted.id, rights)
        if upload is None:
            return [FieldError(wanted.pointer, "is no upload of this token")]
        if wanted.kind not in (possible := dict.fromkeys((upload.kind, "document"))):
            return [FieldError(wanted.pointer, f"can be sent as {' or '.join(possible)} only")]
        return []


def _to_response(faults: list[FieldError], standings: Sequence[Access]) -> web.Response | None:
    """Every fault; when there is none, that a conversation has gone elsewhere."""
    if faults:
        return validation_problem(sorted(faults))
    return transferred() if "transferred" in standings else None
