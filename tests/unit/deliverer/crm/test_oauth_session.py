"""A token for each delivery, asked for as seldom as can be; on a clock that jumps."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from structlog.testing import capture_logs

from deliverer.crm.oauth_session import FAILURE_SECONDS, OAuthSession, TokenCache
from deliverer.transport.response import Response
from services import metrics
from services.config.organisation import OAuth
from tests.support.deliverer.delivery_harness import OK, Crm, Hall, of
from tests.support.virtual_clock import run

HERE = OAuth(token_url="https://id.example/token", client_id="a", client_secret="env:A")
CRM = "https://crm.example"


class World:
    """A token endpoint and a CRM that takes the tokens of `valid`."""

    def __init__(self) -> None:
        self.says: Callable[[int], Response] = self.token
        self.valid: set[str] = set()
        self.asked, self.posted = 0, list[str]()
        self.seconds = 2.0

    def token(self, nth: int) -> Response:
        self.valid.add(f"t{nth}")
        given = {"access_token": f"t{nth}", "token_type": "Bearer", "expires_in": 100}
        return Response(status=200, body=msgspec.json.encode(given))

    async def post(self, url: str, body: Any, headers: Mapping[str, str]) -> Response:
        if url == HERE.token_url:
            self.asked += 1
            await asyncio.sleep(self.seconds)
            return self.says(self.asked)
        await asyncio.sleep(0.1)
        shown = headers["Authorization"].removeprefix("Bearer ")
        self.posted.append(shown)
        return OK if shown in self.valid else Response(status=401)

    def bearer(self) -> OAuthSession:
        return OAuthSession(self, TokenCache("crm", HERE, "secret", self))


async def many(poster: OAuthSession, count: int = 64) -> list[int]:
    answers = await asyncio.gather(*(poster.post(CRM, b"{}", {"a": "b"}) for _ in range(count)))
    return [answer.status for answer in answers]


def test_waiting_deliveries_share_one_token_until_shortly_before_its_end() -> None:
    async def work() -> None:
        world = World()
        bearer = world.bearer()
        assert await many(bearer) == [200] * 64
        await asyncio.sleep(86)
        assert await many(bearer) == [200] * 64
        assert world.asked == 1
        await asyncio.sleep(5)
        assert await many(bearer) == [200] * 64
        assert world.asked == 2
        assert world.posted[-1] == "t2"

    run(work())


def test_a_token_that_is_refused_is_replaced_and_each_is_tried_once_more() -> None:
    async def work() -> None:
        world = World()
        bearer = world.bearer()
        await many(bearer)
        world.valid.clear()
        world.posted.clear()
        assert await many(bearer) == [200] * 64
        assert sorted(world.posted) == ["t1"] * 64 + ["t2"] * 64
        assert world.asked == 2

    run(work())


def test_destination_response_stands_when_it_refuses_a_fresh_token() -> None:
    async def work() -> None:
        world = World()
        same = Response(status=200, body=b'{"access_token":"always the same"}'.replace(b" ", b"-"))
        world.says = lambda _: same
        bearer = world.bearer()
        assert await bearer.post(CRM, b"", {}) == Response(status=401)
        assert (world.asked, len(world.posted)) == (2, 2)
        assert await many(bearer) == [401] * 64
        assert (world.asked, len(world.posted)) == (3, 2 + 128), "once for all of them"

    run(work())


def test_a_failure_to_get_one_is_shared_and_nothing_is_posted() -> None:
    async def work() -> None:
        world = World()
        world.says = lambda _: Response(status=503, retry_after=9.0)
        bearer = world.bearer()
        answers = await asyncio.gather(*(bearer.post(CRM, b"", {}) for _ in range(64)))
        assert {(a.status, a.responder, a.retry_after) for a in answers} == {
            (503, "token endpoint", 9.0)
        }
        assert (world.asked, world.posted) == (1, [])
        await bearer.post(CRM, b"", {})
        assert world.asked == 1, "it has just failed"
        await asyncio.sleep(FAILURE_SECONDS)
        world.says = world.token
        assert await many(bearer) == [200] * 64
        assert world.asked == 2

    run(work())


def test_cancelled_delivery_does_not_cancel_the_token_request_of_others() -> None:
    async def work() -> None:
        world = World()
        tokens = TokenCache("crm", HERE, "secret", world)
        bearer = OAuthSession(world, tokens)
        first = asyncio.create_task(bearer.post(CRM, b"", {}))
        others = asyncio.create_task(many(bearer))
        await asyncio.sleep(1)
        first.cancel()
        assert await others == [200] * 64
        assert world.asked == 1
        world.valid.clear()
        last = asyncio.create_task(bearer.post(CRM, b"", {}))
        await asyncio.sleep(1)
        last.cancel()
        await tokens.stop()
        assert world.asked == 2

    run(work())


def counted(outcome: str) -> float:
    labels = {"destination": "crm", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("postkamer_destination_tokens_total", labels) or 0.0


class Both(World):
    """With a CRM that writes down what it gets, and how it comes in order."""

    def __init__(self) -> None:
        super().__init__()
        self.crm = Crm()

    async def post(self, url: str, body: Any, headers: Mapping[str, str]) -> Response:
        said = await super().post(url, body, headers)
        return await self.crm.post(url, body, headers) if said == OK else said


def test_destination_pauses_without_a_token_and_resumes_with_one() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        before = [counted(outcome) for outcome in ("given", "refused", "failed")]
        back, world = loop.time() + 600, Both()
        says = [
            Response(status=401, body=b'{"error":"invalid_client"}'),
            Response(failure="timeout"),
        ]
        world.says = lambda nth: world.token(nth) if loop.time() > back else says[nth % 2]
        hall = Hall(world.crm)
        hall.posts_through(world.bearer())
        hall.receives(*(of(n, "abcdefgh"[n % 8]) for n in range(24)))
        with capture_logs() as logs:
            await hall.works(lambda: hall.channel.acked == [1])
        assert {s.state for s in hall.book.settled} == {"settled"}
        assert sorted(hall.crm.numbers) == list(range(24))
        assert world.asked < 60, "it is not flooded"
        after = [counted(outcome) for outcome in ("given", "refused", "failed")]
        given, refused, failed = (a - b for a, b in zip(after, before, strict=True))
        assert (given, given + refused + failed) == (1, world.asked)
        paused = {(e["log_level"], e["reason"]) for e in logs if e["event"] == "destination.paused"}
        assert paused == {
            ("error", "the token endpoint refused us: 401 invalid_client"),
            ("warning", "the token endpoint gave no answer: timeout"),
        }

    run(work())
