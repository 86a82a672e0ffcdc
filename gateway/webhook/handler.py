"""The webhook's door: the handshake, and webhooks answered 200 only once they are safe."""

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict
from prometheus_client import Counter

from gateway.intake import Intake, NotAccepted
from gateway.webhook.endpoints import SHARED_ENDPOINT, WebhookEndpoint, numbers_by_provider_id
from gateway.webhook.partitioning import split_by_partition
from gateway.webhook.signatures import (
    META_CLIENT,
    OriginVerifier,
    PresentedSignature,
    VerifiedOrigin,
    common_name,
    unverified_keys,
)
from services import clock, metrics
from services.config.model import Configuration
from services.contract import Receipt
from services.http.application import delay_rejection
from services.http.body import BodyBudget, BodyBudgetExceeded, read_body
from services.http.problems import HEADERS, VERSION, problem_response, service_unavailable
from services.whatsapp.parser import routing_keys

PATH = "/webhooks/whatsapp"
BODY_BYTES = 4 * 1024 * 1024
"""Meta sends at most 3 MB, in either meaning of the word."""
BODY_SECONDS = 10.0
"""For a body to arrive; Meta's arrives in one go."""
BODIES_IN_FLIGHT_BYTES = 256 * 1024 * 1024
"""Of all requests together, counted as they arrive: the bound of the memory of the door."""
KEPT_BYTES = 32 * 1024 * 1024
"""Of these, for small bodies alone: 500 of the largest small ones, seconds of usual ones."""
LARGE_BYTES = 256 * 1024
"""From here on a body is hashed and scanned in a thread: the loop serves others meanwhile. A body
counts for each secret that it is tried with."""
ASIDE_AT_ONCE = 2
"""Threads at work so: as many as leave the loop its share of two cores."""
ASIDE_SECONDS = 1.0
"""For a place among them; then too much is coming in."""
CHALLENGE_CHARACTERS = 200
_TAKEN = CIMultiDict({"API-Version": VERSION})
"""Of HEADERS: the others are for who looks at what is in an answer, and there is nothing in it."""

T = TypeVar("T")


class ClientCertificate(msgspec.Struct, frozen=True):
    """Whose certificate a TLS proxy must have seen before Meta is believed, and the header in which
    it says so; no header: not asked."""

    header: str = ""
    name: str = META_CLIENT


class Webhook:
    def __init__(
        self,
        intake: Intake,
        doors: Mapping[str, WebhookEndpoint],
        config: Configuration,
        client: ClientCertificate,
    ) -> None:
        self._intake, self._doors, self._client = intake, doors, client
        self._config, self._owners = config, numbers_by_provider_id(config)
        self._budget = BodyBudget(BODIES_IN_FLIGHT_BYTES, KEPT_BYTES)
        self._aside = asyncio.Semaphore(ASIDE_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """The most used first, and one path after the other: aiohttp tries them in this order."""
        return [
            web.post(PATH, self.receive),
            web.get(PATH, self.handshake, allow_head=False),
            web.post(PATH + "/{tenant}", self.receive_for_one),
            web.get(PATH + "/{tenant}", self.handshake, allow_head=False),
        ]

    async def handshake(self, request: web.Request) -> web.Response:
        """Echo the challenge to whoever knows the verify token."""
        door, query = (
            self._doors.get(request.match_info.get("tenant", SHARED_ENDPOINT)),
            request.query,
        )
        token = query.get("hub.verify_token", "").encode()
        challenge = query.get("hub.challenge", "")[:CHALLENGE_CHARACTERS]
        ours = door.verify_tokens if door else ()
        known = any([hmac.compare_digest(token, each) for each in ours])
        if not known or query.get("hub.mode") != "subscribe":
            return problem_response(403, "Forbidden", "the verify token is not ours")
        return web.Response(text=challenge)

    async def receive(self, request: web.Request) -> web.Response:
        """At the common address; does without what aiohttp's routing finds out (`serve`)."""
        return await self._answer(request, self._doors[SHARED_ENDPOINT])

    async def receive_for_one(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._doors.get(request.match_info["tenant"]))

    async def _answer(self, request: web.Request, door: WebhookEndpoint | None) -> web.Response:
        started = clock.monotonic()
        try:
            with self._budget.share() as take:
                closed = self._intake.refusal()
                answer = (
                    service_unavailable(closed)
                    if closed
                    else await self._process(request, door, take)
                )
        except BodyBudgetExceeded:
            answer = _close_connection(service_unavailable("too much is coming in"))
        except (web.RequestPayloadError, ConnectionError):
            _answered(400).inc()  # the protocol answers, or nobody is there any more
            raise
        answer.headers.merge(_TAKEN if answer.status == 200 else HEADERS)
        waited = clock.monotonic() - started
        _answered(answer.status).inc()
        metrics.webhook_seconds.observe(waited)
        return await delay_rejection(request, answer, waited) if answer.status == 503 else answer

    async def _process(
        self, request: web.Request, door: WebhookEndpoint | None, take: Callable[[int], None]
    ) -> web.Response:
        shown = door.proofs.shown(request.headers) if door else []
        if door is None or not shown:
            return _close_connection(_unproven())  # nobody's body is not read
        body = await _body(request, take)
        if isinstance(body, web.Response):
            return _close_connection(body)
        at = clock.now()
        if len(body) * door.proofs.most_secrets < LARGE_BYTES:
            proof, keys = _opened(door.proofs, shown, body, at)
        else:
            proof, keys = await self._in_thread(_opened, door.proofs, shown, body, at)
        if proof is None or not self._is_client(proof, request.headers):
            return _unproven()
        try:
            await self._intake.put(self._receipts(request.path, proof, body, keys, at))
        except NotAccepted as error:
            return service_unavailable(str(error))
        return web.Response()

    def _receipts(
        self, door: str, proof: VerifiedOrigin, body: bytes, keys: list[str], at: datetime
    ) -> list[tuple[int, Receipt]]:
        """(partition, the body for it)."""
        id = clock.new_id(at)
        doubted = unverified_keys(keys, self._owners, proof)
        return [
            (
                partition,
                Receipt(
                    id=id,
                    received_at=at,
                    door=door,
                    proof=proof.name,
                    signature=proof.signature,
                    body=body,
                    keys=own,
                    unproven=[key for key in doubted if key in own] if doubted else [],
                ),
            )
            for partition, own in split_by_partition(
                keys, self._config.number_id_for, self._config.partitions, id
            )
        ]

    def _is_client(self, proof: VerifiedOrigin, headers: Mapping[str, str]) -> bool:
        """Meta's word counts only with its certificate, where that is asked."""
        if not self._client.header or not proof.name.startswith("meta-"):
            return True
        shown = common_name(headers.get(self._client.header, ""))
        given = shown.encode(errors="surrogateescape")
        return hmac.compare_digest(given, self._client.name.encode())

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """What `function` gives, from a thread; OverBudget when too much of that is waiting."""
        try:
            async with asyncio.timeout(ASIDE_SECONDS):
                await self._aside.acquire()
        except TimeoutError:
            raise BodyBudgetExceeded from None
        try:
            return await asyncio.to_thread(function, *arguments)
        finally:
            self._aside.release()


def _opened(
    proofs: OriginVerifier, shown: Sequence[PresentedSignature], body: bytes, at: datetime
) -> tuple[VerifiedOrigin | None, list[str]]:
    """Who says so, and the keys in it; nobody's body is not looked into."""
    proof = proofs.proven(body, shown, at)
    return proof, routing_keys(body) if proof else []


@cache
def _answered(status: int) -> Counter:
    """Looked up once for each status: a look-up costs as much as the parsing of a webhook."""
    return metrics.webhook_requests.labels(status=status)


def _unproven() -> web.Response:
    return problem_response(401, "Unauthorized", "the signature is not valid")


async def _body(request: web.Request, take: Callable[[int], None]) -> bytes | web.Response:
    """The body as it was signed, or why it is not taken."""
    if "Content-Encoding" in request.headers:  # aiohttp unpacks, and the signature is over the
        answer = problem_response(
            415, "Unsupported Media Type", "a webhook has no Content-Encoding"
        )
        answer.headers["Accept-Encoding"] = "identity"  # bytes as sent; Meta packs nothing
        return answer
    try:
        body = await read_body(request, BODY_BYTES, BODY_SECONDS, take=take)
    except TimeoutError:
        return problem_response(408, "Request Timeout", "the body did not arrive in time")
    too_large = f"a webhook is at most {BODY_BYTES} bytes"
    return problem_response(413, "Content Too Large", too_large) if body is None else body


def _close_connection(answer: web.Response) -> web.Response:
    """What is left of the body will not be read."""
    answer.force_close()
    return answer
