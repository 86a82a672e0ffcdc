"""Events go to no private address whose network is not named, also behind a name."""

import asyncio
from ipaddress import ip_network

import pytest

from deliverer.transport.http_client import http_client
from deliverer.transport.response import Response


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_private_address_is_not_connected_to_unless_its_network_is_named(
    name: str,
) -> None:
    asked: list[bytes] = []

    async def heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(heard, "127.0.0.1", 0) as server:
        url = f"http://{name}:{server.sockets[0].getsockname()[1]}/"
        async with http_client(1, networks=()) as sender:
            assert await sender.post(url, b"", {}) == Response(failure="inside", request_sent=False)
        assert asked == []
        async with http_client(1, networks=[ip_network("127.0.0.0/8")]) as sender:
            assert (await sender.post(url, b"", {})).status == 204
    assert len(asked) == 1
