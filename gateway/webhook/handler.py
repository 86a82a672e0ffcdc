"""The webhook handler: Meta's handshake, and webhooks that are answered 200 once they are safe."""

import asyncio
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict
from prometheus_client import Counter

from gateway.intake import Intake, NotAccepted
from gateway.stops import StoppedNumbers
from gateway.webhook.endpoints import SHARED_ENDPOINT, WebhookEndpoint, numbers_by_provider_id
from gateway.webhook.partitioning import concerns, split_by_partition
from gateway.webhook.signatures import (
    META_CLIENT,
    OriginVerifier,
    PresentedSignature,
    VerifiedOrigin,
    common_name,
    unverified_keys,
)
from services import clock, metrics, tracing
from services.config.model import Configuration
from services.contract import Receipt
from services.http.application import delay_rejection
from services.http.body import BodyBudget, BodyBudgetExceeded, BudgetLease, read_body
from services.http.problems import (
    HEADERS,
    SERVER,
    VERSION,
    problem_response,
    service_unavailable,
)
from services.http.server import client_networks, end_for_another, mark_proven
from services.stops.refusal import MOVES
from services.whatsapp.parser import routing_keys

PATH = "/webhooks/whatsapp"
BODY_BYTES = 4 * 1024 * 1024
"""Meta sends at most 3 MB, decimal or binary."""
BODY_SECONDS = 10.0
"""Time for a body to arrive; Meta's arrives in one go."""
UNPROVEN_BYTES = 64 * 1024 * 1024
"""Bytes of all bodies together that are not proven yet, counted as they arrive: this bounds the
memory that strangers use. Twenty of Meta's largest bodies fit; those that are proven are bounded by
admission."""
RESERVED_BYTES = 16 * 1024 * 1024
"""Part of these bytes that only small bodies may use: 250 of the largest small ones, and seconds of
usual ones."""
UNPROVEN_NETWORK_BYTES = 32 * 1024 * 1024
"""Bytes of bodies of one network that arrive in pieces and are not proven yet: half of all, so that
others have room. Ten of Meta's largest at the same moment fit; a small body comes in one go, is
checked at once, and does not count here."""
LARGE_BYTES = 256 * 1024
"""Size from which a body is hashed and scanned in a thread, so that the loop serves others
meanwhile. A body counts once for each secret that it is tried with."""
HASHING_THREADS = 2
"""Threads that hash at the same time: these leave the loop its share of two cores."""
THREAD_WAIT_SECONDS = 1.0
"""Longest wait for such a thread; after it the webhook is refused as overload."""
CHALLENGE_CHARACTERS = 200
NO_CHALLENGE = f"hub.challenge must be given, in at most {CHALLENGE_CHARACTERS} characters"
_BODY_BOUNDS = {"all": "bodies", "network": "bodies_of_network"}
_ACCEPTED_HEADERS = CIMultiDict({"API-Version": VERSION, "Server": SERVER})
"""Headers of an accepted webhook. The other HEADERS concern the body of an answer, and this answer
has none."""

T = TypeVar("T")


class ClientCertificate(msgspec.Struct, frozen=True):
    """Client certificate that a TLS proxy must have seen before a signature of Meta counts."""

    header: str = ""
    """Header in which the proxy reports the certificate; '': not required."""
    name: str = META_CLIENT
    """Common name in the certificate."""


class Webhook:
    def __init__(
        self,
        intake: Intake,
        endpoints: Mapping[str, WebhookEndpoint],
        config: Configuration,
        client: ClientCertificate,
        stopped: StoppedNumbers,
    ) -> None:
        self._intake, self._client, self._stopped = intake, client, stopped
        self.reload(config, endpoints)
        self._budget = BodyBudget(UNPROVEN_BYTES, RESERVED_BYTES, UNPROVEN_NETWORK_BYTES)
        self._hashing = asyncio.Semaphore(HASHING_THREADS)
        for status in (200, 503):  # shown at 0, or the first one is no increase to Prometheus
            _request_counter(status)

    def reload(self, config: Configuration, endpoints: Mapping[str, WebhookEndpoint]) -> None:
        """Know these numbers, and check by their secrets, from the next request on."""
        self._config, self._owners = config, numbers_by_provider_id(config)
        self.use_endpoints(endpoints)

    def use_endpoints(self, endpoints: Mapping[str, WebhookEndpoint]) -> None:
        """Check by these secrets, from the next request on."""
        self._endpoints = endpoints

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, the most used first: aiohttp tries them in this order."""
        return [
            web.post(PATH, self.receive),
            web.get(PATH, self.handshake, allow_head=False),
            web.post(PATH + "/{tenant}", self.receive_for_one),
            web.get(PATH + "/{tenant}", self.handshake, allow_head=False),
        ]

    async def handshake(self, request: web.Request) -> web.Response:
        """Echo the challenge if the verify token is right."""
        endpoint = self._endpoints.get(request.match_info.get("tenant", SHARED_ENDPOINT))
        query = request.query
        token = query.get("hub.verify_token", "").encode()
        challenge = query.get("hub.challenge", "")
        tokens = endpoint.verify_tokens if endpoint else ()
        matches = any([hmac.compare_digest(token, each) for each in tokens])
        if not matches or query.get("hub.mode") != "subscribe":
            return problem_response(403, "Forbidden", "the verify token is not ours")
        if not 0 < len(challenge) <= CHALLENGE_CHARACTERS:
            return problem_response(400, "Bad Request", NO_CHALLENGE)
        return web.Response(text=challenge)

    async def receive(self, request: web.Request) -> web.Response:
        """Answer the shared endpoint; `serve` calls it before aiohttp's routing."""
        return await self._answer(request, self._endpoints[SHARED_ENDPOINT])

    async def receive_for_one(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._endpoints.get(request.match_info["tenant"]))

    async def _answer(self, request: web.Request, endpoint: WebhookEndpoint | None) -> web.Response:
        started = clock.monotonic()
        try:
            with self._budget.share() as lease:
                closed = self._intake.refusal()
                answer = (
                    service_unavailable(closed)
                    if closed
                    else await self._process(request, endpoint, lease)
                )
        except BodyBudgetExceeded as error:
            metrics.door_refused.labels(bound=_BODY_BOUNDS[error.of]).inc()
            answer = _close_connection(service_unavailable("too much is coming in"))
        except (web.RequestPayloadError, ConnectionError):
            _request_counter(400).inc()  # the protocol answers, or the client has gone
            raise
        answer.headers.merge(_ACCEPTED_HEADERS if answer.status == 200 else HEADERS)
        waited = clock.monotonic() - started
        _request_counter(answer.status).inc()
        metrics.webhook_seconds.observe(waited)
        return await delay_rejection(request, answer, waited) if answer.status == 503 else answer

    async def _process(
        self, request: web.Request, endpoint: WebhookEndpoint | None, lease: BudgetLease
    ) -> web.Response:
        shown_to = endpoint or self._endpoints[SHARED_ENDPOINT]
        signatures = shown_to.origins.find_signatures(request.headers)
        if endpoint is None or not signatures:
            metrics.webhooks_unproven.inc(bool(signatures))
            return _close_connection(_unauthorized())  # such a body is not read
        body = await _read_signed_body(request, lease)
        if isinstance(body, web.Response):
            return _close_connection(body)
        at, span = clock.now(), tracing.begin_trace("receive")
        work = endpoint.origins, signatures, body, at
        if len(body) * endpoint.origins.most_secrets < LARGE_BYTES:
            origin, keys = _verify_and_scan(*work)
        else:
            origin, keys = await self._in_thread(_verify_and_scan, *work)
        if origin is None or not self._has_client_certificate(origin, request.headers):
            metrics.webhooks_unproven.inc()
            return _unauthorized()
        mark_proven(request)
        lease.give_back()
        stopped = self._stopped.now.numbers
        if stopped and concerns(keys, self._owners, stopped):
            span.end(failed=True)
            metrics.webhooks_of_stopped.inc()
            return service_unavailable(MOVES.detail, code=MOVES.code)  # Meta repeats the whole body
        receipt = Receipt(
            id=clock.new_id(at),
            received_at=at,
            door=request.path,
            proof=origin.name,
            signature=origin.signature,
            body=body,
            traceparent=span.traceparent,
        )
        copies = self._copies(receipt, origin, keys)
        try:
            await self._intake.put(copies)
        except NotAccepted as error:
            span.end(failed=True, receipt=receipt.id)
            return service_unavailable(str(error))
        span.end(receipt=receipt.id, partitions=len(copies))
        return web.Response()

    def _copies(
        self, receipt: Receipt, origin: VerifiedOrigin, keys: list[str]
    ) -> list[tuple[int, Receipt]]:
        """Return (partition, copy of the receipt) for each partition that has a key of the body."""
        unverified = unverified_keys(keys, self._owners, origin)
        return [
            (
                partition,
                msgspec.structs.replace(
                    receipt,
                    keys=partition_keys,
                    unproven=[key for key in unverified if key in partition_keys],
                ),
            )
            for partition, partition_keys in split_by_partition(
                keys, self._config.number_id_for, self._config.partitions, receipt.id
            )
        ]

    def _has_client_certificate(self, origin: VerifiedOrigin, headers: Mapping[str, str]) -> bool:
        """Return True unless Meta signed and its required client certificate is missing."""
        if not self._client.header or not origin.name.startswith("meta-"):
            return True
        name = common_name(headers.get(self._client.header, ""))
        encoded = name.encode(errors="surrogateescape")
        return hmac.compare_digest(encoded, self._client.name.encode())

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run `function` in a thread; BodyBudgetExceeded if no thread is free in time."""
        try:
            async with asyncio.timeout(THREAD_WAIT_SECONDS):
                await self._hashing.acquire()
        except TimeoutError:
            raise BodyBudgetExceeded("all") from None
        try:
            return await asyncio.to_thread(function, *arguments)
        finally:
            self._hashing.release()


def _verify_and_scan(
    verifier: OriginVerifier,
    signatures: Sequence[PresentedSignature],
    body: bytes,
    at: datetime,
) -> tuple[VerifiedOrigin | None, list[str]]:
    """Return the verified origin and the routing keys of a body. Parse verified bodies only."""

    origin = verifier.verify(body, signatures, at)
    return origin, routing_keys(body) if origin else []


@cache
def _request_counter(status: int) -> Counter:
    """Return the counter of a status. Cached: a look-up costs as much as parsing a webhook."""
    return metrics.webhook_requests.labels(status=status)


def _unauthorized() -> web.Response:
    return problem_response(401, "Unauthorized", "the signature is not valid")


async def _read_signed_body(request: web.Request, lease: BudgetLease) -> bytes | web.Response:
    """Return the body as it was signed, or the response that refuses it."""
    if "Content-Encoding" in request.headers:
        # aiohttp decompresses, and the signature covers the bytes as sent. Meta never compresses.
        answer = problem_response(
            415, "Unsupported Media Type", "a webhook has no Content-Encoding"
        )
        answer.headers["Accept-Encoding"] = "identity"
        return answer
    if not request.content.is_eof():
        lease.count_for(client_networks(request), partial(end_for_another, request))
    try:
        body = await read_body(request, BODY_BYTES, BODY_SECONDS, take=lease.take)
    except TimeoutError:
        return problem_response(408, "Request Timeout", "the body did not arrive in time")
    too_large = f"a webhook is at most {BODY_BYTES} bytes"
    return problem_response(413, "Content Too Large", too_large) if body is None else body


def _close_connection(answer: web.Response) -> web.Response:
    """Close the connection after this answer: the rest of the body will not be read."""
    answer.force_close()
    return answer
