"""Views of the archive on its record: by a conversation, by an employee, or by a token."""

from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import fetch_batches
from archiver.index.blind_index import person_hash
from archiver.index.record_fields import EMPLOYEE
from services.postgres.database import Connection

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Time before the first record."""


class ViewFilter(msgspec.Struct, frozen=True):
    """Criteria for views; '' matches any."""

    since: datetime
    until: datetime
    conversation: str = ""
    employee: str = ""
    token: str = ""
    tenant: str = ""
    after: UUID | None = None
    """Record of the last view of the page before."""

    def matches(self, view: "View") -> bool:
        return self.employee in ("", view.employee) and self.token in ("", view.token)


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A view of the archive by a person or a system."""

    id: UUID
    at: datetime
    tenant: str
    conversation: str
    department: str
    token: str
    employee: str = ""
    identified: str = ""
    """Source of the employee's name: proven or stated; '' before that was recorded."""
    reason: str = ""
    what: str
    count: int
    first: int = msgspec.field(name="from", default=0)
    last: int = msgspec.field(name="to", default=0)
    message: UUID | None = None
    messages: tuple[UUID, ...] = ()


async def find_views(
    connection: Connection, keys: KeyStore, criteria: ViewFilter, hashing: Iterable[bytes]
) -> AsyncGenerator[View]:
    """Yield the views that match, oldest first. `hashing` are the keys of the index of people, of
    the municipalities that are searched. Call it in a transaction."""
    period = criteria.since, criteria.until, criteria.tenant, criteria.after
    if criteria.conversation:
        query: tuple[Any, ...] = (_BY_CONVERSATION, *period, [criteria.conversation])
    elif criteria.employee:
        hashes = [person_hash(key, EMPLOYEE, criteria.employee) for key in hashing]
        query = _BY_PERSON, *period, hashes
    else:
        query = _ALL, *period
    async for rows in fetch_batches(connection, *query):
        for view in map(_parse_view, decrypt_rows(rows, keys)):
            if criteria.matches(view):
                yield view


def _parse_view(row: dict[str, Any]) -> View:
    names = ("id", "at", "tenant", "conversation", "department", "message")
    return msgspec.convert(
        msgspec.json.decode(row["data"]) | {name: row[name] for name in names}, View
    )


_VIEWS = f"""{RECORDS}
where e.kind = 'view' and e.at >= $1 and e.at < $2 and $3 in ('', e.tenant)
    and ($4::uuid is null or (e.at, e.id) > (
        select last.at, last.id from archiver.entry last where last.id = $4))
"""
_ALL = f"{_VIEWS} order by e.at, e.id"
_BY_CONVERSATION = f"""{_VIEWS}
and e.conversation <> '' and e.conversation = any($5::text[]) order by e.at, e.id
"""
_BY_PERSON = f"""{_VIEWS}
and e.conversation <> '' and e.conversation = any(array(
    select distinct conversation from archiver.subject where hash = any($5::bytea[])))
order by e.at, e.id
"""
