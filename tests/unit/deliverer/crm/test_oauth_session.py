"""A token for each delivery, requested as seldom as can be."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from structlog.testing import capture_logs

from deliverer.crm.oauth_session import FAILURE_SECONDS, OAuthSession, TokenCache
from deliverer.transport.response import Response
from services.config.organisation import OAuth
from tests.support.deliverer.delivery_harness import OK, Crm, Harness, metric, now, spread

SETTINGS = OAuth(token_url="https://id.example/token", client_id="a", client_secret="env:A")
CRM = "https://crm.example"


class World:
    """A token endpoint, and a CRM that takes the tokens of `valid`."""

    def __init__(self, crm: Crm | None = None) -> None:
        self.answer: Callable[[int], Response] = self.token
        self.crm = crm
        self.valid: set[str] = set()
        self.requests, self.posted = 0, list[str]()
        self.tokens = TokenCache("crm", SETTINGS, lambda: "secret", self)
        self.session = OAuthSession(self, self.tokens)

    def token(self, nth: int) -> Response:
        self.valid.add(f"t{nth}")
        given = {"access_token": f"t{nth}", "token_type": "Bearer", "expires_in": 100}
        return Response(status=200, body=msgspec.json.encode(given))

    async def post(self, url: str, body: Any, headers: Mapping[str, str]) -> Response:
        if url == SETTINGS.token_url:
            self.requests += 1
            await asyncio.sleep(2)
            return self.answer(self.requests)
        await asyncio.sleep(0.1)
        shown = headers["Authorization"].removeprefix("Bearer ")
        self.posted.append(shown)
        if shown not in self.valid:
            return Response(status=401)
        return await self.crm.post(url, body, headers) if self.crm else OK

    async def request(
        self, method: str, url: str, body: Any, headers: Mapping[str, str]
    ) -> Response:
        assert method == "POST"
        return await self.post(url, body, headers)

    async def deliver(self) -> Response:
        return await self.session.post(CRM, b"{}", {"a": "b"})

    async def deliver_window(self) -> list[int]:
        answers = await asyncio.gather(*(self.deliver() for _ in range(64)))
        return [answer.status for answer in answers]


async def test_waiting_deliveries_share_one_token_until_shortly_before_its_end() -> None:
    world = World()
    for seconds, requests in ((0, 1), (86, 1), (5, 2)):
        await asyncio.sleep(seconds)
        assert await world.deliver_window() == [200] * 64
        assert world.requests == requests
    assert world.posted[-1] == "t2"


async def test_refused_token_is_replaced_and_each_delivery_tried_once_more() -> None:
    world = World()
    await world.deliver_window()
    world.valid.clear()
    world.posted.clear()
    assert await world.deliver_window() == [200] * 64
    assert sorted(world.posted) == ["t1"] * 64 + ["t2"] * 64
    assert world.requests == 2


async def test_destination_response_stands_when_it_refuses_a_fresh_token() -> None:
    world = World()
    world.answer = lambda _: Response(status=200, body=b'{"access_token":"always-the-same"}')
    assert await world.deliver() == Response(status=401)
    assert (world.requests, len(world.posted)) == (2, 2)
    assert await world.deliver_window() == [401] * 64
    assert (world.requests, len(world.posted)) == (3, 2 + 128), "once for all of them"


async def test_failure_to_get_a_token_is_shared_and_nothing_is_posted() -> None:
    world = World()
    world.answer = lambda _: Response(status=503, retry_after=9.0)
    answers = await asyncio.gather(*(world.deliver() for _ in range(64)))
    found = {(each.status, each.responder, each.retry_after) for each in answers}
    assert found == {(503, "token endpoint", 9.0)}
    await world.deliver()
    assert (world.requests, world.posted) == (1, []), "it has just failed"
    await asyncio.sleep(FAILURE_SECONDS)
    world.answer = world.token
    assert await world.deliver_window() == [200] * 64
    assert world.requests == 2


async def test_cancelled_delivery_does_not_cancel_the_token_request_of_others() -> None:
    world = World()
    first = asyncio.create_task(world.deliver())
    others = asyncio.create_task(world.deliver_window())
    await asyncio.sleep(1)
    first.cancel()
    assert await others == [200] * 64
    assert world.requests == 1
    world.valid.clear()
    last = asyncio.create_task(world.deliver())
    await asyncio.sleep(1)
    last.cancel()
    await world.tokens.stop()
    assert world.requests == 2


def count_tokens() -> dict[str, float]:
    name, outcomes = "destination_tokens_total", ("given", "refused", "failed")
    return {each: metric(name, destination="crm", outcome=each) or 0.0 for each in outcomes}


async def test_destination_pauses_without_a_token_and_resumes_with_one() -> None:
    harness, before, back = Harness(), count_tokens(), now() + 600
    world = World(harness.crm)
    failures = Response(failure="timeout"), Response(status=401, body=b'{"error":"invalid_client"}')
    world.answer = lambda nth: world.token(nth) if now() > back else failures[nth % 2]
    harness.post_through(world.session)
    with capture_logs() as logs:
        await harness.deliver(*spread(range(24), "abcdefgh"))
    assert {s.state for s in harness.tables.settled} == {"settled"}
    assert sorted(harness.crm.numbers) == list(range(24))
    assert world.requests < 60, "it is not flooded"
    counted = {outcome: n - before[outcome] for outcome, n in count_tokens().items()}
    assert (counted["given"], sum(counted.values())) == (1, world.requests)
    paused = {(e["log_level"], e["reason"]) for e in logs if e["event"] == "destination.paused"}
    assert paused == {
        ("error", "the token endpoint refused us: 401 invalid_client"),
        ("warning", "the token endpoint gave no answer: timeout"),
    }
