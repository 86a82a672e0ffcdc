"""Reuse of connections that were idle, and the repeat of a request that met a closed one. Pure.

A server may close an idle connection at any time. A request that crosses the close on its way gets
no answer, although neither the request nor the server is at fault. It is therefore made again at
once, over a new connection, where a repeat is safe. Where it is not, only a connection that was
idle so briefly that no server closes it yet is reused.
"""

from typing import NamedTuple

from deliverer.transport.response import Body, Response

SHORTEST_IDLE_SECONDS = 1.0
"""Longest time that a connection to Meta, or to a BSP's gateway, is idle and still reused. Of usual
servers gunicorn closes first, after 2 s, so a slow round trip of a second fits in between. A longer
time saves one TLS handshake for a message after a quiet second; a shorter one costs handshakes in a
burst. A message that crosses a close is `unknown`: if no status settles it, a person must."""


class ConnectionReuse(NamedTuple):
    """Rules for the connections of a client. The defaults suit requests that must not be made
    twice."""

    idle_seconds: float = SHORTEST_IDLE_SECONDS
    """Longest time that a connection is idle and still reused; 0: each request has its own."""
    repeatable: frozenset[str] = frozenset({"GET"})
    """Methods of requests that may be made twice."""
    unpooled: frozenset[str] = frozenset()
    """Methods of requests that each have their own connection: they may not be made twice, and
    their server may close an idle connection at once."""


NOT_REPEATED = ConnectionReuse()


def may_repeat(method: str, body: Body, answer: Response, repeatable: frozenset[str]) -> bool:
    """Return True if the request may be made again at once. A stream can be sent only once."""
    return answer.closed_before_answer and method in repeatable and isinstance(body, bytes)
