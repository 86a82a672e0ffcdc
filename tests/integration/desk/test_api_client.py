"""Requests of the desk to the APIs, and their counts."""

import asyncio

import pytest
from aiohttp import web

from deploy.local.state import free_port
from desk.postkamer.client import (
    API_OUTCOMES,
    MAX_REPORT_BYTES,
    PostkamerClient,
    Refused,
    Unanswered,
    client_session,
)
from services import metrics
from services.http.problems import problem_response
from services.http.server import serve
from services.stops.refusal import MOVES

MOVED = 999
"""Asks for a 503 of a municipality that moves: nothing was done."""


def counts() -> list[float]:
    """Requests to the archiver, by outcome."""
    name = "postkamer_desk_api_requests_total"
    labels = [{"api": "archiver", "outcome": outcome} for outcome in API_OUTCOMES]
    return [metrics.REGISTRY.get_sample_value(name, each) or 0 for each in labels]


async def answer(request: web.Request) -> web.Response:
    status = int(request.match_info["status"])
    code = MOVES.code if status == MOVED else "why"
    status = 503 if status == MOVED else status
    return web.Response() if status == 200 else problem_response(status, "no", code=code)


async def ask(client: PostkamerClient, status: int) -> str:
    try:
        return str((await client.ask("GET", f"/{status}", "token")).status)
    except (Refused, Unanswered) as error:
        return type(error).__name__


@pytest.mark.parametrize(
    ("status", "outcome", "rise"),
    [
        (200, "200", [2, 0, 0]),
        (404, "Refused", [0, 2, 0]),
        (503, "Unanswered", [0, 0, 2]),
        (MOVED, "Refused", [0, 1, 1]),
    ],
)
async def test_request_and_file_are_counted_by_their_outcome(
    status: int, outcome: str, rise: list[int]
) -> None:
    app = web.Application()
    app.router.add_get("/{status}", answer)
    async with asyncio.timeout(10), serve(app, "127.0.0.1", 0) as port, client_session() as http:
        client, before = PostkamerClient(http, "archiver", f"http://127.0.0.1:{port}"), counts()
        assert await ask(client, status) == outcome
        async with client.open_file(f"/{status}", "token", {}) as file:
            assert file.status == (503 if status == MOVED else status)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == rise


async def test_api_that_is_away_is_counted_for_requests_and_files() -> None:
    async with asyncio.timeout(10), client_session() as http:
        client = PostkamerClient(http, "archiver", f"http://127.0.0.1:{free_port()}")
        before = counts()
        assert await ask(client, 200) == "Unanswered"
        with pytest.raises(Unanswered):
            async with client.open_file("/200", "token", {}):
                pass
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [0, 0, 2]


@pytest.mark.parametrize("excess", [0, 1])
async def test_largest_report_is_read_in_seconds_and_a_larger_one_is_refused(excess: int) -> None:
    body = bytes(MAX_REPORT_BYTES + excess)

    async def report(request: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_post("/report", report)
    async with asyncio.timeout(10), serve(app, "127.0.0.1", 0) as port, client_session() as http:
        client = PostkamerClient(http, "archiver", f"http://127.0.0.1:{port}")
        if excess:
            with pytest.raises(Unanswered):
                await client.ask_for_report("/report", "token", {}, {})
        else:
            answer = await client.ask_for_report("/report", "token", {}, {})
            assert answer.body == body
