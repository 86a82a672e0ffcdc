"""Reading a body up to a limit and a budget; aiohttp's own stream, no socket."""

import asyncio
from functools import partial
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from services.http.body import (
    SMALL_BYTES,
    BodyBudget,
    BodyBudgetExceeded,
    BudgetLease,
    read_body,
)
from services.http.problems import problem_response, service_unavailable
from services.tasks import background_task
from tests.support.virtual_clock import on_virtual_clock

LIMIT = 1000


class Request:
    """The two things that are asked of a request."""

    def __init__(self, content_length: int | None, *chunks: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.content_length = content_length
        protocol = BaseProtocol(loop)
        protocol.connection_made(asyncio.Transport())
        self.content = StreamReader(protocol, 2**16, loop=loop)
        for chunk in chunks:
            self.content.feed_data(chunk)


async def read(length: int | None, *chunks: bytes, ended: bool = True) -> bytes | None:
    """Body of a request whose chunks are there, and after which comes nothing or never an end."""
    request: Any = Request(length, *chunks)
    if ended:
        request.content.feed_eof()
    return await read_body(request, LIMIT, 10)


@on_virtual_clock
async def test_body_is_read_whole_up_to_the_limit() -> None:
    assert await read(None) == await read(0) == b""
    for size in (1, LIMIT - 1, LIMIT):
        assert await read(size, b"x" * size) == b"x" * size
        parts = b"x" * (size // 2), b"y" * (size - size // 2)
        assert await read(None, *parts) == b"".join(parts)


@on_virtual_clock
async def test_body_over_the_limit_is_none_whatever_length_was_announced() -> None:
    assert await read(LIMIT + 1) is None, "it is not even looked at"
    assert await read(LIMIT + 1, ended=False) is None
    assert await read(None, b"x" * (LIMIT + 1)) is None
    assert await read(None, b"x" * (LIMIT + 1), ended=False) is None
    assert await read(1, b"x" * LIMIT, b"x", ended=False) is None


@on_virtual_clock
async def test_body_that_arrives_in_pieces_is_put_together() -> None:
    request: Any = Request(None, b"a")

    async def send() -> None:
        for piece in (b"b", b"c"):
            await asyncio.sleep(4)
            request.content.feed_data(piece)
        request.content.feed_eof()

    async with background_task(send()):
        assert await read_body(request, LIMIT, 10) == b"abc"


@pytest.mark.parametrize("pieces", [0, 1, 100])
@on_virtual_clock
async def test_body_that_takes_too_long_is_given_up_also_when_it_trickles(pieces: int) -> None:
    request: Any = Request(None)
    loop = asyncio.get_running_loop()

    async def trickle() -> None:
        for _ in range(pieces):
            request.content.feed_data(b"x")
            await asyncio.sleep(1)

    started = loop.time()
    async with background_task(trickle()):
        with pytest.raises(TimeoutError):
            await read_body(request, LIMIT, 10)
    assert loop.time() - started == pytest.approx(10)


def test_budget_is_of_all_shares_together_and_is_given_back_at_any_end() -> None:
    budget = BodyBudget(10)
    with budget.share() as one, budget.share() as other:
        one.take(4)
        other.take(5)
        one.take(1)
        with pytest.raises(BodyBudgetExceeded):
            other.take(1)
        assert budget.available == 0
    assert budget.available == 10
    with pytest.raises(TimeoutError), budget.share() as one:
        one.take(10)
        raise TimeoutError
    assert budget.available == 10


def test_budget_reserved_for_small_bodies_is_not_used_by_large_ones() -> None:
    budget = BodyBudget(4 * SMALL_BYTES, reserved=SMALL_BYTES)
    with budget.share() as large, budget.share() as small:
        for _ in range(3):
            large.take(SMALL_BYTES)
        with pytest.raises(BodyBudgetExceeded):
            large.take(1)
        small.take(SMALL_BYTES)
        assert budget.available == 0
    assert budget.available == 4 * SMALL_BYTES


def test_budget_of_a_network_leaves_room_for_others() -> None:
    budget = BodyBudget(10, per_network=4)
    with budget.share() as one, budget.share() as other, budget.share() as elsewhere:
        one.count_for(("a/32", "a/24"))
        other.count_for(("b/32", "a/24"))
        elsewhere.count_for(("c/32", "c/24"))
        one.take(3)
        with pytest.raises(BodyBudgetExceeded) as refused:
            other.take(2)
        assert (refused.value.of, budget.available) == ("network", 7)
        elsewhere.take(4)
        one.give_back()
        other.take(4)
        assert budget.available == 2
    assert (budget.available, dict(budget.by_network)) == (10, {})


def test_network_that_holds_most_gives_up_its_oldest_body_for_another() -> None:
    budget = BodyBudget(10, per_network=6)
    ended: list[BudgetLease] = []
    with budget.share() as first, budget.share() as second, budget.share() as third:
        for lease, network in ((first, "a"), (second, "a"), (third, "b")):
            lease.count_for(("x", network), partial(ended.append, lease))
            lease.take(3)
        with pytest.raises(BodyBudgetExceeded):
            second.take(2)
        third.take(2)
        assert (ended, budget.available, dict(budget.by_network)) == ([first], 2, {"a": 3, "b": 5})
        with pytest.raises(BodyBudgetExceeded):
            first.take(1)
        with pytest.raises(BodyBudgetExceeded), budget.share() as larger:
            larger.take(5)
        with budget.share() as in_one_go:
            in_one_go.take(3)
        assert ended == [first, third]
    assert (budget.available, dict(budget.by_network), budget.leases) == (10, {}, {})


@on_virtual_clock
async def test_body_counts_in_the_budget_for_what_has_arrived() -> None:
    budget = BodyBudget(LIMIT)
    idle: Any = Request(LIMIT)
    slow: Any = Request(LIMIT, b"x" * 400)
    whole: Any = Request(600, b"x" * 600)
    whole.content.feed_eof()

    async def wait(request: Any) -> None:
        with pytest.raises(TimeoutError), budget.share() as lease:
            await read_body(request, LIMIT, 10, take=lease.take)

    waits = [asyncio.create_task(wait(request)) for request in (idle, slow)]
    await asyncio.sleep(1)
    assert budget.available == LIMIT - 400
    with budget.share() as lease:
        assert len(await read_body(whole, LIMIT, 10, take=lease.take) or b"") == 600
        assert budget.available == 0
    await asyncio.gather(*waits)
    assert budget.available == LIMIT


@pytest.mark.parametrize("ended", [True, False])
@on_virtual_clock
async def test_body_over_the_budget_is_refused_and_holds_nothing(ended: bool) -> None:
    budget = BodyBudget(9)
    request: Any = Request(10, b"x" * 10)
    if ended:
        request.content.feed_eof()
    with pytest.raises(BodyBudgetExceeded), budget.share() as lease:
        await read_body(request, LIMIT, 10, take=lease.take)
    assert budget.available == 9


def test_problem_follows_rfc_9457() -> None:
    answer = problem_response(400, "Bad Request", "because", errors=[1])
    assert answer.content_type == "application/problem+json"
    body = b'{"status":400,"title":"Bad Request","detail":"because","errors":[1]}'
    assert answer.body == body
    bare = b'{"status":404,"title":"Not Found","detail":"Not Found"}'
    assert problem_response(404, "Not Found").body == bare


def test_those_refused_together_are_told_to_return_at_different_times() -> None:
    assert service_unavailable("x").status == 503
    waits = {int(service_unavailable("x").headers["Retry-After"]) for _ in range(1000)}
    assert waits == set(range(5, 16))
