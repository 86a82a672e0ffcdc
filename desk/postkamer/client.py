"""HTTP to gateway and archiver. A refusal and a want of an answer are values of different kinds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
import msgspec
import structlog

from services import metrics
from services.stops.refusal import MOVES

ANSWER_SECONDS = 10.0
"""Longest wait for an answer: the browser of an employee waits for it."""
CONNECTIONS = 64
"""Connections to each of the two: twenty people at once need a few, and a slow file holds one."""
MAX_BYTES = 8 * 1024 * 1024
"""Largest answer in JSON: a page of 200 messages, each with the item as Meta sent it."""

MAX_REPORT_BYTES = 64 * 1024 * 1024
"""Largest report of one person: 20,000 messages and views of some 3 KB."""


Api = Literal["gateway", "archiver", "router"]
API_OUTCOMES = "answered", "refused", "unanswered"

log = structlog.get_logger()


encode = msgspec.json.Encoder(order="deterministic").encode
"""Write a body, always with the same bytes: an API knows a repeated request by its key and its
bytes, and one that is given again after a crash was read from a table."""


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
    """One of the three APIs, at its address."""

    def __init__(self, http: aiohttp.ClientSession, api: Api, address: str) -> None:
        self._http, self._api, self._address = http, api, address.rstrip("/")
        for outcome in API_OUTCOMES:  # a counter that is not there before cannot rise
            metrics.desk_api_requests.labels(api, outcome)

    async def ask(
        self,
        method: str,
        path: str,
        token: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> Answer:
        """Return the answer to a request, within the usual time unless another is given. Raises
        Refused and Unanswered."""
        given = {"Authorization": f"Bearer {token}"} | dict(headers or {})
        content = None
        if body is not None:
            content = encode(body)
            given["Content-Type"] = "application/json"
        try:
            async with self._http.request(
                method,
                self._address + path,
                data=content,
                headers=given,
                allow_redirects=False,
                timeout=timeout or ANSWER_TIMEOUT,
            ) as response:
                content = await read_bytes(response, MAX_BYTES)
                answer = Answer(response.status, content, response.headers.get("Location", ""))
        except (aiohttp.ClientError, TimeoutError, OSError, TooLarge) as error:
            raise self._unanswered(type(error).__name__) from error
        return self._judge(answer)

    async def ask_for_report(
        self, path: str, token: str, body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """Return the answer to a question that takes long, and may be large. Raises Refused and
        Unanswered."""
        given = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with self._http.post(
                self._address + path,
                data=encode(body),
                headers=given | dict(headers),
                allow_redirects=False,
                timeout=REPORT_TIMEOUT,
            ) as response:
                answer = Answer(response.status, await read_bytes(response, MAX_REPORT_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError, TooLarge) as error:
            raise self._unanswered(type(error).__name__) from error
        return self._judge(answer)

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
            raise self._unanswered(type(error).__name__) from error
        return self._judge(answer)

    @asynccontextmanager
    async def open_file(
        self,
        path: str,
        token: str,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout | None = None,
        method: str = "GET",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the answer with a file, whatever its status, to be read in pieces. Raises
        Unanswered."""
        given = {"Authorization": f"Bearer {token}"} | dict(headers)
        response = None
        try:
            response = await self._http.request(
                method,
                self._address + path,
                headers=given,
                allow_redirects=False,
                timeout=timeout or FILE_TIMEOUT,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unanswered(type(error).__name__) from error
        is_away = response.status >= 500
        self._count("unanswered" if is_away else "answered" if response.ok else "refused")
        try:
            yield response
        finally:
            response.close()

    def _judge(self, answer: Answer) -> Answer:
        """Return an answer that says yes. Raises Refused and Unanswered for the others."""
        if 200 <= answer.status < 300:
            self._count("answered")
            return answer
        code, problem = _problem_in(answer.body)
        is_refused = 400 <= answer.status < 500 and answer.status not in (408, 429)
        if not is_refused and code != MOVES.code:
            raise self._unanswered(f"status {answer.status}")
        self._count("refused")
        raise Refused(answer.status, code, problem)

    def _unanswered(self, reason: str) -> Unanswered:
        self._count("unanswered")
        log.warning("desk.api_unanswered", api=self._api, reason=reason)
        return Unanswered(reason)

    def _count(self, outcome: str) -> None:
        metrics.desk_api_requests.labels(self._api, outcome).inc()


ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=5)
REPORT_TIMEOUT = aiohttp.ClientTimeout(total=90, sock_connect=5)
"""Longest wait for a report: the archiver gives a minute to one, and half of that to its PDF."""
RESULT_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=90)
"""Longest waits for a result that is made while it is read: before its first byte the archiver
looks through all documents, each within a second."""
FILE_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)


@asynccontextmanager
async def client_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connections of the desk, which keeps no cookies and follows no redirects."""
    connector = aiohttp.TCPConnector(limit=2 * CONNECTIONS, limit_per_host=CONNECTIONS)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(
        timeout=ANSWER_TIMEOUT, connector=connector, cookie_jar=jar, raise_for_status=False
    ) as session:
        yield session


async def read_bytes(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the whole body. Raises TooLarge over `limit` bytes."""
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(64 * 1024):
        size += len(piece)
        if size > limit:
            raise TooLarge
        pieces.append(piece)  # adding each to the others would copy all of them each time
    return b"".join(pieces)


def _problem_in(body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the code of a problem, and the whole of it; nothing of what is none."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return "", {}
    code = problem.get("code", "")
    return code if isinstance(code, str) else "", problem
