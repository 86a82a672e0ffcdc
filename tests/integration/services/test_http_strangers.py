"""HTTP server with bounds for strangers, with real sockets: counted until they prove themselves."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import datetime
from ipaddress import ip_network
from typing import cast

import pytest
from aiohttp import web

from services import metrics
from services.http.application import api_app
from services.http.bearer_auth import require_token
from services.http.client_networks import counted_networks, parse_address
from services.http.connection_counts import SLOW, UnprovenBounds
from services.http.rate_limit import RateLimitState
from services.http.rights import Rights
from services.http.server import ServerLimits, client_networks, mark_proven, serve
from services.http.token_store import TokenStore
from services.tasks import background_task
from tests.support.gateway.proxy import has_ipv6
from tests.support.integration.event_loops import on_both_loops
from tests.support.integration.raw_http import spoken

LONG = 10.0
STRANGER, OTHER, SIX = "127.0.0.1", "127.0.1.2", "::1"
SECONDS = 0.2
LARGE_BYTES = 32 * 1024 * 1024
"""More than the kernel keeps for a client that does not read."""
UNREAD_BYTES = 60_000
"""Less than a transport keeps before it asks to write no more, so the answer counts as given."""
SMALL_BUFFER = 4096
PATIENT = UnprovenBounds(per_address=3, per_network=5, seconds=60, spared_seconds=0)
UNREAD = b"GET /unread HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"POST /half HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Tokens:
    """Knows one token."""

    async def authenticate(self, token: str, _: datetime) -> Rights | None:
        known = Rights(name="crm", tenant="almelo", roles=frozenset(("read",)))
        return known if token == "ours" else None

    async def consume_rate(self, _: Rights) -> RateLimitState:
        return RateLimitState(granted=True, ahead=0)


class Town:
    """An application with a page for everyone, one for those who are known, and a slow one."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.half = asyncio.Semaphore(0)
        self.seen: list[tuple[str, ...]] = []
        pages = {
            "/open": self.open,
            "/known": self.known,
            "/slow": self.slow,
            "/large": self.large,
            "/unread": self.unread,
            "/api": require_token(self.api, cast(TokenStore, Tokens()), "read"),
        }
        self.app = api_app([web.get(path, page) for path, page in pages.items()])
        self.app.router.add_post("/half", self.receive)

    async def open(self, request: web.Request) -> web.Response:
        self.seen.append(client_networks(request))
        return web.Response(text="hello")

    async def receive(self, request: web.Request) -> web.Response:
        self.half.release()
        await request.read()
        return web.Response(text="hello")

    async def known(self, request: web.Request) -> web.Response:
        mark_proven(request)
        return web.Response(text="hello")

    async def large(self, _: web.Request) -> web.Response:
        return web.Response(body=b"x" * LARGE_BYTES)

    async def unread(self, request: web.Request) -> web.Response:
        assert request.transport
        line = request.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        self.seen.append(client_networks(request))
        return web.Response(body=b"x" * UNREAD_BYTES)

    async def api(self, _: web.Request, __: Rights) -> web.Response:
        return web.Response(text="hello")

    async def slow(self, _: web.Request) -> web.Response:
        await self.go_on.wait()
        return web.Response(text="hello")


@asynccontextmanager
async def serving(
    town: Town, unproven: UnprovenBounds, connections: int = 64, bind: str = STRANGER
) -> AsyncIterator[int]:
    limits = ServerLimits(connections=connections, unproven=unproven)
    async with asyncio.timeout(LONG), serve(town.app, bind, 0, limits=limits) as port:
        yield port


@asynccontextmanager
async def calling(port: int, *hosts: str) -> AsyncIterator[list[Connection]]:
    """A connection from each of these addresses."""
    async with AsyncExitStack() as stack:
        made = []
        for host in hosts:
            door = host if ":" in host else STRANGER
            reader, writer = await asyncio.open_connection(door, port, local_addr=(host, 0))
            stack.callback(writer.close)
            made.append((reader, writer))
        yield made


@asynccontextmanager
async def deaf(port: int, said: bytes) -> AsyncIterator[None]:
    """An IPv6 client that says this and reads nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6) as line:
        line.setblocking(False)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        await loop.sock_connect(line, (SIX, port))
        async with background_task(loop.sock_sendall(line, said)):
            yield


@asynccontextmanager
async def asking(port: int, host: str, path: str) -> AsyncIterator[Connection]:
    """A connection from this address that was silent for no moment."""
    made = await spoken(port, request(path), own=host)
    with closing(made[1]):
        yield made


def request(path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


async def status(connection: Connection, path: str = "/open", more: str = "") -> int:
    """Status of the answer to a request; 0 if the connection ends without one."""
    connection[1].write(request(path, more))
    return await answered(connection[0])


async def answered(reader: asyncio.StreamReader) -> int:
    """Status of the answer; 0 if the connection ends without one."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0
    if b" 200 " in head:
        await reader.readuntil(b"hello")
    return int(head.split()[1])


async def ended(connection: Connection) -> bool:
    try:
        return not await connection[0].read()
    except ConnectionError:
        return True


def refused(bound: str) -> float:
    name, labels = "postkamer_door_refused_total", {"bound": bound}
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@on_both_loops
async def test_strangers_of_an_address_leave_room_for_others() -> None:
    before = refused("address")
    async with (
        serving(Town(), PATIENT) as port,
        calling(port, *[STRANGER] * 3) as held,
        calling(port, STRANGER, OTHER) as (fourth, other),
    ):
        assert await status(fourth) in (0, 503)
        assert (await status(other), refused("address") - before) == (200, 1)
        assert [await status(each) for each in held] == [200] * 3


@on_both_loops
async def test_full_network_has_a_place_for_an_address_that_has_fewer() -> None:
    refusals, rooms = refused("network"), refused("made_room")
    of_one_network = [f"127.0.0.{n}" for n in (2, 2, 1, 1, 1)]
    async with (
        serving(Town(), PATIENT) as port,
        calling(port, *of_one_network) as (*_, oldest, second, third),
        calling(port, "127.0.0.3") as (fewer,),
    ):
        assert await status(fewer) == 200
        assert await ended(oldest)
        assert (refused("made_room") - rooms, refused("network") - refusals) == (1, 0)
        async with calling(port, "127.0.0.2", OTHER) as (as_many, other):
            assert await status(as_many) in (0, 503)
            assert (await status(other), refused("network") - refusals) == (200, 1)
        assert [await status(each) for each in (second, third)] == [200] * 2


@on_both_loops
async def test_those_who_are_known_do_not_count() -> None:
    async with serving(Town(), PATIENT) as port, AsyncExitStack() as stack:
        for _ in range(8):
            [known] = await stack.enter_async_context(calling(port, STRANGER))
            assert await status(known, "/known") == 200


@pytest.mark.parametrize(("token", "counts"), [("ours", False), ("another", True)])
async def test_token_that_counts_ends_the_counting(token: str, counts: bool) -> None:
    bearer, one = f"Authorization: Bearer {token}\r\n", UnprovenBounds(per_address=1, seconds=60)
    async with serving(Town(), one) as port, calling(port, STRANGER) as (first,):
        reader, writer = first
        writer.write(f"GET /api HTTP/1.1\r\nHost: x\r\n{bearer}\r\n".encode())
        assert (b" 401 " if counts else b" 200 ") in await reader.readline()
        async with calling(port, STRANGER) as (second,):
            assert await status(second) in ((0, 503) if counts else (200,))


@on_both_loops
async def test_our_proxy_does_not_count_and_names_its_client() -> None:
    town, proxy = Town(), UnprovenBounds(per_address=1, trusted=(ip_network("127.0.0.1/32"),))
    async with serving(town, proxy) as port, calling(port, *[STRANGER] * 4, OTHER) as lines:
        forged = "X-Forwarded-For: 198.51.100.9\r\nX-Forwarded-For: 192.0.2.7\r\n"
        assert [await status(each, more=forged) for each in lines] == [200] * 5
    named, other = (counted_networks(a) for a in map(parse_address, ("192.0.2.7", OTHER)) if a)
    assert town.seen == [named] * 4 + [other], "nobody but the proxy is believed"


@on_both_loops
async def test_full_door_makes_room_by_the_oldest_stranger_who_waits() -> None:
    town, before = Town(), refused("made_room")
    async with (
        serving(town, UnprovenBounds(seconds=60, spared_seconds=0), connections=3) as port,
        calling(port, *[STRANGER] * 3) as (busy, oldest, known),
    ):
        waiting = asyncio.create_task(status(busy, "/slow"))
        assert await status(known, "/known") == 200
        async with calling(port, OTHER) as (new,):
            assert await status(new) == 200
            assert await ended(oldest)
            assert (await status(known), refused("made_room") - before) == (200, 1)
            town.go_on.set()
            assert await waiting == 200


@on_both_loops
async def test_full_door_makes_room_by_a_half_body_of_the_largest_network() -> None:
    town = Town()
    unproven = UnprovenBounds(seconds=60, spared_seconds=0)
    async with (
        serving(town, unproven, connections=5) as port,
        calling(port, OTHER, *[STRANGER] * 3, "127.0.0.2") as (small, known, *halves),
    ):
        assert await status(known, "/known") == 200
        for _, writer in halves:
            writer.write(HALF)
            await town.half.acquire()
        small[1].write(HALF)
        await town.half.acquire()
        async with calling(port, "127.0.2.1") as (new,):
            assert await status(new, "/known") == 200
            assert await ended(halves[0])
        assert await status(known) == 200
        small[1].write(b"defghi")
        assert b" 200 " in await small[0].readline()


@on_both_loops
async def test_connection_with_a_whole_request_leaves_room_for_one_without() -> None:
    before = refused("unheard")
    unproven = UnprovenBounds(unheard=1, seconds=60, spared_seconds=60)
    async with serving(Town(), unproven) as port, calling(port, STRANGER) as (first,):
        assert await status(first) == 200
        async with calling(port, STRANGER, OTHER) as (_, third):
            assert await status(third) in (0, 503)
            assert (await status(first), refused("unheard") - before) == (200, 1)


@on_both_loops
async def test_half_bodies_that_became_slow_end_until_they_fit() -> None:
    town, before = Town(), refused("unheard")
    unproven = UnprovenBounds(unheard=SLOW, slow_seconds=SECONDS, seconds=60)
    async with serving(town, unproven) as port, calling(port, *[STRANGER] * 2) as halves:
        for _, writer in halves:
            writer.write(HALF)
            await town.half.acquire()
        assert await ended(halves[0])
        assert refused("unheard") == before + 1
        halves[1][1].write(b"defghi")
        assert b" 200 " in await halves[1][0].readline()


@on_both_loops
async def test_connection_just_opened_is_closed_for_no_other() -> None:
    unproven = UnprovenBounds(seconds=60, spared_seconds=60)
    async with (
        serving(Town(), unproven, connections=1) as port,
        calling(port, STRANGER) as (first,),
        calling(port, OTHER) as (second,),
    ):
        assert await status(second) in (0, 503)
        assert await status(first) == 200


@pytest.mark.parametrize("said", [b"", b"GET /open HTTP/1.1\r\nX-Half"])
@on_both_loops
async def test_stranger_who_says_nothing_whole_is_closed_soon(said: bytes) -> None:
    unproven = UnprovenBounds(seconds=SECONDS)
    async with (
        serving(Town(), unproven) as port,
        calling(port, STRANGER) as (held,),
        asking(port, OTHER, "/known") as known,
        asking(port, STRANGER, "/open") as later,
    ):
        held[1].write(said)
        assert await answered(known[0]) == await answered(later[0]) == 200
        assert await ended(held) and await ended(later)
        assert await status(known) == 200, "65 s count for it"


@on_both_loops
async def test_stranger_is_closed_after_silence_and_not_while_answered() -> None:
    town = Town()
    async with (
        serving(town, UnprovenBounds(seconds=SECONDS)) as port,
        asking(port, STRANGER, "/slow") as slow,
        asking(port, STRANGER, "/open") as silent,
        background_task(answered(slow[0])) as answer,
    ):
        assert await answered(silent[0]) == 200
        assert await ended(silent)
        town.go_on.set()
        assert await answer == 200


@on_both_loops
async def test_stranger_who_does_not_read_the_answer_is_cut_off() -> None:
    unproven = UnprovenBounds(per_address=1, seconds=SECONDS)
    async with serving(Town(), unproven) as port, calling(port, STRANGER) as ((_, writer),):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        while True:  # until the one place of this address is free
            async with calling(port, STRANGER) as (again,):
                if await status(again) == 200:
                    break


on_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


@on_ipv6
@on_both_loops
async def test_client_with_ipv6_is_counted_in_its_networks() -> None:
    town, before = Town(), refused("address")
    async with (
        serving(town, PATIENT, bind=SIX) as port,
        calling(port, *[SIX] * 4) as (first, _, _, fourth),
    ):
        assert await status(fourth) in (0, 503)
        assert (await status(first), refused("address") - before) == (200, 1)
    assert town.seen == [("v6/64/0", "v6/48/0")]


@on_ipv6
@pytest.mark.parametrize("times", [1, 20_000])
@on_both_loops
async def test_client_who_reads_no_answer_is_cut_off_and_makes_nothing_grow(times: int) -> None:
    town, unproven = Town(), UnprovenBounds(per_address=1, seconds=SECONDS)
    async with serving(town, unproven, bind=SIX) as port, deaf(port, UNREAD * times):
        while True:  # until the one place of this address is free
            async with calling(port, SIX) as (again,):
                if await status(again) == 200:
                    break
    assert len(town.seen) * UNREAD_BYTES < LARGE_BYTES


@on_ipv6
@on_both_loops
async def test_full_door_makes_room_by_a_client_who_reads_no_answer() -> None:
    town, unproven = Town(), UnprovenBounds(seconds=60, spared_seconds=0)
    async with (
        serving(town, unproven, connections=1, bind=SIX) as port,
        deaf(port, UNREAD * 100),
    ):
        while len(town.seen) < 2:  # the second does not fit in what may be kept
            await asyncio.sleep(0.001)
        async with calling(port, SIX) as (new,):
            assert await status(new) == 200
