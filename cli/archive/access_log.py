"""`postkamer archive views`: who viewed the archive, when, what, and why."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.privacy.views import BEGINNING, View, ViewFilter, find_views
from cli.support.archive_access import print_rows
from cli.support.archive_rows import load_index_keys
from cli.support.audit import Operation
from cli.support.options import Time, renamed_option, require_period
from cli.support.output import fail
from services import clock
from services.postgres.database import Connection


def format_view(view: View) -> str:
    name = f"{view.employee} ({view.identified})" if view.identified else view.employee
    viewer = f"{view.token}, {name}" if view.employee else view.token
    what = f"{view.what} {view.message}" if view.message else f"{view.what} ({view.count})"
    place = f"{view.conversation} ({view.department or '-'})"
    reason = f": {view.reason}" if view.reason else ""
    return f"{view.at:%Y-%m-%d %H:%M:%S}Z  {viewer}  {what} of {place}{reason}"


@click.command("views")
@click.option("--conversation", default="", help="Its id.")
@click.option("--employee", default="", help="The employee, as the CRM calls them.")
@click.option("--token", default="", help="The token's name.")
@renamed_option("--since", former="--from", type=Time(), help="A time or a day, in Amsterdam.")
@renamed_option("--until", former="--to", type=Time(), help="Left out: now.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each view.")
def command(since: datetime | None, until: datetime | None, as_json: bool, **fields: Any) -> None:
    """Show who viewed the archive, when, what, and why.

    The oldest view comes first. Your use of this command is archived.
    """
    if not any(fields.values()):
        fail("--conversation, --employee or --token: one of them is needed", 2)
    criteria = ViewFilter(since or BEGINNING, until or clock.now(), **fields)
    require_period(criteria.since, criteria.until)

    async def lines(connection: Connection, keys: KeyStore, tenant: str) -> AsyncIterator[str]:
        narrowed = msgspec.structs.replace(criteria, tenant=tenant)
        index_keys = (await load_index_keys(connection, keys)).values()
        hashing = [key for each in index_keys for key in each.hashes]
        async for view in find_views(connection, keys, narrowed, hashing):
            yield msgspec.json.encode(view).decode() if as_json else format_view(view)

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
