"""Types of PostgreSQL that asyncpg asks for on each connection, asked once in each process.

The question takes the server 10 ms to plan, several times on each new connection: a twentieth of
what the tests with servers cost it.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_ASSIGNED = 10_000
"""Lower ids are given by hand in PostgreSQL's source, so they mean the same on each server."""
NAMED = SimpleNamespace(name="known")
"""Statement that asked, as much of it as is looked at: one with a name takes the place of none."""

_ask = asyncpg.Connection._introspect_types
_known: dict[frozenset[int], Any] = {}


async def _tell(connection: asyncpg.Connection, ids: Iterable[int], timeout: float | None) -> Any:
    wanted = frozenset(ids)
    if max(wanted) >= FIRST_ASSIGNED:
        return await _ask(connection, wanted, timeout)
    if wanted not in _known:
        rows, statement = await _ask(connection, wanted, timeout)
        _known[wanted] = rows
        return rows, statement
    return _known[wanted], NAMED


def remember_types() -> None:
    """Have asyncpg ask once for each set of built-in types in this process."""
    asyncpg.Connection._introspect_types = _tell
