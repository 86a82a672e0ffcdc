"""Counts of the messages of citizens for each number and hour, without personal data."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from router.model.changes import DecidedUnit
from router.model.decision import MessageDecision
from router.store.save import columns
from services.postgres.database import Connection
from services.whatsapp.items import Message

HeardRow = tuple[str, datetime, int, int, datetime]
"""Number, hour, messages, minutes in which they came, time of the last."""


def count_heard(decided: Iterable[DecidedUnit]) -> list[HeardRow]:
    """Count the messages of citizens by number and hour of receipt, in order: two transactions then
    lock the rows in the same order."""
    counts: dict[tuple[str, datetime], tuple[int, int, datetime]] = {}
    for unit, decision, _ in decided:
        if isinstance(decision, MessageDecision) and isinstance(unit.item, Message):
            at = unit.at.astimezone(UTC)
            key = unit.item.number, at.replace(minute=0, second=0, microsecond=0)
            messages, minutes, last_at = counts.get(key, (0, 0, at))
            counts[key] = messages + 1, minutes | 1 << at.minute, max(last_at, at)
    return [(*key, *counts[key]) for key in sorted(counts)]


async def save_heard(connection: Connection, decided: Sequence[DecidedUnit]) -> None:
    if rows := count_heard(decided):
        await connection.execute(UPSERT_HEARD, *columns(rows, 5))


UPSERT_HEARD = """
insert into router.heard as h (number, hour, messages, minutes, last_at)
select * from unnest($1::text[], $2::timestamptz[], $3::int[], $4::bigint[], $5::timestamptz[])
on conflict (number, hour) do update set messages = h.messages + excluded.messages,
    minutes = h.minutes | excluded.minutes, last_at = greatest(h.last_at, excluded.last_at)
"""
