"""Receive commands: read the key and body, store, publish, and answer once it is confirmed."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
from aiohttp import web
from pydantic import TypeAdapter

from gateway.api.command_store import AnsweredMeanwhile, CommandStore, NewCommand
from gateway.commands import builder, idempotency
from gateway.commands.builder import CommandContext
from gateway.intake import Intake, NotAccepted
from gateway.requests import changes, messages
from gateway.stops import StoppedNumbers
from services import clock, tracing
from services.amqp import topology
from services.api.json_body import FieldError, parse_body, parse_ignoring_faults
from services.api.request_body import Refused, bad_request, read_json_body
from services.config.model import Configuration
from services.contract import Command
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore
from services.stops.refusal import MOVES

T = TypeVar("T")


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A command as a request brought it. Its key identifies it."""

    rights: Rights
    path: str
    key: str
    """Idempotency key; '' if the request has no valid one: then nothing is accepted."""
    body: bytes
    traceparent: str = ""
    """Trace of the caller, which goes on here: a token vouches for it."""

    @property
    def id(self) -> UUID:
        return idempotency.derive_id(
            idempotency.COMMANDS, self.rights.tenant, self.rights.name, self.key
        )

    @property
    def fingerprint(self) -> bytes:
        return idempotency.fingerprint(self.path, self.body)

    def new_command(self, **fields: Any) -> NewCommand:
        return NewCommand(
            id=self.id,
            tenant=self.rights.tenant,
            token=self.rights.name,
            fingerprint=self.fingerprint,
            at=clock.now(),
            **fields,
        )


class CommandEndpoint:
    def __init__(
        self,
        intake: Intake,
        store: CommandStore,
        config: Configuration,
        keyring: TokenStore,
        stopped: StoppedNumbers,
    ) -> None:
        self._intake, self._store, self._stopped = intake, store, stopped
        self.config, self._keyring = config, keyring
        """The configuration of now: `MessageRoutes.reload` replaces it."""

    def handler(
        self,
        accept: Callable[[web.Request, CommandRequest], Awaitable[web.Response]],
        *roles: Role,
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler that checks the token, admission and the body, and calls `accept`."""

        async def handler(request: web.Request, rights: Rights) -> web.Response:
            try:
                if closed := self._intake.refusal():
                    return service_unavailable(closed)
                command = await _read_command(request, rights)
                if rights.tenant in self._stopped.now.tenants:
                    refusal = service_unavailable(MOVES.detail, code=MOVES.code)
                    await self.raise_unless_accepted(command, refusal)
                return await accept(request, command)
            except Refused as refused:
                return refused.answer

        return require_token(handler, self._keyring, *roles)

    def parse_command(
        self, command: CommandRequest, kind: TypeAdapter[T], common: TypeAdapter[Any] | None = None
    ) -> T:
        """Return the body of a command; Refused with every fault of the body and the key."""
        body = parse_body(command.body, kind, common)
        faults = body if isinstance(body, list) else []
        if command.key and not faults:
            return cast(T, body)
        if terms := parse_ignoring_faults(command.body, faults, messages.TERMS):
            members = {fault.member for fault in faults}
            further = self._terms_faults(terms, kind, command.rights)
            faults = faults + [fault for fault in further if fault.member not in members]
        raise Refused(validation_problem(sorted(faults), key=command.key))

    def _terms_faults(
        self, terms: messages.Terms, kind: TypeAdapter[Any], rights: Rights
    ) -> Iterator[FieldError]:
        """Yield the faults that the token, the configuration and the clock show."""
        now = clock.now()
        yield from builder.time_faults(terms.until, now)
        if kind in changes.CONSENT_COMMANDS:
            yield from builder.consent_faults(terms, rights, self.config, now)
        elif kind is changes.TRANSFER:
            yield from builder.change_faults(terms, rights, self.config)
        else:
            yield from builder.sender_faults(terms, rights, self.config)
            given_at = terms.consent.given_at if terms.consent else None
            yield from builder.consent_time_faults("/consent/givenAt", given_at, now)

    async def raise_unless_accepted(self, command: CommandRequest, refusal: web.Response) -> None:
        """Raise Refused unless the command was accepted before: then its answer is the same again,
        whatever has changed since."""
        if not await self._store.is_accepted(command.id):
            raise Refused(refusal)

    async def accept(
        self, command: CommandRequest, new: NewCommand, build: Callable[[CommandContext], Command]
    ) -> web.Response:
        """Store and publish a command; answer 202 once a quorum holds it."""
        span = tracing.begin_trace("receive", command.traceparent)
        try:
            accepted = await self._store.accept(new)
        except AnsweredMeanwhile as error:
            return _answered_conflict(error, command.rights)
        if not accepted.is_same:
            return conflict("key_used", "this Idempotency-Key came with another request before")
        if not accepted.confirmed:
            context = CommandContext(
                rights=command.rights,
                id=command.id,
                at=accepted.accepted_at,
                traceparent=span.traceparent,
            )
            refusal = await self._publish(build(context))
            span.end(failed=refusal is not None, command=command.id)
            if refusal:
                return refusal
        location = {"Location": f"/v1/messages/{command.id}"}
        return json_response({"id": command.id, "status": "accepted"}, 202, location)

    async def _publish(self, command: Command) -> web.Response | None:
        """Publish a stored command with its first id and time; None once it is safe.

        Of a stopped municipality nothing is published, not even again. The refusal has no code of
        its own, because it does not tell if an earlier request was published."""
        if command.tenant in self._stopped.now.tenants:
            return service_unavailable(MOVES.detail)
        partition = topology.partition_of(command.number, self.config.partitions)
        try:
            await self._intake.put([(partition, command)])
        except NotAccepted as error:
            return service_unavailable(str(error))
        await self._store.confirm(command.id, clock.now())
        return None


async def _read_command(request: web.Request, rights: Rights) -> CommandRequest:
    """Read a command from a request; Refused if its body cannot be read."""
    body = await read_json_body(request)
    key = idempotency.single_key(request.headers.getall(idempotency.HEADER, []))
    traceparent = request.headers.get("traceparent", "")
    return CommandRequest(
        rights=rights, path=request.path, key=key, body=body, traceparent=traceparent
    )


def validation_problem(faults: list[FieldError], *, key: str = "known") -> web.Response:
    """Answer 400 with all faults, and one for the key if it is missing."""
    if key:
        return bad_request(faults)
    errors = [FieldError("", idempotency.REQUIREMENT, idempotency.HEADER), *faults]
    detail = "the request is not what it should be"
    return problem_response(400, "Bad Request", detail, errors=errors)


def conflict(code: str, detail: str, **members: Any) -> web.Response:
    return problem_response(409, "Conflict", detail, code=code, **members)


def transferred_conflict() -> web.Response:
    return conflict("transferred", "another department has this conversation now")


def _answered_conflict(error: AnsweredMeanwhile, rights: Rights) -> web.Response:
    """Name the other answer only to a token that may know of its department."""
    may_know = error.last is None or rights.handles(error.department)
    last = {"last": error.last} if may_know else {}
    return conflict("answered_meanwhile", "another answer was given", **last)
