"""Times of rows as asyncpg gives them."""

from datetime import UTC, datetime

FIRST_TIME, LAST_TIME = "0001-01-01Z", "9999-12-31 23:59:59Z"
"""First and last second that Python has. asyncpg sends the very last microsecond as `infinity`."""


def clamp_time(column: str) -> str:
    """Return SQL of a column of times, which gives the first or last time of Python for one that it
    does not have, such as one before Christ. Somebody may have written that, and asyncpg then fails
    for all rows. (Where many columns are read: archiver.audit.clamped_times.)"""
    return (
        f"case when {column} > timestamptz '{LAST_TIME}' then timestamptz '{LAST_TIME}'"
        f" when {column} < timestamptz '{FIRST_TIME}' then timestamptz '{FIRST_TIME}'"
        f" else {column} end"
    )


def in_utc(at: datetime) -> datetime:
    """Return a time of a row with its zone: asyncpg gives `infinity` without one, and somebody may
    have written that."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)
