"""Times of rows as asyncpg gives them."""

from datetime import UTC, datetime


def in_utc(at: datetime) -> datetime:
    """Return a time of a row with its zone: asyncpg gives `infinity` without one, and somebody may
    have written that."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)
