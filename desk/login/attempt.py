"""One attempt to log in: what the browser keeps while its user is at the provider. Pure.

All of it lies sealed in a cookie, so that strangers who begin to log in write nothing here.
"""

import re
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

import msgspec

LIFETIME = timedelta(minutes=10)
"""Longest time at the provider: a password, a second factor, and a telephone to find for it."""
OWN_PATH = re.compile(r"/(?:[A-Za-z0-9_~-][A-Za-z0-9_~/.-]*)?(?:\?[A-Za-z0-9_=&-]*)?")
"""A path of ours. No other host can be named in it: it has no second slash at its beginning, no
backslash and no colon."""
MAX_PATH = 300
FIRST_PAGE = "/inbox"


class Attempt(msgspec.Struct, frozen=True):
    state: str
    nonce: str
    verifier: str
    """Secret of PKCE (RFC 7636), of which the provider first gets the hash."""
    began_at: datetime
    return_to: str = FIRST_PAGE
    """Page that was asked for before."""

    def is_current(self, now: datetime) -> bool:
        return timedelta(0) <= now - self.began_at <= LIFETIME


def own_path(text: str) -> str:
    """Return the page to go to afterwards: `text` if it is a path of ours, else the first page."""
    return text if len(text) <= MAX_PATH and OWN_PATH.fullmatch(text) else FIRST_PAGE


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of RFC 7636."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorization_query(attempt: Attempt, *, client_id: str, redirect_uri: str, scope: str) -> str:
    """Return the query with which the browser goes to the provider."""
    return urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge_of(attempt.verifier),
            "code_challenge_method": "S256",
        }
    )
