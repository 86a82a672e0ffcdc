"""Rows in which the gateways say which stopped numbers they refuse."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from services.postgres.database import Connection, Pool

GONE_SECONDS = 40.0
"""Silence after which a gateway counts as gone, and its row is deleted. Its beat comes each 2 s,
but it takes webhooks in without the database too, as while that fails over."""

BEAT_LOCK = 0x73746F70
"""Advisory lock of this database (ASCII "stop"): shared by gateways that tell, taken alone to stop.
So a gateway that starts meanwhile is waited for, or knows it."""


class GatewayRow(msgspec.Struct, frozen=True):
    """A gateway process as it was last heard of."""

    name: str
    """Its host and process, such as `web1/2211`."""
    refuses: Sequence[str]
    """Stopped numbers for which it has let nothing in since its last beat but one."""
    silent_seconds: float
    """Time since its last beat."""


def still_open(rows: Iterable[GatewayRow], numbers: Collection[str]) -> list[str]:
    """Return the names of the gateways that may let something in for one of these numbers. Pure."""
    return sorted(
        row.name
        for row in rows
        if row.silent_seconds <= GONE_SECONDS and not set(numbers).issubset(row.refuses)
    )


async def gateway_rows(connection: "Connection | Pool") -> list[GatewayRow]:
    return [GatewayRow(**row) for row in await connection.fetch(_ROWS)]


# A row of a time to come is left by a clock that was set back, and says nothing.
_ROWS = """
select name, refuses, abs(extract(epoch from now() - seen_at))::float8 as silent_seconds
from sharing.gateway order by name
"""
