"""Requests with an OAuth token, fetched inside the attempt, once for all that wait for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from deliverer.crm.response_policy import judge
from deliverer.transport import oauth
from deliverer.transport.http_client import HttpClientProtocol, RequestClient
from deliverer.transport.oauth import Token
from deliverer.transport.request_sender import Request
from deliverer.transport.response import Body, Response
from services import metrics
from services.config.organisation import CloudEventsDestination, OAuth
from services.tasks import cancel_and_wait

UNAUTHORIZED = 401
FAILURE_SECONDS = 0.2
"""Time that a failed fetch is reused. Less than the first wait of a pause, and longer than it takes
until all deliveries in flight hear that their token is refused."""


class CachedToken(NamedTuple):
    """Result of the last fetch, the number of that fetch, and the time until which it is used."""

    result: Token | Response
    number: int
    expires_at: float


class TokenCache:
    """Token of one destination, or the answer that explains why there is none."""

    def __init__(
        self,
        destination: str,
        config: OAuth,
        secret: Callable[[], str],
        poster: HttpClientProtocol,
    ) -> None:
        """`secret` returns the client secret of now; '' if it needs none."""
        self._destination, self._poster = destination, poster
        self._config, self._secret = config, secret
        self._loop = asyncio.get_running_loop()
        self._cached = CachedToken(Response(), 0, 0.0)
        self._fetching: asyncio.Task[None] | None = None

    async def current(self, refused: int = -1) -> CachedToken:
        """Return a result that may be used and is newer than fetch number `refused`."""
        if self._cached.number <= refused or self._loop.time() >= self._cached.expires_at:
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.create_task(self._fetch())
            # Cancelling one waiting delivery must not cancel the fetch for the others.
            await asyncio.shield(self._fetching)
        return self._cached

    async def _fetch(self) -> None:
        requested_at = self._loop.time()
        body, headers = oauth.token_request(self._config, self._secret())
        answer = await self._poster.post(self._config.token_url, body, headers)
        result = oauth.read_token(answer)
        if isinstance(result, Token):
            outcome, expires_at = "given", requested_at + result.seconds
        else:
            outcome = "refused" if judge(result).alarm else "failed"
            expires_at = self._loop.time() + FAILURE_SECONDS
        counter = metrics.destination_tokens.labels
        counter(destination=self._destination, outcome=outcome).inc()
        self._cached = CachedToken(result, self._cached.number + 1, expires_at)

    async def stop(self) -> None:
        if self._fetching:
            await cancel_and_wait(self._fetching)


class OAuthSession:
    """Adds a token to each request."""

    def __init__(self, sender: RequestClient, tokens: TokenCache) -> None:
        self._sender, self._tokens = sender, tokens

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        return await self.request("POST", url, body, headers)

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        """Make one attempt; repeat it once if the token was refused, for it may be revoked."""
        request = Request(method, url, body, headers)
        cached = await self._tokens.current()
        answer = await self._send_with(cached, request)
        if answer.status != UNAUTHORIZED or answer.responder != "destination":
            return answer
        return await self._send_with(await self._tokens.current(cached.number), request)

    async def _send_with(self, cached: CachedToken, request: Request) -> Response:
        if isinstance(cached.result, Response):
            return cached.result
        headers = {**request.headers, **oauth.authorization(cached.result)}
        return await self._sender.request(request.method, request.url, request.body, headers)


@asynccontextmanager
async def token_session(
    destination: str, config: OAuth, secret: Callable[[], str], sender: RequestClient
) -> AsyncIterator[OAuthSession]:
    """Yield a session that fetches its tokens with the same sender."""
    tokens = TokenCache(destination, config, secret, sender)
    try:
        yield OAuthSession(sender, tokens)
    finally:
        await tokens.stop()


@asynccontextmanager
async def oauth_session(
    destination: CloudEventsDestination, secret: Callable[[], str], sender: RequestClient
) -> AsyncIterator[HttpClientProtocol]:
    """Yield the sender itself, or a session if the destination requires tokens."""
    if destination.oauth is None:
        yield sender
        return
    async with token_session(destination.id, destination.oauth, secret, sender) as session:
        yield session
