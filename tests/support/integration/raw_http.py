"""Speaking to a server of ours through a raw socket, and reading what it says, byte by byte."""

import asyncio
import socket

import msgspec
from aiohttp import web

from services.http.application import api_app
from services.http.body import read_body
from services.http.problems import HEADERS, problem_response

HOST = b"Host: x\r\n"
POST = b"POST /seen HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
THREE = b"Content-Length: 3\r\n\r\nabc"
SECRET = b"geheim"
"""Somewhere in what is sent; never in an answer."""
BODY_SECONDS = 0.5
LONG = 10.0


class Seen:
    """An application that writes down which bodies it was given."""

    def __init__(self) -> None:
        self.bodies: list[bytes | None] = []
        self.reading = 0
        """Bodies of which the reading began."""
        self.app = api_app([web.post("/seen", self.page), web.get("/seen", self.page)])

    async def page(self, request: web.Request) -> web.Response:
        self.reading += 1
        try:
            self.bodies.append(await read_body(request, 1000, BODY_SECONDS))
        except TimeoutError:
            answer = problem_response(408, "Request Timeout")
            answer.force_close()
            return answer
        return web.Response()


async def said(port: int, *parts: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Say this, part by part, and nothing more; every answer until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(LONG):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.02 * (len(parts) > 1))  # so that they arrive one by one
            return answers(await all_of(reader))
    finally:
        writer.close()


async def spoken(
    port: int, said: bytes, host: str = "127.0.0.1", own: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which this was said before a server in our loop can see that it is there: its
    limits of silence cannot pass in between, however slow the machine is."""
    line = socket.create_connection((host, port), LONG, (own, 0) if own else None)
    line.sendall(said)
    line.setblocking(False)
    return await asyncio.open_connection(sock=line)


async def closing(port: int, *parts: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """The same, with a last request that closes the connection where it is still open."""
    return await said(port, *parts, b"GET /seen HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Read until the end. That may be a reset: the door does not read all that is sent."""
    received = b""
    try:
        while more := await reader.read(65536):
            received += more
    except ConnectionError:
        assert received
    return received


def answers(received: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        code = int(status.split()[1])
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        length = int(headers.get("content-length", 0))
        if code != 100:
            found.append((code, headers, received[:length]))
        received = received[length:]
    return found


def refused(answer: tuple[int, dict[str, str], bytes], *statuses: int) -> None:
    status, headers, body = answer
    assert status in statuses
    assert headers["content-type"] == "application/problem+json"
    assert {name: headers.get(name.lower()) for name in HEADERS} == HEADERS
    assert msgspec.json.decode(body)["status"] == status
    assert SECRET not in body and b"abc" not in body
