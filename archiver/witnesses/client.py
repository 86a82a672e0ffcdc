"""HTTP client of witnesses, with bounds on the time and size of an answer."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from archiver.witnesses.answers import Answer, Outcome, read_answer
from services.transparency.add_checkpoint import (
    CHECKPOINT_PATH,
    MAX_ANSWER_BYTES,
    PATH,
    encode_request,
)
from services.transparency.cosignature import Witness

ASK_SECONDS, CONNECT_SECONDS = 10.0, 5.0
"""Time for a whole request, which a witness answers in milliseconds; and for its connection."""
AWAY = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""Errors of a request to a witness; ValueError is of an address that is none."""


class WitnessAway(Exception):
    """The witness did not answer; the message names the kind of fault."""


class WitnessClient:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def submit(
        self, witness: Witness, old_size: int, path: Sequence[bytes], note: str
    ) -> Answer:
        """Ask a witness to co-sign a checkpoint."""
        url, body = witness.url + PATH, encode_request(old_size, path, note)
        try:
            async with self._session.post(url, data=body, allow_redirects=False) as response:
                content = await _read_limited(response.content)
                return read_answer(response.status, response.content_type, content, witness, note)
        except AWAY:
            return Answer(Outcome.AWAY)

    async def newest(self, witness: Witness, origin: str) -> str | None:
        """Return the newest checkpoint of a log that a witness signed; None if it has none.

        Raises WitnessAway.
        """
        url, query = witness.url + CHECKPOINT_PATH, {"origin": origin}
        try:
            async with self._session.get(url, params=query, allow_redirects=False) as response:
                content = await _read_limited(response.content)
                if response.status not in (200, 404):
                    raise WitnessAway(f"it answered {response.status}")
                return content.decode(errors="replace") if response.status == 200 else None
        except AWAY as error:
            raise WitnessAway(type(error).__name__) from None


async def _read_limited(content: aiohttp.StreamReader) -> bytes:
    head = b""
    while len(head) < MAX_ANSWER_BYTES:
        if not (piece := await content.read(MAX_ANSWER_BYTES - len(head))):
            break
        head += piece
    return head


@asynccontextmanager
async def witness_client() -> AsyncIterator[WitnessClient]:
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(ASK_SECONDS, connect=CONNECT_SECONDS),
        headers={"User-Agent": "postkamer", "Accept-Encoding": "identity"},
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield WitnessClient(session)
