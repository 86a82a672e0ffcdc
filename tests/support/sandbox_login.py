"""A client of the sandbox's identity provider, as the desk is one, and its people without a
browser."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from joserfc import jwt
from joserfc.jwk import KeySet

from sandbox.identity.token_request import challenge_of

VERIFIER = "a-verifier-of-at-least-forty-three-characters"
SECRET = "sandbox-desk-secret"
DESK = "http://127.0.0.1:8070"
CALLBACK = f"{DESK}/login/callback"


def login_fields(desk: str = DESK, **changed: str | None) -> dict[str, str]:
    """Parameters of a request to log in; one that is None is left out."""
    fields: dict[str, str | None] = {
        "client_id": "desk",
        "redirect_uri": f"{desk}/login/callback",
        "response_type": "code",
        "scope": "openid profile",
        "state": "s1",
        "nonce": "n1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    } | changed
    return {name: value for name, value in fields.items() if value is not None}


def login_url(issuer: str, desk: str = DESK) -> str:
    """Address to which the desk sends the browser."""
    return f"{issuer}/authorize?{urlencode(login_fields(desk))}"


def answer_fields(location: str) -> dict[str, str]:
    """Parameters with which the browser comes back to the client."""
    return {name: value for name, [value] in parse_qs(urlsplit(location).query).items()}


class Desk:
    """The registered client, at a provider with this issuer."""

    def __init__(
        self, http: aiohttp.ClientSession, issuer: str, *, secret: str = SECRET, url: str = DESK
    ) -> None:
        self.http, self.issuer, self.secret, self.url = http, issuer, secret, url

    async def ask(self, **changed: str | None) -> aiohttp.ClientResponse:
        """Answer of the provider to the browser that the desk sent there."""
        fields = login_fields(self.url, **changed)
        return await self.http.get(f"{self.issuer}/authorize", params=fields, allow_redirects=False)

    async def choose(self, person: str, **changed: str | None) -> str:
        """Address to which the browser goes once a person was chosen on the page."""
        fields = login_fields(self.url, **changed) | {"person": person}
        url = f"{self.issuer}/authorize"
        async with self.http.post(url, data=fields, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
            return answer.headers["Location"]

    async def code(self, person: str, **changed: str | None) -> str:
        return answer_fields(await self.choose(person, **changed))["code"]

    async def post(
        self, fields: Mapping[str, str | None], headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Ask the endpoint of tokens; a parameter that is None is left out."""
        given = {"client_id": "desk", "client_secret": self.secret} | dict(fields)
        data = {name: value for name, value in given.items() if value is not None}
        url = f"{self.issuer}/token"
        async with self.http.post(url, data=data, headers=headers) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, await answer.json()

    async def redeem(self, code: str, /, **changed: str | None) -> tuple[int, dict[str, Any]]:
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.url}/login/callback",
            "code_verifier": VERIFIER,
        }
        return await self.post(fields | changed)

    async def refresh(self, token: str, /, **changed: str | None) -> tuple[int, dict[str, Any]]:
        fields: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": token}
        return await self.post(fields | changed)

    async def log_in(self, person: str, **changed: str | None) -> dict[str, Any]:
        """Tokens of a person, after the whole dance."""
        status, tokens = await self.redeem(await self.code(person, **changed))
        assert status == 200, tokens
        return tokens

    async def read(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token that the provider's published key has signed."""
        async with self.http.get(f"{self.issuer}/keys") as answer:
            keys = KeySet.import_key_set(await answer.json())
        read = jwt.decode(token, keys, algorithms=["RS256"])
        return read.header, read.claims
