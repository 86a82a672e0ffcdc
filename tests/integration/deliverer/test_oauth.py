"""Deliveries that show a token: with a real token endpoint that works, refuses, hangs and lies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import BasicAuth, web
from structlog.testing import capture_logs

from deliverer.crm.oauth_session import oauth_session
from deliverer.crm.response_policy import Verdict, judge
from deliverer.transport.client_certificates import load
from deliverer.transport.http_client import http_client
from deliverer.transport.response import Response
from deploy.local.rabbitmq import Broker
from services.config.organisation import CloudEventsDestination
from services.postgres.database import Pool
from tests.support.integration.destination_harness import HERE, Crm, Post, serving
from tests.support.observer import until
from tests.support.test_ca import Authority

CLIENT, SECRET = "postkamer", "geheim-van-de-client"
SLOW_SECONDS, PATIENCE_SECONDS = 0.3, 0.5


class Issuer:
    """Gives a new token to whoever shows the secret, and knows which are valid."""

    def __init__(self) -> None:
        self.valid: set[str] = set()
        self.given: list[str] = []
        self.wanted, self.tries = SECRET, 0

    async def handle(self, request: web.Request) -> web.Response:
        self.tries += 1
        form = await request.post()
        assert form["grant_type"] == "client_credentials"
        shown = BasicAuth.decode(request.headers["Authorization"])
        if (shown.login, shown.password) != (CLIENT, self.wanted):
            return web.json_response({"error": "invalid_client"}, status=401)
        await asyncio.sleep(SLOW_SECONDS)
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
    url: str, given: dict[str, Any], networks: Any = HERE
) -> AsyncIterator[Callable[[], Awaitable[Response]]]:
    crm = CloudEventsDestination.model_validate(
        {"id": "crm", "kind": "cloudevents", "url": url} | given
    )
    headers: Mapping[str, str] = {"webhook-signature": "v1,x"}
    async with (
        http_client(65, PATIENCE_SECONDS, networks) as sender,
        oauth_session(crm, SECRET, sender) as poster,
    ):
        yield lambda: poster.post(crm.url, b'{"id": "a"}', headers)


async def test_a_whole_window_asks_for_one_token() -> None:
    issuer = Issuer()
    crm = Crm(issuer.knows)
    async with (
        serving(issuer.handle) as tokens,
        serving(crm.handle) as url,
        posting(url, oauth(tokens)) as post,
    ):
        answers = await asyncio.gather(*(post() for _ in range(64)))
        assert {answer.status for answer in answers} == {204}
        assert (len(issuer.given), crm.taken["a"], crm.refused) == (1, 64, {})


@asynccontextmanager
async def at_work(place: Post, issuer: Issuer, crm: Crm) -> AsyncIterator[None]:
    """The destination, with its token endpoint and its CRM."""
    async with (
        serving(issuer.handle) as tokens,
        serving(crm.handle) as url,
        place.works({"url": url} | oauth(tokens), SECRET),
    ):
        yield


async def test_a_token_revoked_in_the_middle_of_500_deliveries_parks_none_of_them(
    broker: Broker, pool: Pool
) -> None:
    issuer, place = Issuer(), Post(broker, pool)
    revoked = asyncio.Event()

    def lets_in(request: web.Request) -> bool:
        if sum(crm.taken.values()) == 250 and not revoked.is_set():
            revoked.set()
            issuer.valid.clear()
        return issuer.knows(request)

    crm = Crm(lets_in)
    with capture_logs() as logs:
        async with at_work(place, issuer, crm):
            await place.receives(500)
            await until(place.states, lambda states: states == {"settled": 500}, 60)
    assert revoked.is_set()
    assert len(issuer.given) == 2
    assert (len(crm.taken), set(crm.taken.values())) == (500, {1})
    assert crm.refused and set(crm.refused.values()) == {1}
    assert [entry for entry in logs if entry["event"] == "destination.paused"] == []


async def test_a_secret_that_is_refused_pauses_the_destination_and_parks_nothing(
    broker: Broker, pool: Pool
) -> None:
    issuer, place = Issuer(), Post(broker, pool)
    crm = Crm(issuer.knows)
    issuer.wanted = "another secret"

    async def tries() -> int:
        return issuer.tries

    with capture_logs() as logs:
        async with at_work(place, issuer, crm):
            await place.receives(100)
            await until(tries, lambda tries: tries > 2, 30)
            assert (await place.states(), crm.taken, crm.refused) == ({}, {}, {})
            issuer.wanted = SECRET
            await until(place.states, lambda states: states == {"settled": 100}, 60)
    assert set(crm.taken.values()) == {1}
    paused = [entry for entry in logs if entry["event"] == "destination.paused"]
    assert {(entry["log_level"], entry["reason"]) for entry in paused} == {
        ("error", "the token endpoint refused us: 401 invalid_client")
    }
    assert SECRET not in str(logs) and "token-number" not in str(logs)


async def test_a_crm_that_takes_no_token_is_paused_with_its_own_answer(
    broker: Broker, pool: Pool
) -> None:
    issuer, place, crm = Issuer(), Post(broker, pool), Crm(lambda _: False)

    async def refused() -> int:
        return crm.refused.total()

    with capture_logs() as logs:
        async with at_work(place, issuer, crm):
            await place.receives(20)
            await until(refused, lambda times: times > 10, 30)
            assert await place.states() == {}
            crm.lets_in = lambda _: True
            await until(place.states, lambda states: states == {"settled": 20}, 30)
    paused = [entry for entry in logs if entry["event"] == "destination.paused"]
    assert {(entry["log_level"], entry["reason"]) for entry in paused} == {
        ("error", "the destination answered 401")
    }


Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


async def _large(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"access_token":"')
    for _ in range(160):
        await response.write(b"x" * 65536)
    await response.write(b'"}')
    return response


def _says(status: int, body: str = "", **headers: str) -> Answers:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    return answer


NO_TOKEN = "the token endpoint's answer holds no bearer token"


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (_hangs, Verdict("paused", "the token endpoint gave no answer: timeout")),
        (_large, Verdict("paused", NO_TOKEN, alarm=True)),
        (_says(200, "<html>Welkom</html>"), Verdict("paused", NO_TOKEN, alarm=True)),
        (_says(200, '{"access_token": "a b"}'), Verdict("paused", NO_TOKEN, alarm=True)),
        (_says(503), Verdict("paused", "the token endpoint answered: 503")),
        (
            _says(400, '{"error": "invalid_scope"}'),
            Verdict("paused", "the token endpoint refused us: 400 invalid_scope", alarm=True),
        ),
        (
            _says(307, Location="/elsewhere"),
            Verdict("paused", "the token endpoint refused us: 307", alarm=True),
        ),
    ],
    ids=["hangs", "10 MB", "a page", "no token", "busy", "refuses", "elsewhere"],
)
async def test_without_a_token_nothing_is_posted_and_it_is_said_why(
    answers: Answers, verdict: Verdict
) -> None:
    crm, asked = Crm(), list[str]()

    async def counted(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await answers(request)

    async with (
        serving(counted) as tokens,
        serving(crm.handle) as url,
        posting(url, oauth(tokens)) as post,
    ):
        said = await asyncio.gather(*(post() for _ in range(64)))
    assert {judge(answer) for answer in said} == {verdict}
    assert (asked, crm.taken) == (["/token"], {})


async def test_the_token_endpoint_is_as_far_inside_as_the_destination_may_be() -> None:
    issuer = Issuer()
    async with (
        serving(issuer.handle) as tokens,
        posting("https://crm.example/", oauth(tokens), networks=()) as post,
    ):
        verdict = judge(await post())
    assert (issuer.tries, verdict.alarm) == (0, True)
    assert verdict.reason.startswith("the token endpoint's address is private")


async def test_the_token_endpoint_is_shown_the_client_certificate_too(tmp_path: Any) -> None:
    authority = Authority(tmp_path, "ca")
    server, ours = authority.issued("server"), authority.issued("ours")
    shown: list[str] = []

    async def by_certificate(request: web.Request) -> web.Response:
        assert request.transport and "Authorization" not in request.headers
        shown.append(request.transport.get_extra_info("peercert")["subject"][0][0][1])
        assert (await request.post())["client_id"] == CLIENT
        return web.json_response({"access_token": "t"})

    crm = Crm(lambda request: request.headers["Authorization"] == "Bearer t")
    files = {"client_certificate": ours.certificate, "client_key": ours.key}
    context = load(files | {"certificate_authorities": authority.certificate}).context
    tls = authority.shown_by(server, asks=True)
    async with serving(by_certificate, tls) as tokens, serving(crm.handle, tls) as url:
        given = oauth(tokens, client_auth="tls", client_secret="")
        given |= {"client_certificate": "ours.pem"}
        destination = CloudEventsDestination.model_validate(
            {"id": "crm", "kind": "cloudevents", "url": url} | given
        )
        async with (
            http_client(2, networks=HERE, tls=lambda: context) as sender,
            oauth_session(destination, "", sender) as poster,
        ):
            answer = await poster.post(url, b'{"id": "a"}', {"webhook-signature": "v1,x"})
    assert (answer.status, shown, crm.taken["a"]) == (204, ["ours"], 1)
