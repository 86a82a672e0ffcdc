"""Key sets of identity providers, fetched again when they are old or a key is not in them.

A set is used while its provider is away, for a bounded time. So is a key that the provider took
back, which is the shorter the sooner the set is fetched again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from services.config.identity import IdentityProvider
from services.http.access_tokens import InvalidKeySet, VerifyingKey, parse_key_set
from services.tasks import with_timeout

REFRESH_SECONDS = 600.0
"""Age at which a set is fetched again: a key that was taken back is refused ten minutes later."""
TRUST_SECONDS = 24 * 60 * 60.0
"""Age at which a set is no longer used: a provider that is away for a day is not coming back."""
RETRY_SECONDS = 30.0
"""Shortest time between two requests to a provider, so that tokens with invented keys do not become
load there. New keys are mostly published long before they are used."""
WANTING_RETRY_SECONDS = 1.0
"""The same while no set is fresh enough: nobody can log in until the provider answers."""
FETCH_SECONDS = 3.0
"""Time limit of a request: the caller of our API waits for it."""
MAX_BYTES = 256 * 1024
"""Largest key set; those of large providers have 20 KiB with their certificates."""

Fetch = Callable[[], Coroutine[Any, Any, bytes]]
Clock = Callable[[], float]

log = structlog.get_logger()


class KeysUnavailable(Exception):
    """No key set is fresh enough: whether a token is valid is unknown."""


class KeySet:
    """Keys of one provider."""

    def __init__(self, provider: str, fetch: Fetch, now: Clock | None = None) -> None:
        self._provider, self._fetch, self._now = provider, fetch, now
        self._keys: dict[str, VerifyingKey] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._asked_since: float | None = None
        self._turn = asyncio.Lock()

    async def find(self, key_id: str) -> VerifyingKey | None:
        """Return a key; ask the provider for one that is unknown. Raises KeysUnavailable."""
        if not self._is_usable() or key_id not in self._keys:
            await self.refresh()
        if not self._is_usable():
            raise KeysUnavailable
        return self._keys.get(key_id)

    async def has_thumbprint(self, thumbprint: str) -> bool:
        """Return True if a key has this thumbprint (RFC 7638); ask the provider if none has."""
        if not self._has(thumbprint):
            await self.refresh()
        return self._is_usable() and self._has(thumbprint)

    def _has(self, thumbprint: str) -> bool:
        return any(key.thumbprint() == thumbprint for key in self._keys.values())

    @property
    def age(self) -> float:
        """Seconds since the provider gave its keys, or since it was first asked."""
        return self._age(self._asked_since if self._read_at is None else self._read_at)

    async def refresh_if_old(self) -> None:
        """Fetch the set again if it is old."""
        if self._age(self._read_at) >= REFRESH_SECONDS:
            await self.refresh()

    async def refresh(self) -> None:
        """Fetch the set, unless that was tried a moment ago. The old one stays if it fails."""
        async with self._turn:
            shortest = RETRY_SECONDS if self._is_usable() else WANTING_RETRY_SECONDS
            if self._age(self._tried_at) < shortest:
                return
            self._tried_at = self._time()
            if self._asked_since is None:
                self._asked_since = self._tried_at
            try:
                self._keys = parse_key_set(await with_timeout(FETCH_SECONDS, self._fetch()))
                self._read_at = self._tried_at
            except Exception as error:  # no answer of a provider may end the service
                kind = type(error).__name__
                log.warning("identity.keys_unread", reason=f"{self._provider}: {kind}")

    def _is_usable(self) -> bool:
        return self._age(self._read_at) < TRUST_SECONDS

    def _age(self, since: float | None) -> float:
        return float("inf") if since is None else self._time() - since

    def _time(self) -> float:
        return self._now() if self._now else asyncio.get_running_loop().time()


def key_set_of(provider: IdentityProvider) -> KeySet:
    """Return the key set of a provider, at its address or in its file."""

    async def fetch() -> bytes:
        if provider.keys_file:
            return await asyncio.to_thread(_read_file, Path(provider.keys_file))
        return await fetch_url(provider.keys_url)

    return KeySet(provider.id, fetch)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES)  # one that is cut is no key set


async def fetch_url(url: str) -> bytes:
    """Return the body at an address. It follows no redirect: the address is pinned."""
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
        session.get(url, allow_redirects=False, raise_for_status=True) as answer,
    ):
        body = b""
        async for chunk in answer.content.iter_chunked(MAX_BYTES):
            body += chunk
            if len(body) > MAX_BYTES:
                raise InvalidKeySet(f"it has more than {MAX_BYTES} bytes")
        return body
