"""One at a time: rounds, looks into the past, and what a person changes take turns."""

from services.postgres.database import LOCKED, Connection

LOCK = 0x62616C
"""Advisory lock of this database (ASCII "bal"), held until the end of the transaction."""
TURN_SECONDS = 20
"""Longest wait for a turn. A round takes a second or two at most."""


class Busy(Exception):
    """Others had the turn all the time."""


async def try_turn(connection: Connection) -> bool:
    """Return True if nobody else has the turn."""
    sql = "select pg_try_advisory_xact_lock($1)"
    return bool(await connection.fetchval(sql, LOCK))


async def take_turn(connection: Connection) -> None:
    """Wait for the turn. Raise Busy after TURN_SECONDS."""
    await connection.execute(f"set local lock_timeout = '{TURN_SECONDS}s'")
    try:
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
    except LOCKED:
        raise Busy from None
