"""`postkamer archive views`: who viewed the archive, when, what, and why."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click
import msgspec

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from archiver.index.blind_index import person_hash
from archiver.index.record_fields import EMPLOYEE
from cli.support.archive_access import print_rows
from cli.support.archive_rows import decrypt_batches, load_hash_keys
from cli.support.audit import Operation
from cli.support.options import Time, renamed_option, require_period
from cli.support.output import fail
from services import clock
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

    def matches(self, view: "View") -> bool:
        return self.employee in ("", view.employee) and self.token in ("", view.token)


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A view of the archive by a person or a system."""

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

    def line(self) -> str:
        viewer = f"{self.token}, {self._employee()}" if self.employee else self.token
        what = f"{self.what} {self.message}" if self.message else f"{self.what} ({self.count})"
        place = f"{self.conversation} ({self.department or '-'})"
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S}Z  {viewer}  {what} of {place}{reason}"

    def _employee(self) -> str:
        return f"{self.employee} ({self.identified})" if self.identified else self.employee


def parse_view(row: dict[str, Any]) -> View:
    names = ("at", "tenant", "conversation", "department", "message")
    return msgspec.convert(row["fields"] | {name: row[name] for name in names}, View)


async def find_views(
    connection: Connection, keys: KeyStore, criteria: ViewFilter
) -> AsyncIterator[View]:
    """Yield the views that match, oldest first."""
    if criteria.conversation:
        query: tuple[Any, ...] = (_BY_CONVERSATION, [criteria.conversation])
    elif criteria.employee:
        hashes = [
            person_hash(key, EMPLOYEE, criteria.employee)
            for key in (await load_hash_keys(connection, keys)).values()
        ]
        query = _BY_PERSON, hashes
    else:
        query = (_ALL,)
    sql, *arguments = query
    async for batch in decrypt_batches(
        connection, keys, sql, criteria.since, criteria.until, criteria.tenant, *arguments
    ):
        for view in map(parse_view, batch.rows):
            if criteria.matches(view):
                yield view


_VIEWS = f"""{RECORDS}
where e.kind = 'view' and e.at >= $1 and e.at < $2 and $3 in ('', e.tenant)
"""
_ALL = f"{_VIEWS} order by e.at, e.id"
_BY_CONVERSATION = f"""{_VIEWS}
and e.conversation <> '' and e.conversation = any($4::text[]) order by e.at, e.id
"""
_BY_PERSON = f"""{_VIEWS}
and e.conversation <> '' and e.conversation = any(array(
    select distinct conversation from archiver.subject where hash = any($4::bytea[])))
order by e.at, e.id
"""


@click.command("views")
@click.option("--conversation", default="", help="Its id.")
@click.option("--employee", default="", help="The employee, as the CRM calls them.")
@click.option("--token", default="", help="The token's name.")
@renamed_option("--since", former="--from", type=Time(), help="A time or a day, in Amsterdam.")
@renamed_option("--until", former="--to", type=Time(), help="Left out: now.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each view.")
def command(since: datetime | None, until: datetime | None, as_json: bool, **fields: str) -> None:
    """Show who viewed the archive, when, what, and why.

    The oldest view comes first. Your use of this command is archived.
    """
    if not any(fields.values()):
        fail("--conversation, --employee or --token: one of them is needed", 2)
    criteria = ViewFilter(since or BEGINNING, until or clock.now(), **fields)
    require_period(criteria.since, criteria.until)

    async def lines(connection: Connection, keys: KeyStore, tenant: str) -> AsyncIterator[str]:
        narrowed = msgspec.structs.replace(criteria, tenant=tenant)
        async for view in find_views(connection, keys, narrowed):
            yield msgspec.json.encode(view).decode() if as_json else view.line()

    print_rows("views", _operation(criteria), lines, "" if as_json else "no view matches")


def _operation(criteria: ViewFilter) -> Operation:
    """Return the audit entry. It does not name the employee whose views were asked for."""
    data = {
        "since": criteria.since,
        "until": criteria.until,
        "token": criteria.token,
        "of one employee": bool(criteria.employee),
    }
    return Operation(what="archive views", about=criteria.conversation, data=data)
