"""HTTP to gateway and archiver. A refusal and a want of an answer are values of different kinds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

ANSWER_SECONDS = 10.0
"""Longest wait for an answer: the browser of an employee waits for it."""
CONNECTIONS = 64
"""Connections to each of the two: twenty people at once need a few, and a slow file holds one."""
MAX_BYTES = 8 * 1024 * 1024
"""Largest answer in JSON: a page of 200 messages, each with the item as Meta sent it."""

MAX_REPORT_BYTES = 64 * 1024 * 1024
"""Largest report of one person: 20,000 messages and views of some 3 KB."""


class Refused(Exception):
    """The answer is a problem: nothing was done, and the same request is refused again."""

    def __init__(self, status: int, code: str, body: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {code}".strip())
        self.status, self.code, self.body = status, code, body


class Unanswered(Exception):
    """There was no answer, or one that asks to come back: what was asked for may have been done."""


class TooLarge(Exception):
    """A body is over its bound."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    location: str = ""


class PostkamerClient:
    """One of the two services, at its address."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self._http, self._address = http, address.rstrip("/")

    async def ask(
        self,
        method: str,
        path: str,
        token: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to a request. Raises Refused and Unanswered."""
        given = {"Authorization": f"Bearer {token}"} | dict(headers or {})
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            given["Content-Type"] = "application/json"
        try:
            async with self._http.request(
                method, self._address + path, data=content, headers=given, allow_redirects=False
            ) as response:
                content = await read_bytes(response, MAX_BYTES)
                answer = Answer(response.status, content, response.headers.get("Location", ""))
        except (aiohttp.ClientError, TimeoutError, OSError, TooLarge) as error:
            raise Unanswered(type(error).__name__) from error
        return _judge(answer)

    async def ask_for_report(
        self, path: str, token: str, body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """Return the answer to a question that takes long, and may be large. Raises Refused and
        Unanswered."""
        given = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with self._http.post(
                self._address + path,
                data=msgspec.json.encode(body),
                headers=given | dict(headers),
                allow_redirects=False,
                timeout=REPORT_TIMEOUT,
            ) as response:
                answer = Answer(response.status, await read_bytes(response, MAX_REPORT_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError, TooLarge) as error:
            raise Unanswered(type(error).__name__) from error
        return _judge(answer)

    async def send_file(
        self, path: str, token: str, pieces: AsyncIterator[bytes], headers: Mapping[str, str]
    ) -> Answer:
        """Return the answer to a file that is passed on. Raises Refused and Unanswered."""
        given = {"Authorization": f"Bearer {token}"} | dict(headers)
        try:
            async with self._http.post(
                self._address + path,
                data=pieces,
                headers=given,
                allow_redirects=False,
                timeout=FILE_TIMEOUT,
            ) as response:
                answer = Answer(response.status, await read_bytes(response, MAX_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError, TooLarge) as error:
            raise Unanswered(type(error).__name__) from error
        return _judge(answer)

    @asynccontextmanager
    async def open_file(self, path: str, token: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the answer with a file, whatever its status, to be read in pieces. Raises
        Unanswered."""
        headers = {"Authorization": f"Bearer {token}"}
        response = None
        try:
            response = await self._http.get(
                self._address + path, headers=headers, allow_redirects=False, timeout=FILE_TIMEOUT
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unanswered(type(error).__name__) from error
        try:
            yield response
        finally:
            response.close()


REPORT_TIMEOUT = aiohttp.ClientTimeout(total=90, sock_connect=5)
"""Longest wait for a report: the archiver gives a minute to one, and half of that to its PDF."""
FILE_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)


@asynccontextmanager
async def client_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connections of the desk, which keeps no cookies and follows no redirects."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=5)
    connector = aiohttp.TCPConnector(limit=2 * CONNECTIONS, limit_per_host=CONNECTIONS)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(
        timeout=timeout, connector=connector, cookie_jar=jar, raise_for_status=False
    ) as session:
        yield session


async def read_bytes(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the whole body. Raises TooLarge over `limit` bytes."""
    body = b""
    async for piece in response.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > limit:
            raise TooLarge
    return body


def _judge(answer: Answer) -> Answer:
    """Return an answer that says yes. Raises Refused and Unanswered for the others."""
    if 200 <= answer.status < 300:
        return answer
    if answer.status in (408, 429) or not 400 <= answer.status < 500:
        raise Unanswered(f"status {answer.status}")
    try:
        problem = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        problem = {}
    code = problem.get("code", "")
    raise Refused(answer.status, code if isinstance(code, str) else "", problem)
