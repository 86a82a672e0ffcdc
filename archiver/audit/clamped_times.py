"""Times that Python does not have, as the archive is verified: somebody may have written them."""

from datetime import UTC, date, datetime, timedelta

from services.postgres.database import Connection

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Beginning of time for PostgreSQL, which counts microseconds or days from it."""
MICROSECOND = timedelta(microseconds=1)
FIRST_TIME, LAST_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


async def clamp_times(connection: Connection) -> None:
    """Let a connection give the first or last time of Python for one that Python does not have,
    such as one before Christ: asyncpg fails at the row, and shows nothing of those after it."""
    for name, encode, decode in (
        ("timestamptz", _encode_time, _decode_time),
        ("date", _encode_date, _decode_date),
    ):
        await connection.set_type_codec(
            name, schema="pg_catalog", format="tuple", encoder=encode, decoder=decode
        )


def _encode_time(at: datetime) -> tuple[int]:
    return ((at.astimezone(UTC) - EPOCH) // MICROSECOND,)


def _decode_time(since: tuple[int]) -> datetime:
    """Return a time. Each entry has two, so that those that Python has take the short way."""
    try:
        return EPOCH + timedelta(0, 0, since[0])
    except OverflowError:
        return FIRST_TIME if since[0] < 0 else LAST_TIME


def _encode_date(day: date) -> tuple[int]:
    return (day.toordinal() - EPOCH.toordinal(),)


def _decode_date(since: tuple[int]) -> date:
    ordinal = since[0] + EPOCH.toordinal()
    return date.fromordinal(max(date.min.toordinal(), min(ordinal, date.max.toordinal())))
