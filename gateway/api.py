"""The CRM's door: messages to citizens and changes of conversations, accepted once they are safe.

Every order goes the same way: its key, its body, the conversation that it is for, what its token
may do there; then it is written down, published, confirmed, answered.
"""

import hmac
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET
from pydantic import TypeAdapter

from gateway import bodies, commands, keys
from gateway.commands import Given
from gateway.contents import upload_of
from gateway.intake import Intake, NotDurable
from gateway.reading import BODY_BYTES, Fault, read
from gateway.standing import Held, standing
from gateway.store import Acceptance, Accepted, AnsweredMeanwhile, Store
from gateway.uploads import Uploads
from services import clock, topology
from services.access import Rights
from services.config import Config
from services.contract import Command
from services.guard import guarded
from services.http import json, problem, read_body, unavailable
from services.keyring import Keyring

BODY_SECONDS = 10.0
TAKEN = ("application/json", "application/x-www-form-urlencoded")
"""Content types of an order. The second is what curl and its like say when nobody told them; what
comes under it is read as JSON too."""
CHANGES: dict[str, TypeAdapter[Any]] = {
    "_transfer": bodies.TRANSFER,
    "_close": bodies.CLOSE,
    "_note": bodies.NOTE,
    "_link": bodies.TIE,
}
"""What may be done with a conversation, beside answering in it."""

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a request for an order says of itself: its key makes it this one and no other."""

    rights: Rights
    path: str
    key: str
    body: bytes

    @property
    def id(self) -> UUID:
        return keys.command_id(self.rights.name, self.key)

    @property
    def fingerprint(self) -> bytes:
        return keys.fingerprint(self.path, self.body)

    def acceptance(self, kind: str, held: Held | None, **more: Any) -> Acceptance:
        return Acceptance(
            id=self.id,
            token=self.rights.name,
            kind=kind,
            fingerprint=self.fingerprint,
            at=clock.now(),
            conversation=held.id if held else "",
            **more,
        )


class Api:
    def __init__(
        self, intake: Intake, store: Store, uploads: Uploads, config: Config, keyring: Keyring
    ) -> None:
        self._intake, self._store, self._uploads = intake, store, uploads
        self._config, self._keyring = config, keyring

    def routes(self) -> list[web.RouteDef]:
        send = guarded(self.send, self._keyring, "send")
        read = guarded(self.read, self._keyring, "send")
        return [
            web.post("/v1/messages", send),
            web.get("/v1/messages/{id}", read, allow_head=False),
            *(
                web.post(f"/v1/conversations/{{id}}/{name}", self._changing(kind))
                for name, kind in CHANGES.items()
            ),
        ]

    async def read(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/messages/{id}: of the token's own."""
        try:
            id = UUID(request.match_info["id"])
        except ValueError:
            return problem(404, "Not Found", "there is no such message")
        message = await self._store.message(id, rights.name)
        if message is None:
            return problem(404, "Not Found", "there is no such message")
        return json(message)

    async def send(self, request: web.Request, rights: Rights) -> web.Response:
        """POST /v1/messages: 202 once a quorum holds it."""
        if closed := self._intake.refusal():
            return unavailable(closed)
        asked = await _asked(request, rights)
        if isinstance(asked, web.Response):
            return asked
        body = self._read(asked, bodies.MESSAGE, bodies.COMMON)
        if isinstance(body, web.Response):
            return body
        if faults := await self._upload_faults(body, rights):
            return _unusable(faults)
        held = None
        if body.conversation_id:
            held = await self._store.conversation(body.conversation_id)
            seen = standing(held, rights, body.department or "")
            if seen != "allowed" and not await self._store.accepted(asked.id):
                gone = [Fault("/conversationId", "is no conversation of ours")]
                return _transferred() if seen == "transferred" else _unusable(gone)
        last = body.if_last if body.guarded else UNSET
        new = asked.acceptance("message", held, last=last)
        return await self._accept(
            asked, new, lambda given: commands.message(body, held, given, self._config)
        )

    def _changing(self, kind: TypeAdapter[Any]) -> Callable[[web.Request], Any]:
        """The handler of POST /v1/conversations/{id}/_verb."""

        async def handler(request: web.Request, rights: Rights) -> web.Response:
            if closed := self._intake.refusal():
                return unavailable(closed)
            asked = await _asked(request, rights)
            if isinstance(asked, web.Response):
                return asked
            body = self._read(asked, kind)
            if isinstance(body, web.Response):
                return body
            held = await self._store.conversation(request.match_info["id"])
            acting = getattr(body, "from_department", None) or ""
            seen = standing(held, rights, acting)
            if held is None or seen == "unknown":
                return problem(404, "Not Found", "there is no such conversation")
            if seen == "transferred" and not await self._store.accepted(asked.id):
                return _transferred()
            new = asked.acceptance(commands.KINDS[type(body)], held)
            return await self._accept(asked, new, lambda given: commands.change(body, held, given))

        return guarded(handler, self._keyring, "send")

    def _read(
        self, asked: Request, kind: TypeAdapter[T], common: TypeAdapter[Any] | None = None
    ) -> T | web.Response:
        """The body of an order, or every fault of it."""
        body = read(asked.body, kind, common)
        if isinstance(body, list):
            return _unusable(body)
        faults = commands.faults(body, asked.rights, self._config)  # type: ignore[arg-type]
        return _unusable(faults) if faults else body

    async def _upload_faults(self, body: bodies.Message, rights: Rights) -> list[Fault]:
        """What is wrong with the file that a message sends."""
        wanted = upload_of(body)
        if wanted is None:
            return []
        upload = await self._uploads.find(wanted.id, rights)
        if upload is None:
            return [Fault(wanted.pointer, "is no upload of this token")]
        if wanted.kind not in ("document", upload.kind):
            return [Fault(wanted.pointer, f"can be sent as {upload.kind} only")]
        return []

    async def _accept(
        self, asked: Request, new: Acceptance, command: Callable[[Given], Command]
    ) -> web.Response:
        try:
            accepted = await self._store.accept(new)
        except AnsweredMeanwhile as late:
            return _conflict("answered_meanwhile", "another answer was given", last=late.last)
        if not hmac.compare_digest(accepted.fingerprint, asked.fingerprint):
            return _conflict("key_used", "this Idempotency-Key came with another request before")
        if not accepted.confirmed and (refusal := await self._publish(asked, accepted, command)):
            return refusal
        where = {"Location": f"/v1/messages/{asked.id}"} if new.kind == "message" else {}
        return json({"id": asked.id, "status": "accepted"}, 202, where)

    async def _publish(
        self, asked: Request, accepted: Accepted, command: Callable[[Given], Command]
    ) -> web.Response | None:
        """Publish what was accepted, with its first ids and times; None once it is safe."""
        made = command(Given(rights=asked.rights, id=asked.id, at=accepted.accepted_at))
        partition = topology.partition_of(made.number, self._config.partitions)
        try:
            await self._intake.put([(partition, made)])
        except NotDurable as error:
            return unavailable(str(error))
        await self._store.confirm(asked.id, clock.now())
        return None


async def _asked(request: web.Request, rights: Rights) -> Request | web.Response:
    """An order as it came; a refusal when it has no key, or no body in time and bounds."""
    key = request.headers.get("Idempotency-Key", "")
    if not keys.is_key(key):
        most = keys.KEY_CHARACTERS
        needed = f"an Idempotency-Key of 1 to {most} characters of ASCII is needed"
        return problem(400, "Bad Request", needed)
    if request.content_type not in TAKEN and "Content-Type" in request.headers:
        return problem(415, "Unsupported Media Type", "the body must be application/json")
    try:
        body = await read_body(request, BODY_BYTES, BODY_SECONDS)
    except TimeoutError:
        return problem(408, "Request Timeout", "the body did not arrive in time")
    if body is None:
        return problem(413, "Content Too Large", f"a body is at most {BODY_BYTES} bytes")
    return Request(rights=rights, path=request.path, key=key, body=body)


def _unusable(faults: list[Fault]) -> web.Response:
    return problem(400, "Bad Request", "the body is not what it should be", errors=faults)


def _transferred() -> web.Response:
    return _conflict("transferred", "another department has this conversation now")


def _conflict(code: str, detail: str, **more: Any) -> web.Response:
    return problem(409, "Conflict", detail, code=code, **more)
