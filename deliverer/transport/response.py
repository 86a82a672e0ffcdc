"""What somebody answered to a request of ours, as data: so that what follows from it is pure."""

from collections.abc import AsyncIterator
from typing import Literal

import msgspec

Body = bytes | AsyncIterator[bytes]
"""Of a request; what streams is sent once, and its length stands in the headers."""

Failure = Literal["", "refused", "name", "tls", "timeout", "reset", "too large", "inside"]
"""inside: its address is of a network that is not named."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """`status` 0: there was none, see `failure`. `sent`: a first byte may have left us. `body` is
    its first part only."""

    status: int = 0
    failure: Failure = ""
    request_sent: bool = True
    retry_after: float | None = None
    """Seconds."""
    body: bytes = b""
    responder: Literal["destination", "token endpoint"] = "destination"
    calls: int = 1
    """Requests that it took."""
    code: str = ""
    """Of a token endpoint: why there is no token, in a word that the RFC has for it; of others what
    cannot be told from the status."""
