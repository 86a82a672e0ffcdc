"""Answer to one of our requests, as data, so that judging it is pure."""

from collections.abc import AsyncIterator
from typing import Literal

import msgspec

Body = bytes | AsyncIterator[bytes]
"""Body of a request. A stream is sent once; its length is in the headers."""

Failure = Literal["", "refused", "name", "tls", "timeout", "reset", "too large", "inside"]
"""`inside`: the address is in a private network that is not allowed."""

Responder = Literal["destination", "token endpoint"]


class Response(msgspec.Struct, frozen=True, kw_only=True):
    status: int = 0
    """HTTP status; 0 if there was no answer, see `failure`."""
    failure: Failure = ""
    request_sent: bool = True
    """False only if no byte of the request can have left us."""
    closed_before_answer: bool = False
    """True if a reused connection was closed before a byte of the answer came."""
    retry_after: float | None = None
    """Seconds."""
    api_version: str = ""
    """Header `API-version` of a Dutch government API; '' without one."""
    body: bytes = b""
    """First part of the body."""
    responder: Responder = "destination"
    calls: int = 1
    """Number of requests that were needed."""
    code: str = ""
    """Error code (RFC 6749) of a token endpoint; for others, our own word for a cause that the
    status does not show."""
