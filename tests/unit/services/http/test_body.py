"""Reading a body to a bound, however it comes; aiohttp's own stream, no socket."""

import asyncio
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from services.http.body import SMALL_BYTES, BodyBudget, BodyBudgetExceeded, read_body
from services.http.problems import problem_response, service_unavailable
from tests.support.virtual_clock import run

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


def read(length: int | None, *chunks: bytes, ended: bool = True) -> bytes | None:
    """Body of a request whose chunks are there, and after which comes nothing or never an end."""

    async def work() -> bytes | None:
        request: Any = Request(length, *chunks)
        if ended:
            request.content.feed_eof()
        return await read_body(request, LIMIT, 10)

    return run(work())


@pytest.mark.parametrize("length", [None, 0])
def test_absent_body_is_read_as_empty(length: int | None) -> None:
    assert read(length) == b""


@pytest.mark.parametrize("size", [1, LIMIT - 1, LIMIT])
def test_a_body_within_the_limit_is_read_whole(size: int) -> None:
    assert read(size, b"x" * size) == b"x" * size
    assert read(None, b"x" * (size // 2), b"y" * (size - size // 2)) is not None


def test_a_body_over_the_limit_is_none_whatever_it_said_of_its_length() -> None:
    assert read(LIMIT + 1) is None, "it is not even looked at"
    assert read(LIMIT + 1, ended=False) is None
    assert read(None, b"x" * (LIMIT + 1)) is None
    assert read(None, b"x" * (LIMIT + 1), ended=False) is None
    assert read(1, b"x" * LIMIT, b"x", ended=False) is None


def test_a_body_that_comes_in_pieces_is_put_together() -> None:
    async def work() -> bytes | None:
        request: Any = Request(None, b"a")

        async def more() -> None:
            for piece in (b"b", b"c"):
                await asyncio.sleep(4)
                request.content.feed_data(piece)
            request.content.feed_eof()

        sender = asyncio.create_task(more())
        body = await read_body(request, LIMIT, 10)
        await sender
        return body

    assert run(work()) == b"abc"


@pytest.mark.parametrize("pieces", [0, 1, 100])
def test_a_body_that_takes_too_long_is_given_up_also_when_it_trickles(pieces: int) -> None:
    async def work() -> float:
        request: Any = Request(None)
        loop = asyncio.get_running_loop()

        async def trickle() -> None:
            for _ in range(pieces):
                request.content.feed_data(b"x")
                await asyncio.sleep(1)

        sender = asyncio.create_task(trickle())
        started = loop.time()
        with pytest.raises(TimeoutError):
            await read_body(request, LIMIT, 10)
        sender.cancel()
        return loop.time() - started

    assert run(work()) == pytest.approx(10)


def test_a_budget_is_of_all_shares_together_and_comes_back_however_one_ends() -> None:
    budget = BodyBudget(10)
    with budget.share() as one, budget.share() as other:
        one(4)
        other(5)
        one(1)
        with pytest.raises(BodyBudgetExceeded):
            other(1)
        assert budget.available == 0
    assert budget.available == 10
    with pytest.raises(TimeoutError), budget.share() as one:
        one(10)
        raise TimeoutError
    assert budget.available == 10


def test_body_budget_reserved_for_small_bodies_is_not_used_by_large_ones() -> None:
    budget = BodyBudget(4 * SMALL_BYTES, reserved=SMALL_BYTES)
    with budget.share() as large, budget.share() as small:
        for _ in range(3):
            large(SMALL_BYTES)
        with pytest.raises(BodyBudgetExceeded):
            large(1)
        small(SMALL_BYTES)
        assert budget.available == 0
    assert budget.available == 4 * SMALL_BYTES


def test_a_body_counts_for_what_has_arrived_and_not_for_what_it_announces() -> None:
    budget = BodyBudget(LIMIT)

    async def work() -> None:
        idle: Any = Request(LIMIT)
        slow: Any = Request(LIMIT, b"x" * 400)
        whole: Any = Request(600, b"x" * 600)
        whole.content.feed_eof()

        async def waiting(request: Any) -> None:
            with pytest.raises(TimeoutError), budget.share() as take:
                await read_body(request, LIMIT, 10, take=take)

        waits = [asyncio.create_task(waiting(request)) for request in (idle, slow)]
        await asyncio.sleep(1)
        assert budget.available == LIMIT - 400
        with budget.share() as take:
            assert len(await read_body(whole, LIMIT, 10, take=take) or b"") == 600
            assert budget.available == 0
        await asyncio.gather(*waits)

    run(work())
    assert budget.available == LIMIT


@pytest.mark.parametrize("ended", [True, False])
def test_a_body_over_the_budget_is_refused_and_holds_nothing(ended: bool) -> None:
    budget = BodyBudget(9)

    async def work() -> None:
        request: Any = Request(10, b"x" * 10)
        if ended:
            request.content.feed_eof()
        with pytest.raises(BodyBudgetExceeded), budget.share() as take:
            await read_body(request, LIMIT, 10, take=take)

    run(work())
    assert budget.available == 9


def test_a_problem_is_one_of_rfc_9457_and_a_refusal_says_when_to_come_back() -> None:
    answer = problem_response(400, "Bad Request", "because", errors=[1])
    assert answer.content_type == "application/problem+json"
    body = b'{"status":400,"title":"Bad Request","detail":"because","errors":[1]}'
    assert answer.body == body
    assert (
        problem_response(404, "Not Found").body
        == b'{"status":404,"title":"Not Found","detail":"Not Found"}'
    )
    assert service_unavailable("x").status == 503
    waits = {int(service_unavailable("x").headers["Retry-After"]) for _ in range(1000)}
    assert waits == set(range(5, 16)), "those who were refused together do not come back together"
