"""The rate limit of a token, and the headers that describe it. Pure.

It is the generic cell rate algorithm. `arrival` is the moment at which all granted requests would
be used up at an even pace of one request per interval. A request is granted while `arrival` is less
than a burst ahead of now. Times are whole microseconds, so that the database counts exactly alike.

The headers (draft-ietf-httpapi-ratelimit-headers-11) are promises:
- `q` requests in any `w` seconds are never refused;
- the next `r` requests are granted, whenever they come;
- `t` seconds from now more than `r` are granted; after a refusal `Retry-After` says the same.
"""

import msgspec

from services.http.rights import Rights

SECOND = 1_000_000
"""Microseconds in a second."""
POLICY = '"default"'


class Limit(msgspec.Struct, frozen=True):
    """The rate and the burst that one token may use."""

    per_second: int
    burst: int

    @property
    def interval(self) -> int:
        """Microseconds per request, rounded down in favour of the token."""
        return SECOND // self.per_second

    @property
    def max_ahead(self) -> int:
        """Microseconds that `arrival` may be ahead of now for one more request."""
        return (self.burst - 1) * self.interval


class RateLimitState(msgspec.Struct, frozen=True):
    """State of a token after one request."""

    granted: bool
    ahead: int
    """Microseconds that `arrival` is ahead of the moment of the request."""


def limit(rights: Rights) -> Limit:
    return Limit(rights.per_second, rights.burst)


def remaining(state: RateLimitState, limit: Limit) -> int:
    """Return the number of requests that would be granted now."""
    return max(0, limit.burst - _divide_up(state.ahead, limit.interval))


def seconds_until_next(state: RateLimitState, limit: Limit) -> int:
    """Return the whole seconds, rounded up, until one more request would be granted."""
    missing = state.ahead - (limit.burst - remaining(state, limit) - 1) * limit.interval
    return max(0, _divide_up(missing, SECOND))


def headers(state: RateLimitState, limit: Limit) -> dict[str, str]:
    """Return the rate limit headers of an answer."""
    window = _divide_up(limit.burst * limit.interval, SECOND)
    wait = seconds_until_next(state, limit)
    fields = {
        "RateLimit-Policy": f"{POLICY};q={limit.burst};w={window}",
        "RateLimit": f"{POLICY};r={remaining(state, limit)};t={wait}",
    }
    return fields if state.granted else fields | {"Retry-After": str(wait)}


def _divide_up(number: int, unit: int) -> int:
    return -(-number // unit)
