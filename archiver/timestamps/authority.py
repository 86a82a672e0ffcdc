"""HTTP client of a time stamp authority (RFC 3161, section 3.4)."""

from datetime import datetime

import aiohttp

from archiver.timestamps.stamp import (
    Authorities,
    InvalidStamp,
    StampRequest,
    request_stamp,
    verify_stamp,
)

ASK_SECONDS = 15.0
"""Longest wait for an answer, which takes a second at most."""
ANSWER_BYTES = 64 * 1024
"""Largest answer: a stamp with three certificates has some 6 KB."""
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"


class AuthorityUnavailable(Exception):
    """The authority gave no stamp; it may later. The message says why."""


class Authority:
    """Authority at an address; its stamps must lead to the given certificates."""

    def __init__(self, url: str, authorities: Authorities) -> None:
        self._url, self.authorities = url, authorities

    async def stamp(self, note: bytes) -> tuple[bytes, datetime]:
        """Return the answer with the stamp on a note, verified, and its time. Raises
        AuthorityUnavailable, or InvalidStamp if it is none."""
        request = request_stamp(note)
        answer = await self._ask(request)
        return answer, verify_stamp(answer, note, self.authorities, request.nonce)

    async def _ask(self, request: StampRequest) -> bytes:
        bound = aiohttp.ClientTimeout(ASK_SECONDS)
        headers = {"Content-Type": QUERY, "Accept": REPLY, "Accept-Encoding": "identity"}
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=bound, headers=headers, auto_decompress=False
                ) as session,
                session.post(self._url, data=request.body, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise AuthorityUnavailable(f"it answers HTTP {response.status}")
                return await _read_limited(response.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AuthorityUnavailable(f"it does not answer ({type(error).__name__})") from None


async def _read_limited(content: aiohttp.StreamReader) -> bytes:
    answer = b""
    while piece := await content.read(ANSWER_BYTES + 1 - len(answer)):
        answer += piece
        if len(answer) > ANSWER_BYTES:
            raise InvalidStamp(f"its answer has more than {ANSWER_BYTES} bytes")
    return answer
