"""deploy/proxy/nginx.conf before a server of ours: what a client cannot do through it."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web

from services.http.client_networks import FORWARDED, counted_networks, parse_address
from services.http.connection_counts import UnprovenBounds
from services.http.server import ServerLimits, client_networks, serve
from tests.support.gateway.proxy import ARCHIVE_NAME, BODY_SECONDS, NAME, has_ipv6, proxy_before
from tests.support.test_ca import Authority

LONG = 20.0
CLIENT, OF_ITS_NETWORK, OTHER, CRM = "127.0.9.1", "127.0.9.%d", "127.0.10.1", "127.0.8.4"
PER_CLIENT, PER_NETWORK = 64, 256
LARGE_PER_NETWORK, LARGE = 16, 64
SMALL_BYTES = 64_999
ELSEWHERE = "127.0.%d.1"
HOOK = "/webhooks/whatsapp"
BODY_BYTES = 4 * 1024 * 1024
BEHIND = ServerLimits(
    connections=1024, unproven=UnprovenBounds(trusted=(ip_network("127.0.0.1/32"),))
)
FORGED = (
    "X-Forwarded-For: 198.51.100.9\r\nX-Real-IP: 198.51.100.9\r\nForwarded: for=198.51.100.9\r\n"
    "X-Client-Name: CN=client.webhooks.fbclientcerts.com\r\n"
)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Gateway:
    """An application that writes down what reached it, and may wait before it answers."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.networks: list[tuple[str, ...]] = []
        self.bodies: list[int] = []
        self.arrived = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.app = web.Application(client_max_size=2 * BODY_BYTES)
        self.app.router.add_post("/{path:.*}", self.receive)

    async def receive(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.networks.append(client_networks(request))
        self.arrived.release()
        self.bodies.append(len(await request.read()))
        await self.go_on.wait()
        return web.Response(text="hello")


class Proxy:
    """nginx on its port, as a client sees it."""

    def __init__(self, port: int, authority: Authority) -> None:
        self._port = port
        self._trust = ssl.create_default_context(cafile=str(authority.certificate))

    async def connect(self, client: str, name: str = NAME) -> Connection:
        return await asyncio.open_connection(
            "::1" if ":" in client else "127.0.0.1",
            self._port,
            ssl=self._trust,
            server_hostname=name,
            local_addr=(client, 0),
        )

    async def post(self, client: str, path: str = HOOK, more: str = "", body: bytes = b"") -> int:
        return await status(await self.connect(client), path, more, body)


async def status(
    line: Connection,
    path: str = HOOK,
    more: str = "",
    body: bytes | None = b"",
    name: str = NAME,
) -> int:
    """Status of the answer to a POST; the connection closes. Without a body, `more` says how it
    would come."""
    reader, writer = line
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: {name}\r\n{more}{length}\r\n"
    try:
        writer.write(head.encode() + (body or b""))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nStrict-Transport-Security: max-age=31536000\r\n" in answer
        return int(answer.split()[1])
    finally:
        writer.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@asynccontextmanager
async def proxied(folder: Path, authority: Authority) -> AsyncIterator[tuple[Gateway, Proxy]]:
    gateway = Gateway()
    async with (
        asyncio.timeout(LONG),
        serve(gateway.app, "127.0.0.1", 0, limits=BEHIND) as upstream,
    ):
        with proxy_before(folder, upstream, authority) as port:
            yield gateway, Proxy(port, authority)


async def test_address_of_a_client_comes_through_and_cannot_be_forged(
    tmp_path: Path, authority: Authority
) -> None:
    async with proxied(tmp_path, authority) as (gateway, proxy):
        assert await proxy.post(CLIENT, more=FORGED, body=b"abc") == 200
    [headers], address = gateway.headers, parse_address(CLIENT)
    assert address
    assert (headers[FORWARDED.lower()], gateway.networks) == (CLIENT, [counted_networks(address)])
    assert not {"x-real-ip", "forwarded", "x-client-name"} & headers.keys()
    assert (headers["host"], gateway.bodies) == (NAME, [3])


async def test_reload_drops_no_request(tmp_path: Path, authority: Authority) -> None:
    """A renewed certificate is taken while Meta calls."""
    async with proxied(tmp_path, authority) as (gateway, proxy):
        master = int((tmp_path / "nginx.pid").read_text())
        gateway.go_on.clear()
        held = asyncio.create_task(proxy.post(CLIENT, body=b"in hand"))
        await taken(gateway, 1)
        former = worker_of(master)
        os.kill(master, signal.SIGHUP)
        during = []
        while not is_leaving(former):
            during.append(asyncio.create_task(proxy.post(OTHER)))
            await taken(gateway, 1)
        during.append(asyncio.create_task(proxy.post(OTHER)))
        await taken(gateway, 1)
        gateway.go_on.set()
        assert {*await asyncio.gather(held, *during)} == {200}


def worker_of(master: int) -> int:
    """Pid of the one worker of nginx."""
    [worker] = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return int(worker)


def is_leaving(worker: int) -> bool:
    """True once it takes no new requests; an error if it has left, with requests in hand."""
    return "shutting down" in Path(f"/proc/{worker}/cmdline").read_text()


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
async def test_client_with_ipv6_is_bounded_and_named(tmp_path: Path, authority: Authority) -> None:
    async with proxied(tmp_path, authority) as (gateway, proxy):
        gateway.go_on.clear()
        held = [asyncio.create_task(proxy.post("::1")) for _ in range(PER_CLIENT)]
        await taken(gateway, PER_CLIENT)
        assert await proxy.post("::1") == 503
        gateway.go_on.set()
        assert {*await asyncio.gather(*held)} == {200}
    assert {each[FORWARDED.lower()] for each in gateway.headers} == {"::1"}


async def test_body_in_chunks_of_a_byte_comes_with_its_length(
    tmp_path: Path, authority: Authority
) -> None:
    """Reading such chunks would keep the gateway from all others."""
    async with proxied(tmp_path, authority) as (gateway, proxy):
        line, chunked = await proxy.connect(CLIENT), "Transfer-Encoding: chunked\r\n\r\n"
        chunks = chunked + "1\r\nx\r\n" * 100_000 + "0\r\n"
        assert await status(line, more=chunks, body=None) == 200
    [headers] = gateway.headers
    assert (headers.get("content-length"), gateway.bodies) == ("100000", [100_000])
    assert "transfer-encoding" not in headers


async def test_bodies_are_bounded_and_pass_whole(tmp_path: Path, authority: Authority) -> None:
    async with proxied(tmp_path, authority) as (gateway, proxy):
        assert await proxy.post(CLIENT, body=b"x" * BODY_BYTES) == 200
        reader, writer = await proxy.connect(CLIENT)
        announced = f"POST {HOOK} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: %d\r\n\r\n"
        writer.write((announced % (BODY_BYTES + 1)).encode())
        assert b" 413 " in await reader.readline()
        writer.close()
        reader, writer = await proxy.connect(CLIENT)
        writer.write((announced % BODY_BYTES).encode() + b"x" * 500_000)
        started = asyncio.get_running_loop().time()
        with suppress(ConnectionError):  # nginx resets what is too slow
            assert not await reader.read()
        assert asyncio.get_running_loop().time() - started > BODY_SECONDS / 2
        writer.close()
        assert gateway.bodies == [BODY_BYTES], "no half body comes through"


async def test_requests_in_hand_of_a_client_and_of_a_network_are_bounded(
    tmp_path: Path, authority: Authority
) -> None:
    async with proxied(tmp_path, authority) as (gateway, proxy):
        gateway.go_on.clear()
        hosts = [OF_ITS_NETWORK % (n // PER_CLIENT + 1) for n in range(PER_NETWORK)]
        held = [asyncio.create_task(proxy.post(host)) for host in hosts[:PER_CLIENT]]
        await taken(gateway, PER_CLIENT)
        assert await proxy.post(CLIENT) == 503
        held += [asyncio.create_task(proxy.post(host)) for host in hosts[PER_CLIENT:]]
        await taken(gateway, PER_NETWORK - PER_CLIENT)
        assert await proxy.post(OF_ITS_NETWORK % 200) == 503
        other = asyncio.create_task(proxy.post(OTHER))
        await taken(gateway, 1)
        gateway.go_on.set()
        assert {*await asyncio.gather(*held, other)} == {200}


async def test_large_bodies_of_a_network_and_of_all_are_bounded(
    tmp_path: Path, authority: Authority
) -> None:
    large, chunked = b"x" * (SMALL_BYTES + 1), "Transfer-Encoding: chunked\r\n"
    networks = [ELSEWHERE % (n + 20) for n in range(LARGE // LARGE_PER_NETWORK)]
    async with proxied(tmp_path, authority) as (gateway, proxy):
        gateway.go_on.clear()
        async with asyncio.TaskGroup() as group:
            for host in networks:
                of_network = [
                    group.create_task(proxy.post(host, body=large))
                    for _ in range(LARGE_PER_NETWORK)
                ]
                await taken(gateway, LARGE_PER_NETWORK)
                assert await proxy.post(host, body=large) == 503, "16 of one network"
            assert await proxy.post(OTHER, body=large) == 503, "64 in all"
            assert await status(await proxy.connect(OTHER), more=chunked, body=None) == 503
            small = [
                group.create_task(proxy.post(host, body=large[1:])) for host in (*networks, OTHER)
            ]
            upload = group.create_task(proxy.post(CRM, "/v1/media", body=large))
            await taken(gateway, len(small) + 1)
            gateway.go_on.set()
        assert {each.result() for each in (*of_network, *small, upload)} == {200}


async def taken(gateway: Gateway, count: int) -> None:
    for _ in range(count):
        await gateway.arrived.acquire()


async def test_only_the_paths_and_the_name_of_the_gateway_are_open(
    tmp_path: Path, authority: Authority
) -> None:
    async with proxied(tmp_path, authority) as (gateway, proxy):
        paths = ("/v1/messages", "/v1/media", "/metrics", "/", HOOK + "/almelo")
        assert [await proxy.post(CLIENT, path) for path in paths] == [403, 403, 404, 404, 200]
        assert [await proxy.post(CRM, path) for path in paths[:3]] == [200, 200, 404]
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            await proxy.connect(CLIENT, "127.0.0.1.nip.example")
    assert len(gateway.bodies) == 3


async def test_archiver_is_open_by_its_own_name_and_for_the_crm_alone(
    tmp_path: Path, authority: Authority
) -> None:
    async with proxied(tmp_path, authority) as (gateway, proxy):

        async def asked(client: str, path: str) -> int:
            line = await proxy.connect(client, ARCHIVE_NAME)
            return await status(line, path, FORGED, name=ARCHIVE_NAME)

        report = "/v1/people/_report"
        assert await asked(CRM, report) == 200
        assert await asked(OTHER, report) == 403
        assert await asked(CRM, "/webhooks/whatsapp") == 404
    [headers] = gateway.headers
    assert (headers["host"], headers[FORWARDED.lower()]) == (ARCHIVE_NAME, CRM)
    assert not {"x-real-ip", "forwarded"} & headers.keys()
