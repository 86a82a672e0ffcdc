"""The CRM's door: messages to citizens, accepted once they are safe."""

import hmac
from datetime import datetime
from uuid import UUID

from aiohttp import web

from gateway.intake import Intake, NotDurable
from gateway.orders import KEY_CHARACTERS, Order, fingerprint, is_key, message_id, read_order
from gateway.store import Acceptance, Store
from services import clock, topology
from services.access import Rights
from services.config import Config
from services.contract import Command
from services.guard import guarded
from services.http import json, problem, read_body, unavailable
from services.keyring import Keyring

BODY_BYTES = 64 * 1024
"""A text of 4,096 characters is under 25 KB, whatever its characters and escapes."""
BODY_SECONDS = 10.0


class Api:
    def __init__(self, intake: Intake, store: Store, config: Config, keyring: Keyring) -> None:
        self._intake, self._store = intake, store
        self._config, self._keyring = config, keyring

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/messages", guarded(self.send, self._keyring, "send")),
            web.get(
                "/v1/messages/{id}", guarded(self.read, self._keyring, "send"), allow_head=False
            ),
        ]

    async def send(self, request: web.Request, rights: Rights) -> web.Response:
        """POST /v1/messages: 202 once a quorum holds it."""
        key = request.headers.get("Idempotency-Key", "")
        if not is_key(key):
            needed = f"an Idempotency-Key of 1 to {KEY_CHARACTERS} characters of ASCII is needed"
            return problem(400, "Bad Request", needed)
        try:
            body = await read_body(request, BODY_BYTES, BODY_SECONDS)
        except TimeoutError:
            return problem(408, "Request Timeout", "the body did not arrive in time")
        if body is None:
            return problem(413, "Content Too Large", f"a body is at most {BODY_BYTES} bytes")
        order = read_order(body, self._config)
        if isinstance(order, list):
            return problem(400, "Bad Request", "the body is not what it should be", errors=order)
        return await self._accept(order, rights.name, key, fingerprint(body))

    async def _accept(self, order: Order, token: str, key: str, print: bytes) -> web.Response:
        id = message_id(token, key)
        new = Acceptance(
            id=id,
            token=token,
            kind="message",
            fingerprint=print,
            at=clock.now(),
            conversation=order.conversation,
        )
        accepted = await self._store.accept(new)
        if not hmac.compare_digest(accepted.fingerprint, print):
            return problem(409, "Conflict", "this Idempotency-Key came with another body before")
        if not accepted.confirmed:
            command = _command(order, id, token, accepted.accepted_at)
            partition = topology.partition_of(order.number, self._config.partitions)
            try:
                await self._intake.put([(partition, command)])
            except NotDurable as error:
                return unavailable(str(error))
            await self._store.confirm(id, clock.now())
        return json({"id": id, "status": "accepted"}, 202, {"Location": f"/v1/messages/{id}"})

    async def read(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/messages/{id}."""
        try:
            id = UUID(request.match_info["id"])
        except ValueError:
            return problem(404, "Not Found", "there is no such message")
        message = await self._store.message(id, rights.name)
        if message is None:
            return problem(404, "Not Found", "there is no such message")
        return json(message)


def _command(order: Order, id: UUID, token: str, at: datetime) -> Command:
    return Command(
        id=id,
        received_at=at,
        token=token,
        type="text",
        text=order.text,
        conversation=order.conversation,
        number=order.number,
        to=order.to,
        author=order.author,
    )
