"""How often a token may ask, and what its headers promise. Pure.

The generic cell rate algorithm: `arrival` is the moment at which everything granted so far would be
used up at the even pace of one request per interval; a request is granted while that lies less than
a burst ahead. Whole microseconds, so that the database counts exactly as this does.

What the headers say (draft-ietf-httpapi-ratelimit-headers-11) is kept:
- `q` requests in any `w` seconds are never refused;
- the next `r` requests are granted, whenever they come;
- `t` seconds from now there are more than `r`; after a refusal that is `Retry-After` too.
"""

import msgspec

from services.http.rights import Rights

SECOND = 1_000_000
"""Microseconds."""
POLICY = '"default"'


class Limit(msgspec.Struct, frozen=True):
    """What one token may use."""

    per_second: int
    burst: int

    @property
    def interval(self) -> int:
        """Microseconds of one request; rounded down, in the token's favour."""
        return SECOND // self.per_second

    @property
    def slack(self) -> int:
        """How far ahead of now `arrival` may be for one more request."""
        return (self.burst - 1) * self.interval


class RateLimitState(msgspec.Struct, frozen=True):
    """Of a token after one request."""

    granted: bool
    ahead: int
    """Microseconds that `arrival` is ahead of the request."""


def limit(rights: Rights) -> Limit:
    return Limit(rights.per_second, rights.burst)


def remaining(standing: RateLimitState, limit: Limit) -> int:
    """Requests that would be granted now."""
    return max(0, limit.burst - _rounded_up(standing.ahead, limit.interval))


def seconds_until_next(standing: RateLimitState, limit: Limit) -> int:
    """Whole seconds, rounded up, until there is one request more."""
    missing = standing.ahead - (limit.burst - remaining(standing, limit) - 1) * limit.interval
    return max(0, _rounded_up(missing, SECOND))


def headers(standing: RateLimitState, limit: Limit) -> dict[str, str]:
    """The headers of an answer."""
    window = _rounded_up(limit.burst * limit.interval, SECOND)
    wait = seconds_until_next(standing, limit)
    says = {
        "RateLimit-Policy": f"{POLICY};q={limit.burst};w={window}",
        "RateLimit": f"{POLICY};r={remaining(standing, limit)};t={wait}",
    }
    return says if standing.granted else says | {"Retry-After": str(wait)}


def _rounded_up(number: int, unit: int) -> int:
    return -(-number // unit)
