"""The CRM's door: messages to citizens and changes of conversations, accepted once they are safe.

Every order goes the same way: its key, its body, the conversation that it is for, what its token
may do there; then it is written down, published, confirmed, answered.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET
from pydantic import TypeAdapter

from gateway import bodies, commands, keys
from gateway.commands import Given
from gateway.contents import upload_of
from gateway.intake import Intake, NotDurable
from gateway.reading import BODY_BYTES, Fault, read, sound
from gateway.standing import Held, standing
from gateway.store import Acceptance, Accepted, AnsweredMeanwhile, Store
from gateway.uploads import Uploads
from services import clock, topology
from services.access import Rights
from services.config import Config
from services.contract import REACTION, Command
from services.guard import guarded
from services.http import json, problem, read_body, unavailable
from services.ids import CONVERSATION
from services.keyring import Keyring

BODY_SECONDS = 10.0
TAKEN = ("application/json", "application/x-www-form-urlencoded")
"""Content types of an order. The second is what curl and its like say when nobody told them; what
comes under it is read as JSON too."""
CHARSETS = ("utf-8", "utf8")
CHANGES: dict[str, TypeAdapter[Any]] = {
    "_transfer": bodies.TRANSFER,
    "_close": bodies.CLOSE,
    "_note": bodies.NOTE,
    "_link": bodies.TIE,
}
"""What may be done with a conversation, beside answering in it."""

T = TypeVar("T")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it came: its key makes it this one and no other."""

    rights: Rights
    path: str
    key: str
    """'' when there is none that can be it: then nothing is accepted."""
    body: bytes

    @property
    def id(self) -> UUID:
        return keys.command_id(self.rights.tenant, self.rights.name, self.key)

    @property
    def fingerprint(self) -> bytes:
        return keys.fingerprint(self.path, self.body)

    def acceptance(self, **more: Any) -> Acceptance:
        return Acceptance(
            id=self.id,
            tenant=self.rights.tenant,
            token=self.rights.name,
            fingerprint=self.fingerprint,
            at=clock.now(),
            **more,
        )


class Refused(Exception):
    """An order that is not taken; `answer` says why."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__("refused")
        self.answer = answer


class Api:
    def __init__(
        self, intake: Intake, store: Store, uploads: Uploads, config: Config, keyring: Keyring
    ) -> None:
        self._intake, self._store, self._uploads = intake, store, uploads
        self._config, self._keyring = config, keyring

    def routes(self) -> list[web.RouteDef]:
        read = guarded(self.read, self._keyring, "send")
        return [
            web.post("/v1/messages", self._ordering(self.send)),
            web.get("/v1/messages/{id}", read, allow_head=False),
            *(
                web.post(f"/v1/conversations/{{id}}/{verb}", self._ordering(self._changing(kind)))
                for verb, kind in CHANGES.items()
            ),
        ]

    def _ordering(
        self, take: Callable[[web.Request, Order], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler of an order: `take` for what came whole, with a key, while there is room."""

        async def handler(request: web.Request, rights: Rights) -> web.Response:
            try:
                if closed := self._intake.refusal():
                    return unavailable(closed)
                return await take(request, await _order(request, rights))
            except Refused as refused:
                return refused.answer

        return guarded(handler, self._keyring, "send")

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
        body = self._read(order, bodies.MESSAGE, bodies.COMMON)
        named = body.conversation_id
        held = await self._store.conversation(named) if named else None
        if obstacle := await self._obstacle(body, held, order.rights):
            await self._unless_accepted(order, obstacle)
        new = order.acceptance(
            conversation=held.id if held else "",
            department=held.department if held else "",
            answers=body.type != REACTION,
            last=body.if_last if body.guarded else UNSET,
        )
        return await self._accept(
            order, new, lambda given: commands.message(body, held, given, self._config)
        )

    async def _obstacle(
        self, body: bodies.Message, held: Held | None, rights: Rights
    ) -> web.Response | None:
        """What stands against a message, in the configuration, its file or its conversation."""
        faults = commands.faults(body, rights, self._config)
        faults += await self._upload_faults(body, rights)
        seen = standing(held, rights, body.department or "") if body.conversation_id else "allowed"
        if seen == "unknown":
            faults.append(Fault("/conversationId", "is no conversation of ours"))
        if faults:
            return _unusable(sorted(faults))
        return _transferred() if seen == "transferred" else None

    def _changing(
        self, kind: TypeAdapter[Any]
    ) -> Callable[[web.Request, Order], Awaitable[web.Response]]:
        """POST /v1/conversations/{id}/_verb: 202 once a quorum holds it."""

        async def take(request: web.Request, order: Order) -> web.Response:
            body = self._read(order, kind)
            id = request.match_info["id"]
            held = await self._store.conversation(id) if CONVERSATION.fullmatch(id) else None
            acting = getattr(body, "from_department", None) or ""
            seen = standing(held, order.rights, acting)
            if held is None or seen == "unknown":
                return problem(404, "Not Found", "there is no such conversation")
            if faults := commands.faults(body, order.rights, self._config):
                await self._unless_accepted(order, _unusable(faults))
            if seen == "transferred":
                await self._unless_accepted(order, _transferred())
            if held.closed and isinstance(body, bodies.Transfer):
                await self._unless_accepted(order, _closed())
            return await self._accept(
                order, order.acceptance(), lambda given: commands.change(body, held, given)
            )

        return take

    def _read(
        self, order: Order, kind: TypeAdapter[T], common: TypeAdapter[Any] | None = None
    ) -> T:
        """The body of an order; Refused with every fault of it and of its key."""
        body = read(order.body, kind, common)
        wrong = body if isinstance(body, list) else []
        if order.key and not wrong:
            return cast(T, body)
        if terms := sound(order.body, wrong, bodies.TERMS):
            rights, moves = order.rights, kind is bodies.TRANSFER
            known = {fault.member for fault in wrong}
            more = commands.terms_faults(terms, rights, self._config, moves=moves)
            wrong = wrong + [fault for fault in more if fault.member not in known]
        raise Refused(_unusable(sorted(wrong), key=order.key))

    async def _unless_accepted(self, order: Order, refusal: web.Response) -> None:
        """What was accepted once is answered as it was, whatever has changed since."""
        if not await self._store.accepted(order.id):
            raise Refused(refusal)

    async def _upload_faults(self, body: bodies.Message, rights: Rights) -> list[Fault]:
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

    async def _accept(
        self, order: Order, new: Acceptance, command: Callable[[Given], Command]
    ) -> web.Response:
        try:
            accepted = await self._store.accept(new)
        except AnsweredMeanwhile as late:
            return _answered(late, order.rights)
        if not hmac.compare_digest(accepted.fingerprint, order.fingerprint):
            return _conflict("key_used", "this Idempotency-Key came with another request before")
        if not accepted.confirmed and (refusal := await self._publish(order, accepted, command)):
            return refusal
        where = {"Location": f"/v1/messages/{order.id}"}
        return json({"id": order.id, "status": "accepted"}, 202, where)

    async def _publish(
        self, order: Order, accepted: Accepted, command: Callable[[Given], Command]
    ) -> web.Response | None:
        """Publish what was accepted, with its first ids and times; None once it is safe."""
        made = command(Given(rights=order.rights, id=order.id, at=accepted.accepted_at))
        partition = topology.partition_of(made.number, self._config.partitions)
        try:
            await self._intake.put([(partition, made)])
        except NotDurable as error:
            return unavailable(str(error))
        await self._store.confirm(order.id, clock.now())
        return None


async def _order(request: web.Request, rights: Rights) -> Order:
    """An order as it came; Refused when it is not JSON, or did not come in time and bounds."""
    if needed := _unreadable(request):
        raise Refused(problem(415, "Unsupported Media Type", needed))
    try:
        body = await read_body(request, BODY_BYTES, BODY_SECONDS)
    except TimeoutError:
        late = "the body did not arrive in time"
        raise Refused(problem(408, "Request Timeout", late)) from None
    if body is None:
        large = f"a body is at most {BODY_BYTES} bytes"
        raise Refused(problem(413, "Content Too Large", large))
    key = keys.sole(request.headers.getall(keys.HEADER, []))
    return Order(rights=rights, path=request.path, key=key, body=body)


def _unreadable(request: web.Request) -> str:
    """Why a body cannot be read as what its headers say; '' when it can."""
    given = request.headers
    if "Content-Encoding" in given:  # it would be unpacked to a size that nobody knows
        return "the body must have no Content-Encoding"
    if "Content-Type" in given and request.content_type not in TAKEN:
        return "the body must be application/json"
    if (request.charset or CHARSETS[0]).lower() not in CHARSETS:
        return "the body must be in UTF-8"
    return ""


def _unusable(faults: list[Fault], *, key: str = "known") -> web.Response:
    """400 with all of them, and that there is no key when there is none."""
    if key:
        return problem(400, "Bad Request", "the body is not what it should be", errors=faults)
    all = [Fault("", keys.NEEDED, keys.HEADER), *faults]
    return problem(400, "Bad Request", "the request is not what it should be", errors=all)


def _answered(late: AnsweredMeanwhile, rights: Rights) -> web.Response:
    """Which answer it was hears who may know of that department."""
    known = late.last is None or rights.handles(late.department)
    last = {"last": late.last} if known else {}
    return _conflict("answered_meanwhile", "another answer was given", **last)


def _transferred() -> web.Response:
    return _conflict("transferred", "another department has this conversation now")


def _closed() -> web.Response:
    return _conflict("closed", "the conversation is closed")


def _conflict(code: str, detail: str, **more: Any) -> web.Response:
    return problem(409, "Conflict", detail, code=code, **more)
