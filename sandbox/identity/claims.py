"""Claims of access tokens (RFC 9068), ID tokens and logout tokens (OpenID Connect). Pure."""

import base64
import hashlib
from datetime import datetime
from typing import Any

import msgspec

from sandbox.identity.session import Session

Claims = dict[str, Any]

AUDIENCE = "postkamer"
"""`aud` of access tokens, as `audience` in postkamer.toml has it."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_SECONDS = 120
"""Life of a logout token; its standard recommends two minutes at most."""


class Issue(msgspec.Struct, frozen=True):
    """The making of one token."""

    session: Session
    client_id: str
    token_id: str
    now: datetime
    seconds: int
    """Life of the token."""

    def common_claims(self) -> Claims:
        """Return the claims that tokens of every kind have."""
        issued = int(self.now.timestamp())
        return {
            "iss": self.session.issuer,
            "sub": self.session.person.subject,
            "sid": self.session.id,
            "jti": self.token_id,
            "iat": issued,
            "exp": issued + self.seconds,
        }


def access_claims(issue: Issue) -> Claims:
    """Return the claims of an access token for the APIs of Postkamer."""
    person, session = issue.session.person, issue.session
    return issue.common_claims() | {
        "aud": AUDIENCE,
        "client_id": issue.client_id,
        "scope": session.scope,
        "auth_time": int(session.began.timestamp()),
        "preferred_username": person.id,
        "name": person.name,
        "roles": list(person.groups),
    }


def id_claims(issue: Issue, access_token: str, nonce: str) -> Claims:
    """Return the claims of an ID token for the client. One of a refresh has no nonce."""
    person, session = issue.session.person, issue.session
    claims = issue.common_claims() | {
        "aud": issue.client_id,
        "azp": issue.client_id,
        "auth_time": int(session.began.timestamp()),
        "at_hash": half_hash(access_token),
        "preferred_username": person.id,
        "name": person.name,
    }
    return claims | {"nonce": nonce} if nonce else claims


def logout_claims(issue: Issue) -> Claims:
    """Return the claims of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.4)."""
    return issue.common_claims() | {"aud": issue.client_id, "events": {LOGOUT_EVENT: {}}}


def half_hash(token: str) -> str:
    """Return the left half of a token's SHA-256 (OpenID Connect Core 1.0, section 3.1.3.6)."""
    half = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).decode().rstrip("=")
