"""The key of the provider, which signs all tokens, and its public half."""

import asyncio
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from sandbox.identity.claims import Claims

ALGORITHM = "RS256"
KEY_BITS = 2048
ACCESS, ID, LOGOUT = "at+jwt", "JWT", "logout+jwt"
"""Values of `typ` in the header of each kind of token."""
MALFORMED = (JoseError, ValueError, TypeError, KeyError, RecursionError)
"""Errors that text of strangers causes while it is read."""


class Signer:
    """Makes its key when it is first asked for: that takes a tenth of a second of a processor, and
    most tests of the sandbox need none. Gateway and archiver ask for it when they start."""

    def __init__(self) -> None:
        self._key: RSAKey | None = None
        self._turn = asyncio.Lock()

    async def publish(self) -> dict[str, Any]:
        """Return the key set (RFC 7517)."""
        return dict(KeySet([await self._ready_key()]).as_dict(private=False))

    async def sign(self, claims: Claims, kind: str) -> str:
        """Return a token of this kind with these claims."""
        key = await self._ready_key()
        header = {"alg": ALGORITHM, "typ": kind, "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    async def read_id_token(self, token: str) -> Claims | None:
        """Return the claims of an ID token that we signed, also one whose time is over."""
        key = await self._ready_key()
        try:
            read = jwt.decode(token, key, algorithms=[ALGORITHM])
        except MALFORMED:
            return None
        return read.claims if read.header.get("typ") == ID else None

    async def _ready_key(self) -> RSAKey:
        async with self._turn:
            if self._key is None:
                self._key = await asyncio.to_thread(_make_key)
            return self._key


def _make_key() -> RSAKey:
    parameters: Any = {"use": "sig", "alg": ALGORITHM}
    return RSAKey.generate_key(KEY_BITS, parameters, auto_kid=True)
