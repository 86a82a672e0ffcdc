"""The webhook's door over a real connection: the same by the way ahead and by the application's."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from gateway.stops import StoppedNumbers
from gateway.webhook import handler
from gateway.webhook.endpoints import build_endpoints
from gateway.webhook.handler import BODY_BYTES, PATH, ClientCertificate, Webhook
from services import metrics
from services.config import loader
from services.http.application import api_app
from services.http.body import BodyBudget
from services.http.connection_counts import UnprovenBounds
from services.http.problems import HEADERS
from services.http.server import INTERNAL, POST_HANDLERS, ServerLimits, serve
from services.tasks import cancel_and_wait
from tests.support.installation import EXAMPLE
from tests.support.integration.crm_desk import Taken
from tests.support.integration.raw_http import HOST, LONG, said

SECRET = b"sandbox-app-secret"
BODY = b'{"object":"whatsapp_business_account","entry":[]}'
META = b"client.webhooks.fbclientcerts.com"
POST = b"POST " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n"
SIGNED = (
    b"X-Hub-Signature-256: sha256=" + hmac.new(SECRET, BODY, hashlib.sha256).hexdigest().encode()
) + b"\r\n"
WHOLE = b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
both_ways = pytest.mark.parametrize("ahead", [True, False], ids=["ahead", "application"])


@asynccontextmanager
async def door(
    kept: Any,
    ahead: bool,
    client: ClientCertificate | None = None,
    limits: ServerLimits = INTERNAL,
    stopped: StoppedNumbers | None = None,
) -> AsyncIterator[int]:
    town = loader.load(EXAMPLE).config
    ways = build_endpoints(town, [SECRET.decode()], "t", {})
    known = stopped or StoppedNumbers()
    webhook = Webhook(kept, ways, town, client or ClientCertificate(), known)
    app = api_app(webhook.routes())
    if ahead:
        app[POST_HANDLERS] = {PATH: webhook.receive}
    async with serve(app, "127.0.0.1", 0, limits=limits) as port:
        yield port


@both_ways
@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (b"X-CN: CN=" + META + b",O=Meta\r\n", 200),
        (b"X-CN: " + META + b"\r\n", 200),
        (b"X-CN: CN=" + META + b"\xff\r\n", 401),
        (b'X-CN: O="a,CN=' + META + b',b"\r\n', 401),
        (b"X-CN: CN=elsewhere\r\n", 401),
        (b"X-CN: \r\n", 401),
        (b"", 401),
    ],
)
async def test_meta_is_believed_only_with_its_certificate(
    shown: bytes, status: int, ahead: bool
) -> None:
    kept, before = Taken(), unproven_count()
    async with door(kept, ahead, ClientCertificate("X-CN")) as port:
        (answer,) = await said(port, POST + shown + SIGNED + WHOLE)
    assert (answer[0], unproven_count() - before) == (status, status == 401)
    assert len(kept.entries) == (1 if status == 200 else 0)


@both_ways
@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (WHOLE, 401),
        (SIGNED + WHOLE.replace(b'"entry"', b'"entri"'), 401),
        (SIGNED + b"Content-Encoding: gzip\r\n" + WHOLE, 415),
        (SIGNED + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES + 1), 413),
    ],
)
async def test_a_refusal_has_every_header_whichever_way_it_was_taken(
    rest: bytes, status: int, ahead: bool
) -> None:
    kept = Taken()
    async with door(kept, ahead) as port:
        ((answered, headers, _),) = await said(port, POST + rest)
    assert (answered, kept.entries) == (status, [])
    lower = {name.lower(): value for name, value in headers.items()}
    assert {name: lower.get(name.lower()) for name in HEADERS} == HEADERS


@both_ways
async def test_webhook_that_expects_100_continue_gets_it(ahead: bool) -> None:
    """curl does so with bodies of some size, and would otherwise wait a second."""
    kept = Taken()
    head, _, body = WHOLE.partition(b"\r\n\r\n")
    async with door(kept, ahead) as port, asyncio.timeout(LONG):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + SIGNED + b"Expect: 100-continue\r\n" + head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()
    assert len(kept.entries) == 1


def request_count(status: int) -> float:
    return (
        metrics.REGISTRY.get_sample_value(
            "postkamer_webhook_requests_total", {"status": str(status)}
        )
        or 0.0
    )


def unproven_count() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_webhooks_unproven_total") or 0.0


@pytest.mark.parametrize(
    ("path", "signature", "counted"),
    [
        (b"", b"", 0),
        (b"", b"X-Hub-Signature-256: x\r\n", 0),
        (b"", b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n", 1),
        (b"/nowhere", b"", 0),
        (b"/nowhere", SIGNED, 1),
    ],
)
async def test_only_a_signed_webhook_counts_as_unproven(
    path: bytes, signature: bytes, counted: int
) -> None:
    """Meta signs all it sends: whoever looks for doors on the internet does not."""
    before = unproven_count()
    async with door(Taken(), False) as port:
        head = POST.replace(b" HTTP", path + b" HTTP", 1)
        (answer,) = await said(port, head + signature + WHOLE)
    assert (answer[0], unproven_count() - before) == (401, counted)


@both_ways
async def test_a_body_that_breaks_off_is_counted(ahead: bool) -> None:
    kept, before = Taken(), request_count(400)
    async with door(kept, ahead) as port, asyncio.timeout(LONG):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + SIGNED + WHOLE[:-1])
        await writer.drain()
        writer.close()
        while request_count(400) == before:
            await asyncio.sleep(0.01)
    assert (request_count(400) - before, kept.entries) == (1, [])


ONE_STRANGER = ServerLimits(unproven=UnprovenBounds(per_address=1))
MADE_UP = b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n"
KEEP = POST.replace(b"Connection: close\r\n", b"")


def refused_count(bound: str) -> float:
    name, labels = "postkamer_door_refused_total", {"bound": bound}
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@both_ways
@pytest.mark.parametrize(
    ("signature", "sent", "second"),
    [(SIGNED, [POST + SIGNED + WHOLE], 200), (MADE_UP, [], 503)],
    ids=["proven", "stranger"],
)
async def test_sender_is_a_stranger_until_a_webhook_is_proven(
    signature: bytes, sent: list[bytes], second: int, ahead: bool
) -> None:
    async with door(Taken(), ahead, limits=ONE_STRANGER) as port, asyncio.timeout(LONG):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(KEEP + signature + WHOLE)
        await reader.readuntil(b"\r\n\r\n")
        ((status, _, _),) = await said(port, *sent)
        assert status == second
        writer.close()


async def test_half_bodies_of_a_network_refuse_none_that_comes_in_one_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handler, "UNPROVEN_NETWORK_BYTES", 1000)
    kept, before = Taken(), refused_count("bodies_of_network")
    half = POST + SIGNED + b"Content-Length: 2000\r\n\r\n" + b"x" * 900
    limits = ServerLimits(unproven=UnprovenBounds())
    async with door(kept, True, limits=limits) as port, asyncio.timeout(LONG):
        both = [asyncio.create_task(said(port, half)) for _ in range(2)]
        (refused,), (held,) = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        ((status, headers, _),) = refused.result()
        assert (status, headers["connection"]) == (503, "close")
        assert refused_count("bodies_of_network") - before == 1
        ((status, _, _),) = await said(port, POST + SIGNED + WHOLE)
        assert (status, len(kept.entries)) == (200, 1)
        await cancel_and_wait(held)


@pytest.mark.parametrize("pieces", [1, 2])
async def test_half_bodies_that_hold_all_make_room_for_another_network(
    pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget, kept, before = BodyBudget(1000), Taken(), refused_count("made_room")
    monkeypatch.setattr(handler, "BodyBudget", lambda *_: budget)
    limits = ServerLimits(unproven=UnprovenBounds())
    async with door(kept, True, limits=limits) as port, asyncio.timeout(LONG):
        half = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.1.0.1", 0))
        half[1].write(POST + SIGNED + b"Content-Length: 2000\r\n\r\n" + b"x" * 990)
        while budget.available > 10:
            await asyncio.sleep(0.001)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        cut = len(BODY) // 2 if pieces > 1 else 0
        writer.write(POST + SIGNED + WHOLE[: len(WHOLE) - cut])
        with suppress(ConnectionError):
            assert not await half[0].read()
        writer.write(WHOLE[len(WHOLE) - cut :])
        assert b" 200 " in await reader.readline()
        assert (len(kept.entries), budget.available) == (1, 1000)
        assert refused_count("made_room") - before == 1
        for each in (half[1], writer):
            each.close()
