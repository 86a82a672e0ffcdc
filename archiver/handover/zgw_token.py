"""Tokens with which we call ZGW APIs: a JWT that is signed with the secret of our client."""

from datetime import datetime

from joserfc import jwt
from joserfc.jwk import OctKey

ALGORITHM = "HS256"
USER_NAME = "Postkamer"


def sign_token(client_id: str, secret: str, user: str, now: datetime) -> str:
    """Return a token for one request. Providers take it for some time after `iat`."""
    claims = {
        "iss": client_id,
        "iat": int(now.timestamp()),
        "client_id": client_id,
        "user_id": user,
        "user_representation": USER_NAME,
    }
    key = OctKey.import_key(secret)
    return jwt.encode({"alg": ALGORITHM, "typ": "JWT"}, claims, key, algorithms=[ALGORITHM])
