"""Deliveries that show a token: fetched when it is needed, once for all that wait for it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from deliverer.crm.response_policy import judge
from deliverer.transport import oauth
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.oauth import Token
from deliverer.transport.response import Body, Response
from services import metrics
from services.config.organisation import CloudEventsDestination, OAuth
from services.tasks import cancel_and_wait

UNAUTHORIZED = 401
FAILED_SECONDS = 0.2
"""A failure stands for all who ask so soon after it: less than the first wait of a pause, more than
it takes all that are under way to hear that their token is refused."""


class CachedToken(NamedTuple):
    """What came of the last fetch, the how manyth it was, and until when it is used."""

    got: Token | Response
    number: int
    until: float


class TokenCache:
    """One destination's. What stands in place of a token says why there is none."""

    def __init__(
        self, destination: str, given: OAuth, secret: str, poster: HttpClientProtocol
    ) -> None:
        self._destination, self._url, self._poster = destination, given.token_url, poster
        self._body, self._headers = oauth.request(given, secret)
        self._loop = asyncio.get_running_loop()
        self._held = CachedToken(Response(), 0, 0.0)
        self._fetching: asyncio.Task[None] | None = None

    async def held(self, refused: int = -1) -> CachedToken:
        """What may be used by now, and is newer than one that was refused."""
        if self._held.number <= refused or self._loop.time() >= self._held.until:
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.create_task(self._fetch())
            # One who waits may go; the others wait on.
            await asyncio.shield(self._fetching)
        return self._held

    async def _fetch(self) -> None:
        asked = self._loop.time()
        got = oauth.read(await self._poster.post(self._url, self._body, self._headers))
        if isinstance(got, Token):
            outcome, until = "given", asked + got.seconds
        else:
            outcome = "refused" if judge(got).alarm else "failed"
            until = self._loop.time() + FAILED_SECONDS
        counted = metrics.destination_tokens.labels
        counted(destination=self._destination, outcome=outcome).inc()
        self._held = CachedToken(got, self._held.number + 1, until)

    async def stop(self) -> None:
        if self._fetching:
            await cancel_and_wait(self._fetching)


class OAuthSession:
    """A poster that shows a token with what it posts."""

    def __init__(self, poster: HttpClientProtocol, tokens: TokenCache) -> None:
        self._poster, self._tokens = poster, tokens

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        """One attempt: done once more where the token was refused, for it may have been revoked."""
        held = await self._tokens.held()
        answer = await self._with(held, url, body, headers)
        if answer.status != UNAUTHORIZED or answer.responder != "destination":
            return answer
        return await self._with(await self._tokens.held(held.number), url, body, headers)

    async def _with(
        self, held: CachedToken, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        if isinstance(held.got, Response):
            return held.got
        return await self._poster.post(url, body, {**headers, **oauth.authorization(held.got)})


@asynccontextmanager
async def oauth_session(
    destination: CloudEventsDestination, secret: str, poster: HttpClientProtocol
) -> AsyncIterator[HttpClientProtocol]:
    """The poster, and a token with each of its posts where the destination asks for one."""
    if destination.oauth is None:
        yield poster
        return
    tokens = TokenCache(destination.id, destination.oauth, secret, poster)
    try:
        yield OAuthSession(poster, tokens)
    finally:
        await tokens.stop()
