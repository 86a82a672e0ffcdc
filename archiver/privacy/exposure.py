"""Exposure: whose data a token or an employee saw, or a destination received, in a period."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import RowBatch, decrypt_batches
from archiver.privacy.exposure_totals import (
    SLICE,
    ExposureTotals,
    Person,
    SubjectExposure,
    next_slice,
    was_delivered,
)
from services.postgres.database import Connection

CONVERSATIONS_AT_ONCE = 100
"""Conversations whose messages are read together."""


class ExposureFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A period, and one of `token`, `employee` and `destination`."""

    since: datetime
    until: datetime
    token: str = ""
    employee: str = ""
    destination: str = ""
    reason: str = ""
    tenant: str = ""
    """Municipality that it is limited to; '' for all."""

    @property
    def subject(self) -> dict[str, str]:
        names = ("token", "employee", "destination")
        return {name: value for name in names if (value := getattr(self, name))}

    def collect(self, totals: ExposureTotals, batch: RowBatch) -> None:
        """Add the matching views or deliveries of a batch to the totals."""
        for row in batch.rows:
            fields = row["fields"]
            if any(fields.get(name) != value for name, value in self.subject.items()):
                continue
            if not row["conversation"]:  # a search without results
                continue
            if not self.destination:
                totals.add_view(row)
            elif was_delivered(fields):
                totals.add_delivery(row)


class Exposure(msgspec.Struct, frozen=True, rename="camel"):
    """The result. `destroyed` counts the views or deliveries of all tokens in the period whose
    conversation can no longer be decrypted."""

    since: datetime
    until: datetime
    first_at: datetime | None
    conversations: int
    messages: int
    times: int
    destroyed: int
    persons: list[Person]


async def find_exposure(
    connection: Connection,
    keys: KeyStore,
    criteria: ExposureFilter,
    most: int,
    progress: Callable[[datetime], None] = lambda until: None,
) -> Exposure:
    """Return the exposure, of `most` conversations at most. Call it in a transaction. Raises
    TooManyConversations."""
    totals, destroyed = ExposureTotals(most), 0
    kind = "delivery" if criteria.destination else "view"
    since, part = criteria.since, SLICE
    while since < criteria.until:
        until, has_rows = since + min(part, criteria.until - since), False
        arguments = _BY_KIND.format(kind), since, until, criteria.tenant
        async for batch in decrypt_batches(connection, keys, *arguments):
            criteria.collect(totals, batch)
            destroyed, has_rows = destroyed + batch.destroyed, True
        progress(until)
        since, part = until, next_slice(part, has_rows)
    persons = await _persons(connection, keys, totals.by_conversation)
    return Exposure(
        since=criteria.since,
        until=criteria.until,
        first_at=min((person.first_at for person in persons), default=None),
        conversations=len(persons),
        messages=sum(person.messages for person in persons),
        times=totals.times,
        destroyed=destroyed,
        persons=persons,
    )


async def _persons(
    connection: Connection, keys: KeyStore, exposures: dict[str, SubjectExposure]
) -> list[Person]:
    persons: list[Person] = []
    ids = sorted(exposures)
    for start in range(0, len(ids), CONVERSATIONS_AT_ONCE):
        chunk = ids[start : start + CONVERSATIONS_AT_ONCE]
        async for batch in decrypt_batches(connection, keys, _MESSAGES, chunk):
            for row in batch.rows:
                exposures[row["conversation"]].add_message(row)
        persons += [exposures[id].person(id) for id in chunk]
    return persons


_BY_KIND = f"""{RECORDS}
where e.kind = '{{}}' and e.at >= $1 and e.at < $2 and $3 in ('', e.tenant)
"""
_MESSAGES = f"""{RECORDS}
where e.conversation <> '' and e.conversation = any($1::text[]) and e.kind = 'message'
"""
