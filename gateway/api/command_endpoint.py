"""How every order is taken: its key, its body, what stands against it; then it is written down,
published, confirmed, answered."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
from aiohttp import web
from pydantic import TypeAdapter

from gateway.api.command_store import AnsweredMeanwhile, NewCommand, Store, StoredCommand
from gateway.commands import builder, idempotency
from gateway.commands.builder import CommandContext
from gateway.intake import Intake, NotAccepted
from gateway.requests import changes, messages
from services import clock
from services.amqp import topology
from services.api.json_body import FieldError, parse_body, parse_ignoring_faults
from services.api.request_body import Refused, bad_request, read_json_body
from services.config.model import Configuration
from services.contract import Command
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore

T = TypeVar("T")


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it came: its key makes it this one and no other."""

    rights: Rights
    path: str
    key: str
    """'' when there is none that can be it: then nothing is accepted."""
    body: bytes

    @property
    def id(self) -> UUID:
        return idempotency.command_id(self.rights.tenant, self.rights.name, self.key)

    @property
    def fingerprint(self) -> bytes:
        return idempotency.fingerprint(self.path, self.body)

    def acceptance(self, **more: Any) -> NewCommand:
        return NewCommand(
            id=self.id,
            tenant=self.rights.tenant,
            token=self.rights.name,
            fingerprint=self.fingerprint,
            at=clock.now(),
            **more,
        )


class CommandEndpoint:
    def __init__(
        self, intake: Intake, store: Store, config: Configuration, keyring: TokenStore
    ) -> None:
        self._intake, self._store = intake, store
        self._config, self._keyring = config, keyring

    def handler(
        self, take: Callable[[web.Request, CommandRequest], Awaitable[web.Response]], *roles: Role
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler of an order: `take` for what came whole, with a key, while there is room."""

        async def handler(request: web.Request, rights: Rights) -> web.Response:
            try:
                if closed := self._intake.refusal():
                    return service_unavailable(closed)
                return await take(request, await _order(request, rights))
            except Refused as refused:
                return refused.answer

        return require_token(handler, self._keyring, *roles)

    def read(
        self, order: CommandRequest, kind: TypeAdapter[T], common: TypeAdapter[Any] | None = None
    ) -> T:
        """The body of an order; Refused with every fault of it and of its key."""
        body = parse_body(order.body, kind, common)
        wrong = body if isinstance(body, list) else []
        if order.key and not wrong:
            return cast(T, body)
        if terms := parse_ignoring_faults(order.body, wrong, messages.TERMS):
            known = {fault.member for fault in wrong}
            moves, whole = kind is changes.TRANSFER, kind in changes.AGREEING
            met = (terms, order.rights, self._config)
            more = builder.terms_faults(*met, moves=moves, whole=whole)
            more += builder.time_faults(terms.until, clock.now())
            more += builder.consent_date_errors(terms, clock.now())
            wrong = wrong + [fault for fault in more if fault.member not in known]
        raise Refused(validation_problem(sorted(wrong), key=order.key))

    async def raise_unless_accepted(self, order: CommandRequest, refusal: web.Response) -> None:
        """What was accepted once is answered as it was, whatever has changed since."""
        if not await self._store.accepted(order.id):
            raise Refused(refusal)

    async def accept(
        self, order: CommandRequest, new: NewCommand, command: Callable[[CommandContext], Command]
    ) -> web.Response:
        """202 once a quorum holds it."""
        try:
            accepted = await self._store.accept(new)
        except AnsweredMeanwhile as late:
            return _answered(late, order.rights)
        if not hmac.compare_digest(accepted.fingerprint, order.fingerprint):
            return conflict("key_used", "this Idempotency-Key came with another request before")
        if not accepted.confirmed and (refusal := await self._publish(order, accepted, command)):
            return refusal
        where = {"Location": f"/v1/messages/{order.id}"}
        return json_response({"id": order.id, "status": "accepted"}, 202, where)

    async def _publish(
        self,
        order: CommandRequest,
        accepted: StoredCommand,
        command: Callable[[CommandContext], Command],
    ) -> web.Response | None:
        """Publish what was accepted, with its first ids and times; None once it is safe."""
        made = command(CommandContext(rights=order.rights, id=order.id, at=accepted.accepted_at))
        partition = topology.partition_of(made.number, self._config.partitions)
        try:
            await self._intake.put([(partition, made)])
        except NotAccepted as error:
            return service_unavailable(str(error))
        await self._store.confirm(order.id, clock.now())
        return None


async def _order(request: web.Request, rights: Rights) -> CommandRequest:
    """An order as it came; Refused when its body cannot be taken."""
    body = await read_json_body(request)
    key = idempotency.single_key(request.headers.getall(idempotency.HEADER, []))
    return CommandRequest(rights=rights, path=request.path, key=key, body=body)


def validation_problem(faults: list[FieldError], *, key: str = "known") -> web.Response:
    """400 with all of them, and that there is no key when there is none."""
    if key:
        return bad_request(faults)
    all = [FieldError("", idempotency.NEEDED, idempotency.HEADER), *faults]
    return problem_response(400, "Bad Request", "the request is not what it should be", errors=all)


def conflict(code: str, detail: str, **more: Any) -> web.Response:
    return problem_response(409, "Conflict", detail, code=code, **more)


def transferred() -> web.Response:
    return conflict("transferred", "another department has this conversation now")


def _answered(late: AnsweredMeanwhile, rights: Rights) -> web.Response:
    """Which answer it was hears who may know of that department."""
    known = late.last is None or rights.handles(late.department)
    last = {"last": late.last} if known else {}
    return conflict("answered_meanwhile", "another answer was given", **last)
