"""Whole requests for the fuzzer: a body, how it is signed and sent, and what may be answered."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from tests.support.citizens import SECRET, signature
from tests.support.fuzz.hostile_bodies import BODIES, MOST_BYTES, PHONE, WORD

TAKEN = frozenset([200, 503])
REFUSED = frozenset([401])
EITHER = TAKEN | REFUSED
LARGE_BYTES = 64 * 1024
"""Size from which a body is still being sent when its header is refused."""
OVERSIZED = frozenset([0, 413, 415, 431])
"""Answers to a body that is too large: the first fault found; the answer may be lost with the
connection."""
SHOWN = 1500
"""Bytes of a request, where one is shown."""
MALFORMED = frozenset([0, 400, 401, 403, 405, 408, 411, 413, 414, 415, 417, 431, 501, 505])
"""Answers to a request that is no valid HTTP here; 0 when the connection is closed."""


class Request(msgspec.Struct, frozen=True):
    """`body` is what the door must keep when it answers 200."""

    raw: bytes
    allowed: frozenset[int]
    body: bytes | None = None
    alone: bool = False
    """True for a request that no other may follow on the same connection."""

    @property
    def is_large(self) -> bool:
        return len(self.raw) > LARGE_BYTES

    def __repr__(self) -> str:
        return f"<{self.raw[:SHOWN]!r}{'...' if len(self.raw) > SHOWN else ''}>"


def posted(body: bytes, *headers: str, chunked: bool = False) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    lines = ["POST /webhooks/whatsapp HTTP/1.1", "Host: localhost", *headers, length, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + (
        _chunks(body) if chunked else body
    )


def _chunks(body: bytes) -> bytes:
    size = max(1, len(body) // 3)
    parts = [body[n : n + size] for n in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


NAME = "X-Hub-Signature-256"
WRONG = f"{NAME}: sha256={'0' * 64}"


def signed(body: bytes) -> str:
    return f"{NAME}: {signature(body)}"


def _sha1(body: bytes) -> str:
    return f"X-Hub-Signature: sha1={hmac.new(SECRET, body, hashlib.sha1).hexdigest()}"


# How a body is sent: its headers, what may be answered.
MANNERS: tuple[tuple[Callable[[bytes], list[str]], frozenset[int]], ...] = (
    *[(lambda b: [signed(b)], TAKEN)] * 40,
    (lambda b: [signed(b), "Content-Type: application/json"], TAKEN),
    (lambda b: [signed(b), "Content-Type: text/plain; charset=\xff"], TAKEN),
    (lambda b: [signed(b).lower()], TAKEN),
    (lambda b: [signed(b), "Expect: 100-continue"], TAKEN),
    (lambda b: [signed(b), f"X-Citizen: {WORD} {PHONE}0001"], TAKEN),
    (lambda b: [], REFUSED),
    (lambda b: [WRONG], REFUSED),
    (lambda b: [f"{NAME}: {signature(b, b'another secret')}"], REFUSED),
    (lambda b: [f"{NAME}: {signature(b)[:-1]}"], REFUSED),
    (lambda b: [f"{NAME}: {signature(b).upper()}"], REFUSED),
    (lambda b: [f"{NAME}: {signature(b)}, {signature(b)}"], REFUSED),
    (lambda b: [f"{NAME}: {signature(b)[7:]}"], REFUSED),
    (lambda b: [f"{NAME}: sha256={WORD}"], REFUSED),
    (lambda b: [f"{NAME}: \xe9\udcff"], REFUSED | {400}),
    (lambda b: [_sha1(b)], REFUSED),
    (lambda b: [signed(b), signed(b)], EITHER),
    (lambda b: [signed(b), WRONG], EITHER),
    (lambda b: [WRONG, signed(b)], EITHER),
    (lambda b: [signed(b), "Content-Encoding: gzip"], frozenset([415])),
    (lambda b: [signed(b), "Content-Encoding: br, identity"], frozenset([415])),
    (lambda b: [signed(b), f"X-Long: {'x' * 9000}"], frozenset([431])),
    (lambda b: [signed(b), *[f"X-{n}: y" for n in range(100)]], frozenset([431])),
)

HEAD = b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: localhost\r\n"
BROKEN = (
    b"\r\n\r\n\r\n",
    b"\0" * 100,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /webhooks/whatsapp\r\n\r\n",
    b"POST /webhooks/whatsapp HTTP/9.9\r\nHost: x\r\n\r\n",
    b"POST http://x:99999999/ HTTP/1.1\r\n\r\n",
    b"POST /webhooks/whatsapp HTTP/1.1\r\n\r\n{}",
    b"PATCH /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /webhooks/" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /webhooks/whatsapp?hub.mode=%ff&hub.verify_token=%00&hub.challenge=" + b"9" * 500
    + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n{}",
    HEAD + b"Content-Length: 1e3\r\n\r\n{}",
    HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    HEAD + b"Content-Length: 5000000\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}",
    HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"e" * 9000 + b"\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Content-Length: 2\n\n{}",
    HEAD + b" folded: x\r\n\r\n",
    HEAD + b"no colon\r\n\r\n",
    HEAD + b"X\0Y: z\r\n\r\n",
    HEAD + b": empty\r\n\r\n",
    HEAD + b"Content-Length: 10\r\n\r\n{}",
)  # fmt: skip


# Made once: hypothesis looks at every value of a strategy that it sees for the first time.
ONE_IN_TWENTY = st.sampled_from((False,) * 19 + (True,))
ONE_IN_A_HUNDRED = st.sampled_from((False,) * 99 + (True,))
MANNER = st.sampled_from(MANNERS)
NO_HTTP = st.sampled_from(BROKEN)


@st.composite
def requests(draw: Any) -> Request:
    """Signed rightly in most cases; one in a hundred is no HTTP at all."""
    if draw(ONE_IN_A_HUNDRED):
        return Request(draw(NO_HTTP), MALFORMED, alone=True)
    body = draw(BODIES)
    headers, allowed = draw(MANNER)
    if len(body) > MOST_BYTES:
        return Request(posted(body, *headers(body)), OVERSIZED, alone=True)
    chunked = draw(ONE_IN_TWENTY)
    if len(body) > LARGE_BYTES and not allowed & EITHER:
        allowed |= {0}  # refused unread: then the answer may be lost with the connection
    return Request(posted(body, *headers(body), chunked=chunked), allowed, body)


def volleys(size: int) -> st.SearchStrategy[list[Request]]:
    """So many at once."""
    return st.lists(requests(), min_size=size, max_size=size)
