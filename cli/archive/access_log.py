"""`postkamer archive views`: who looked, when, at what, and why."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click
import msgspec

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import EMPLOYEE
from archiver.log.writer import person_hash
from cli.support.archive_access import with_archive
from cli.support.archive_rows import decrypt_batches, load_hash_keys
from cli.support.audit import Operation, record_access
from cli.support.database import fail
from cli.support.time_options import Time
from services import clock
from services.postgres.database import Connection, Pool

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything was written down."""


class ViewFilter(msgspec.Struct, frozen=True):
    """'' is whichever."""

    since: datetime
    until: datetime
    conversation: str = ""
    employee: str = ""
    token: str = ""

    def matches(self, view: "View") -> bool:
        return self.employee in ("", view.employee) and self.token in ("", view.token)


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """That somebody looked."""

    at: datetime
    tenant: str
    conversation: str
    department: str
    token: str
    employee: str = ""
    reason: str = ""
    what: str
    count: int
    first: int = msgspec.field(name="from", default=0)
    last: int = msgspec.field(name="to", default=0)
    message: UUID | None = None
    messages: tuple[UUID, ...] = ()

    def line(self) -> str:
        who = f"{self.token}, {self.employee}" if self.employee else self.token
        what = f"{self.what} {self.message}" if self.message else f"{self.what} ({self.count})"
        of = f"{self.conversation} ({self.department or '-'})"
        why = f": {self.reason}" if self.reason else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S}Z  {who}  {what} of {of}{why}"


def parse_view(row: dict[str, Any]) -> View:
    names = ("at", "tenant", "conversation", "department", "message")
    return msgspec.convert(row["fields"] | {name: row[name] for name in names}, View)


async def find_views(
    connection: Connection, keys: KeyStore, wanted: ViewFilter
) -> AsyncIterator[View]:
    """Those that are wanted, oldest first."""
    if wanted.conversation:
        query: tuple[Any, ...] = (_OF_CONVERSATIONS, [wanted.conversation])
    elif wanted.employee:
        hashes = [
            person_hash(key, EMPLOYEE, wanted.employee)
            for key in (await load_hash_keys(connection, keys)).values()
        ]
        query = _OF_PEOPLE, hashes
    else:
        query = (_ALL,)
    sql, *arguments = query
    async for batch in decrypt_batches(
        connection, keys, sql, wanted.since, wanted.until, *arguments
    ):
        for one in map(parse_view, batch.rows):
            if wanted.matches(one):
                yield one


_VIEWS = f"{RECORDS} where e.kind = 'view' and e.at >= $1 and e.at < $2"
_ALL = f"{_VIEWS} order by e.at, e.id"
_OF_CONVERSATIONS = f"""{_VIEWS}
and e.conversation <> '' and e.conversation = any($3::text[]) order by e.at, e.id
"""
_OF_PEOPLE = f"""{_VIEWS}
and e.conversation <> '' and e.conversation = any(array(
    select distinct conversation from archiver.subject where hash = any($3::bytea[])))
order by e.at, e.id
"""


@click.command("views")
@click.option("--conversation", default="", help="Its id.")
@click.option("--employee", default="", help="As whoever asked called them.")
@click.option("--token", default="", help="The token's name.")
@click.option("--from", "since", type=Time(), help="A time or a day, in Amsterdam.")
@click.option("--to", "until", type=Time(), help="Now otherwise.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each.")
def command(since: datetime | None, until: datetime | None, as_json: bool, **given: str) -> None:
    """Show who looked at the record, when, at what, and why; the oldest first.

    That you asked is on the record.
    """
    if not any(given.values()):
        fail("--conversation, --employee or --token: one of them is needed", 2)
    wanted = ViewFilter(since or BEGINNING, until or clock.now(), **given)
    shown: Callable[[View], str] = _json if as_json else View.line

    async def work(pool: Pool, keys: KeyStore) -> None:
        await record_access(pool, _operation(wanted))
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            async for one in find_views(connection, keys, wanted):
                click.echo(shown(one))

    with_archive("views", work)


def _operation(wanted: ViewFilter) -> Operation:
    """Not the employee's name: of the operation it is known who they are, and not what is asked."""
    data = {
        "since": wanted.since,
        "until": wanted.until,
        "token": wanted.token,
        "of one employee": bool(wanted.employee),
    }
    return Operation(what="archive views", about=wanted.conversation, data=data)


def _json(view: View) -> str:
    return msgspec.json.encode(view).decode()
