"""Deliveries with a token: from a real token endpoint that works, refuses, hangs and lies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import BasicAuth, web
from structlog.testing import capture_logs

from deliverer.crm.oauth_session import oauth_session
from deliverer.crm.response_policy import Verdict, judge
from deliverer.transport.client_certificates import load
from deliverer.transport.http_client import http_client, system_tls_context
from deliverer.transport.response import Response
from deploy.local.rabbitmq import Broker
from services.config.organisation import CloudEventsDestination
from services.postgres.database import Pool
from tests.support.integration.destination_harness import HERE, Crm, Post, serving
from tests.support.test_ca import Authority

CLIENT, SECRET = "postkamer", "geheim-van-de-client"
LONG = 10.0
"""Seconds for an answer that comes at once."""


class Issuer:
    """Gives a new token to clients with the secret, and knows which tokens are valid."""

    def __init__(self) -> None:
        self.valid: set[str] = set()
        self.given: list[str] = []
        self.tries = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.tries += 1
        form = await request.post()
        assert form["grant_type"] == "client_credentials"
        shown = BasicAuth.decode(request.headers["Authorization"])
        if (shown.login, shown.password) != (CLIENT, SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.given.append(f"token-number-{len(self.given)}")
        self.valid.add(self.given[-1])
        return web.json_response(
            {"access_token": self.given[-1], "token_type": "Bearer", "expires_in": 3600}
        )

    def knows(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "").removeprefix("Bearer ") in self.valid


def oauth(url: str, **more: str) -> dict[str, Any]:
    given = {"token_url": f"{url}token", "client_id": CLIENT, "client_secret": "env:X"}
    return {"oauth": given | more}


@asynccontextmanager
async def posting(
    url: str,
    given: dict[str, Any],
    networks: Any = HERE,
    tls: Any = system_tls_context,
    seconds: float = LONG,
) -> AsyncIterator[Callable[[], Awaitable[Response]]]:
    crm = CloudEventsDestination.model_validate(
        {"id": "crm", "kind": "cloudevents", "url": url} | given
    )
    async with (
        http_client(65, seconds, networks, tls) as sender,
        oauth_session(crm, lambda: SECRET, sender) as poster,
    ):
        yield lambda: poster.post(crm.url, b'{"id": "a"}', {"webhook-signature": "v1,x"})


@asynccontextmanager
async def at_work(place: Post, issuer: Issuer, crm: Crm) -> AsyncIterator[None]:
    """The destination, with its token endpoint and its CRM."""
    async with (
        serving(issuer.handle) as tokens,
        serving(crm.handle) as url,
        place.works({"url": url} | oauth(tokens), SECRET),
    ):
        yield


async def test_token_revoked_in_the_middle_of_500_deliveries_parks_none_of_them(
    broker: Broker, pool: Pool
) -> None:
    issuer, place, revoked = Issuer(), Post(broker, pool), asyncio.Event()

    def lets_in(request: web.Request) -> bool:
        if sum(crm.taken.values()) == 250 and not revoked.is_set():
            revoked.set()
            issuer.valid.clear()
        return issuer.knows(request)

    crm = Crm(lets_in)
    with capture_logs() as logs:
        async with at_work(place, issuer, crm):
            await place.receives(500)
            await place.until_states(settled=500)
    assert revoked.is_set() and len(issuer.given) == 2
    assert (len(crm.taken), set(crm.taken.values())) == (500, {1})
    assert crm.refused and set(crm.refused.values()) == {1}
    assert [entry for entry in logs if entry["event"] == "destination.paused"] == []
    assert SECRET not in str(logs) and "token-number" not in str(logs)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


async def send_10_mb(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"access_token":"')
    for _ in range(160):
        await response.write(b"x" * 65536)
    await response.write(b'"}')
    return response


async def redirect(_: web.Request) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "/elsewhere"})


@pytest.mark.parametrize(
    ("handler", "seconds", "reason", "alarm"),
    [
        (hang, 0.5, " gave no answer: timeout", False),
        (send_10_mb, LONG, "'s answer holds no bearer token", True),
        (redirect, LONG, " refused us: 307", True),
    ],
)
async def test_missing_token_pauses_the_destination_and_nothing_is_posted(
    handler: Handler, seconds: float, reason: str, alarm: bool
) -> None:
    crm, asked = Crm(), list[str]()

    async def counted(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await handler(request)

    async with (
        serving(counted) as tokens,
        serving(crm.handle) as url,
        posting(url, oauth(tokens), seconds=seconds) as post,
    ):
        said = await asyncio.gather(*(post() for _ in range(64)))
    expected = Verdict("paused", f"the token endpoint{reason}", alarm=alarm)
    assert {judge(answer) for answer in said} == {expected}
    assert (asked, crm.taken) == (["/token"], {})


async def test_token_endpoint_at_a_private_address_is_not_asked() -> None:
    issuer = Issuer()
    async with (
        serving(issuer.handle) as tokens,
        posting("https://crm.example/", oauth(tokens), networks=()) as post,
    ):
        verdict = judge(await post())
    assert (issuer.tries, verdict.alarm) == (0, True)
    assert verdict.reason.startswith("the token endpoint's address is private")


async def test_token_endpoint_is_shown_the_client_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    ours, shown = authority.issued("ours"), list[str]()

    async def by_certificate(request: web.Request) -> web.Response:
        assert request.transport and "Authorization" not in request.headers
        shown.append(request.transport.get_extra_info("peercert")["subject"][0][0][1])
        assert (await request.post())["client_id"] == CLIENT
        return web.json_response({"access_token": "t"})

    crm = Crm(lambda request: request.headers["Authorization"] == "Bearer t")
    files = {"client_certificate": ours.certificate, "client_key": ours.key}
    context = load(files | {"certificate_authorities": authority.certificate}).context
    tls = authority.shown_by(authority.issued("server"), asks=True)
    async with serving(by_certificate, tls) as tokens, serving(crm.handle, tls) as url:
        given = oauth(tokens, client_auth="tls", client_secret="")
        given |= {"client_certificate": "ours.pem"}
        async with posting(url, given, tls=lambda: context) as post:
            answer = await post()
    assert (answer.status, shown, crm.taken["a"]) == (204, ["ours"], 1)
