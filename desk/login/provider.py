"""The municipality's OpenID Connect provider: where its endpoints are, and what it is asked."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog

from desk.login.id_token import Expected, usable_algorithms
from desk.postkamer.client import TooLarge, read_bytes
from services.http.access_tokens import InvalidToken, VerifyingKey, parse_token
from services.http.key_sets import KeySet, fetch_url

log = structlog.get_logger()

ANSWER_SECONDS = 8.0
"""Longest wait for the provider, while a browser waits for us."""
MAX_BYTES = 256 * 1024
METADATA_SECONDS = 3600.0
"""Age at which the addresses of the provider are asked for again."""
RETRY_SECONDS = 5.0
"""Pause after a provider did not answer, in which others hear so at once: each would wait for all
who came before, since one asks at a time."""
LOCAL = ("127.0.0.1", "localhost", "::1")


class ProviderUnavailable(Exception):
    """The provider does not answer, or not as OpenID Connect says: nobody can log in for now."""


class LoginRefused(Exception):
    """The provider refuses: a code or refresh token that has ended, or another client."""


class Metadata(msgspec.Struct, frozen=True):
    """The provider's description of itself (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    authorization_response_iss_parameter_supported: bool = False


class Tokens(msgspec.Struct, frozen=True):
    access_token: str
    refresh_token: str = ""
    id_token: str = ""
    expires_in: float = 300.0
    ends_at: datetime | None = None
    """Time at which the access token ends, once it is known when it was given."""


class Client(msgspec.Struct, frozen=True):
    """The desk, as the provider knows it."""

    id: str
    secret: str
    redirect_uri: str
    scope: str


class Provider:
    def __init__(self, http: aiohttp.ClientSession, issuer: str, client: Client) -> None:
        self._http, self._issuer, self.client = http, issuer, client
        self._metadata: Metadata | None = None
        self._read_at = self._failed_at = float("-inf")
        self._keys: KeySet | None = None
        self._turn = asyncio.Lock()

    def use_secret(self, secret: str) -> None:
        """Show the provider this secret, from the next request on."""
        self.client = msgspec.structs.replace(self.client, secret=secret)

    async def metadata(self) -> Metadata:
        """Return what the provider says of itself. What it said before holds while it does not
        answer. Raises ProviderUnavailable."""
        async with self._turn:
            now = asyncio.get_running_loop().time()
            is_old = self._metadata is None or now - self._read_at > METADATA_SECONDS
            if is_old and now - self._failed_at > RETRY_SECONDS:
                await self._discover(now)
        if self._metadata is None:
            raise ProviderUnavailable("it did not answer a moment ago")
        return self._metadata

    async def _discover(self, now: float) -> None:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            body = await self._fetch("GET", url)
            found = parse_metadata(body, self._issuer)
        except ProviderUnavailable as error:
            self._failed_at = asyncio.get_running_loop().time()
            log.warning("desk.provider_unread", reason=str(error))
            return
        if self._metadata is None or found.jwks_uri != self._metadata.jwks_uri:
            keys_url = found.jwks_uri
            self._keys = KeySet("desk", lambda: fetch_url(keys_url))
        self._metadata, self._read_at = found, now

    async def expected(self) -> Expected:
        """Return what an ID token of this provider must say."""
        metadata = await self.metadata()
        algorithms = usable_algorithms(metadata.id_token_signing_alg_values_supported)
        return Expected(metadata.issuer, self.client.id, algorithms)

    async def key_of(self, token: str) -> VerifyingKey:
        """Return the key that a token says it is signed with. Raises InvalidToken for a token of
        another issuer or with an unknown key, and KeysUnavailable."""
        metadata = await self.metadata()
        stated = parse_token(token)
        assert self._keys is not None
        key = await self._keys.find(stated.key_id) if stated.issuer == metadata.issuer else None
        if key is None:
            raise InvalidToken
        return key

    async def exchange(self, code: str, verifier: str) -> Tokens:
        """Return the tokens for a code. Raises LoginRefused and ProviderUnavailable."""
        return await self._ask_tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": verifier,
                "redirect_uri": self.client.redirect_uri,
            }
        )

    async def refresh(self, tokens: Tokens) -> Tokens:
        """Return new tokens. Raises LoginRefused and ProviderUnavailable."""
        given = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        new = await self._ask_tokens(given)
        return msgspec.structs.replace(
            new,
            refresh_token=new.refresh_token or tokens.refresh_token,
            id_token=new.id_token or tokens.id_token,
        )

    async def _ask_tokens(self, form: Mapping[str, str]) -> Tokens:
        metadata = await self.metadata()
        given = dict(form) | {"client_id": self.client.id}
        if self.client.secret:
            given["client_secret"] = self.client.secret
        body = await self._fetch("POST", metadata.token_endpoint, given)
        try:
            return msgspec.json.decode(body, type=Tokens)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProviderUnavailable("the answer holds no tokens") from None

    async def _fetch(self, method: str, url: str, form: Mapping[str, str] | None = None) -> bytes:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._http.request(
                method, url, data=form, allow_redirects=False, timeout=timeout
            ) as response:
                body, status = await read_bytes(response, MAX_BYTES), response.status
        except (aiohttp.ClientError, TimeoutError, OSError, TooLarge) as error:
            raise ProviderUnavailable(type(error).__name__) from error
        if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED) and form is not None:
            raise LoginRefused(_error_code(body))
        if status != HTTPStatus.OK:
            raise ProviderUnavailable(f"status {status}")
        return body


def parse_metadata(body: bytes, issuer: str) -> Metadata:
    """Return what a provider says of itself. Raises ProviderUnavailable if it is not the provider
    that was asked, or has an address without TLS: who answers there decides who is let in."""
    try:
        found = msgspec.json.decode(body, type=Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProviderUnavailable("the answer is no OpenID configuration") from None
    if found.issuer != issuer:
        raise ProviderUnavailable("the answer is that of another issuer")
    addresses = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
    optional = (found.end_session_endpoint,) if found.end_session_endpoint else ()
    if not all(map(_is_safe, (*addresses, *optional))):
        raise ProviderUnavailable("an address of the provider is not https")
    return found


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)


def _error_code(body: bytes) -> str:
    """Return the error code of OAuth, which names nobody, if it is one of the standard's."""
    try:
        error: Any = msgspec.json.decode(body).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError):
        return ""
    return error if error in ERROR_CODES else ""


ERROR_CODES = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
