"""Events for a CRM that answers and closes the kept-alive connection a moment later."""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import SO_LINGER, SOL_SOCKET

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.transport.connection_reuse import NOT_REPEATED, ConnectionReuse
from deliverer.transport.http_client import http_client
from deliverer.transport.response import Response
from deploy.local.rabbitmq import Broker
from services.postgres.database import Pool
from tests.support.integration.archive_queue import hearing
from tests.support.integration.destination_harness import HERE, Post

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset instead of an end of the stream."""


class ClosingCrm:
    """Answers `answers` requests on each connection. It has closed the connection by the time that
    the next request arrives, half of them with a reset."""

    def __init__(self, answers: int = 1) -> None:
        self.answers = answers
        self.last_words = b""
        """Written to the request that crossed the close."""
        self.opens = 1000
        """Connections that it accepts; it closes any more at once."""
        self.taken = Counter[str]()
        self.connections = self.crossed = 0
        self.handlers: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handlers.append(asyncio.create_task(self._handle(reader, writer)))

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.connections > self.opens:
            writer.close()
            return
        for _ in range(self.answers):
            if not (body := await read_request(reader)):
                break
            content = msgspec.json.decode(body)
            events = content if isinstance(content, list) else [content]
            self.taken.update(event["id"] for event in events)
            writer.write(ANSWER)
        else:
            self.crossed += bool(await read_request(reader))
        if self.last_words:
            writer.write(self.last_words)
        elif self.crossed % 2:
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return the body of the next request, or b'' if the client closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    [length] = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return await reader.readexactly(int(length.split(b":")[1]))


@asynccontextmanager
async def closing(crm: ClosingCrm) -> AsyncIterator[str]:
    async with await asyncio.start_server(crm.accept, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    await asyncio.gather(*crm.handlers)


@pytest.mark.parametrize("batch_events", [1, 16])
async def test_connection_closed_between_two_events_counts_against_neither(
    broker: Broker, pool: Pool, batch_events: int
) -> None:
    crm, post = ClosingCrm(), Post(broker, pool)
    with capture_logs() as logs:
        async with closing(crm) as url, hearing(broker) as heard:
            await post.receives(200)
            async with post.works({"url": url, "batch_events": batch_events}):
                await post.until_states(settled=200)
    assert crm.crossed > 0
    assert (len(crm.taken), set(crm.taken.values())) == (200, {1})
    assert [entry for entry in logs if entry["event"].startswith("destination.")] == []
    assert [record for record in heard.records if record.kind == "attempt"] == []


POSTS = frozenset({"POST"})


async def post_twice(crm: ClosingCrm, reuse: ConnectionReuse) -> list[Response]:
    async with closing(crm) as url, http_client(1, networks=HERE, reuse=reuse) as client:
        return [await client.post(url, b'{"id":"%d"}' % n, {}) for n in range(2)]


async def test_repeated_request_gets_a_new_connection_and_counts_as_two_calls() -> None:
    crm = ClosingCrm()
    first, second = await post_twice(crm, ConnectionReuse(60, POSTS))
    assert (first, second) == (Response(status=200), Response(status=200, calls=2))
    assert (crm.crossed, crm.connections, crm.taken) == (1, 2, {"0": 1, "1": 1})


async def test_request_with_a_connection_of_its_own_crosses_no_close() -> None:
    crm = ClosingCrm()
    answers = await post_twice(crm, ConnectionReuse(60, unpooled=POSTS))
    assert [(answer.status, answer.calls) for answer in answers] == [(200, 1)] * 2
    assert (crm.crossed, crm.connections, crm.taken) == (0, 2, {"0": 1, "1": 1})


async def test_second_close_is_a_failure_and_is_not_repeated() -> None:
    crm = ClosingCrm()
    crm.opens = 1
    _, second = await post_twice(crm, ConnectionReuse(60, POSTS))
    assert second == Response(failure="reset", calls=2)
    assert (crm.connections, crm.taken) == (2, {"0": 1})


async def test_request_whose_answer_had_begun_is_not_repeated() -> None:
    crm = ClosingCrm()
    crm.last_words = ANSWER[:12]
    _, second = await post_twice(crm, ConnectionReuse(60, POSTS))
    assert second == Response(failure="reset")
    assert (crm.crossed, crm.connections, crm.taken) == (1, 1, {"0": 1})


async def test_message_to_meta_that_crosses_a_close_is_sent_once() -> None:
    crm = ClosingCrm()
    _, second = await post_twice(crm, NOT_REPEATED)
    assert second == Response(failure="reset", closed_before_answer=True)
    assert (crm.crossed, crm.connections, crm.taken) == (1, 1, {"0": 1})


@asynccontextmanager
async def ending(*, reads: bool) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve connections that end without an answer: after the request, or before a byte of it."""
    taken: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if reads:
            taken.append(await read_request(reader))
        writer.transport.abort()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}/", taken


async def test_request_counts_as_unsent_only_if_no_byte_of_it_was_written() -> None:
    async with http_client(1, networks=HERE) as client:
        async with ending(reads=False) as (at, _):
            # By TLS nothing can be written to it; without, it may close before or behind our write.
            in_handshake = await client.post(f"https://{at}", b"{}", {})
        refused = await client.post(f"http://{at}", b"{}", {})
        async with ending(reads=True) as (at, taken):
            read = await client.post(f"http://{at}", b"{}", {})
        name = await client.post("http://nobody.invalid/", b"{}", {})
    assert in_handshake == Response(failure="refused", request_sent=False)
    assert refused == Response(failure="refused", request_sent=False)
    assert name == Response(failure="name", request_sent=False)
    assert (read, taken) == (Response(failure="reset"), [b"{}"])


@pytest.mark.parametrize(("seconds", "connections"), [(0, 2), (1e-6, 2), (60, 1)])
async def test_connection_that_was_idle_for_longer_than_allowed_is_not_reused(
    seconds: float, connections: int
) -> None:
    crm = ClosingCrm(answers=2)
    answers = await post_twice(crm, ConnectionReuse(seconds))
    assert [answer.status for answer in answers] == [200, 200]
    assert (crm.connections, crm.crossed) == (connections, 0)
