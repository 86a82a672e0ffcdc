"""`postkamer archive search`: find messages and notes; each search and its reason are archived."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from archiver.api import presenter
from archiver.api.destructions import destroyed_json
from archiver.api.queries import RecordReader
from archiver.encryption.key_store import KeyStore
from archiver.log.past_destruction import describe_destruction
from archiver.search.request import LARGEST_PAGE, PAGE, SEARCH, SearchRequest
from archiver.search.search import (
    CursorFromOtherSearch,
    SearchPage,
    SearchTooBroad,
    SearchTransaction,
    TimeLimits,
    open_hits,
)
from cli.support.archive_access import change_archive
from cli.support.archive_rows import require_tenant
from cli.support.audit import Operation, parse_reason
from cli.support.options import Time, json_option, reason_option
from cli.support.output import CommandRefused, fail, format_table, print_result
from cli.support.person import find_reach, narrow_tenant
from cli.support.person_options import parse_phones, phone_file
from services.api.json_body import parse_body
from services.calendar.opening_hours import AMSTERDAM
from services.http.rights import Rights, Role
from services.postgres.database import Connection

TEXT_CHARACTERS = 60
"""Characters of a text that the table shows."""
BOUNDS = TimeLimits(find=20.0, count=25.0)
"""Seconds. A person waits longer than a program; less than the time-out of one statement."""
AUDITED_CRITERIA = ("words", "any_of", "person", "conversation")
"""Criteria that may be personal data. The audit entry names the criterion, and not its value."""
OPTIONS = {
    "from": "--since", "until": "--until", "words": "WORDS", "anyOf": "--any", "types": "--type",
    "departments": "--department", "person": "--phone or --bsuid", "limit": "--limit",
    "direction": "--direction", "conversation": "--conversation", "after": "--after",
    "asOf": "--as-of",
}  # fmt: skip
"""Member of a search request -> option of the command."""


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--any", "any_of", multiple=True, help="One of these texts must occur.")
@click.option("--since", type=Time(), help="Received at this time or later, in Amsterdam.")
@click.option("--until", type=Time(), help="Received before this time.")
@click.option("--department", "departments", multiple=True, help="Its id; may be repeated.")
@click.option("--phone", help="In a conversation of the citizen with this number.")
@phone_file
@click.option("--bsuid", help="In a conversation of the citizen with this id at Meta.")
@click.option("--type", "types", multiple=True, help="Meta's type, or note; may be repeated.")
@click.option("--direction", type=click.Choice(["in", "out", "echo"]))
@click.option("--conversation", help="Its id.")
@click.option("--oldest", is_flag=True, help="The oldest first; left out: the newest first.")
@click.option("--limit", type=click.IntRange(1, LARGEST_PAGE), default=PAGE, show_default=True)
@click.option("--after", help="The next page, as the previous page named it.")
@click.option("--as-of", help="Search the archive as it was then: the value of an earlier result.")
@click.option("--count", is_flag=True, help="Count all, and show none.")
@click.option("--tenant", help="The municipality's id; required if there are several.")
@reason_option
@json_option
def command(*, tenant: str | None, reason: str, count: bool, as_json: bool, **options: Any) -> None:
    """Find messages and notes that contain all WORDS, in any form.

    The result is personal data. Your search and your reason are archived.
    """
    reason = parse_reason(reason)
    numbers = parse_phones(options["phone"], options["phone_file"])
    if len(numbers) + bool(options["bsuid"]) > 1:
        fail("--phone, --phone-file and --bsuid: one of them", 2)
    options["phone"] = numbers[0] if numbers else None
    request = parse_body(msgspec.json.encode(build_request(options, count=count)), SEARCH)
    if isinstance(request, list):
        fail("\n".join(f"{OPTIONS.get(e.member, e.member)}: {e.detail}" for e in request), 2)
    search = AuditedSearch(request, tenant, reason, count)
    result = change_archive(search.run)
    lines = format_result(result, count=count)
    print_result(result_json(result, count=count), lines, as_json=as_json)


def build_request(options: Mapping[str, Any], *, count: bool) -> dict[str, Any]:
    """Return the search request of the API for the options of the command. Pure."""
    person = {"kind": "phone", "value": options["phone"]} if options["phone"] else None
    if options["bsuid"]:
        person = {"kind": "bsuid", "value": options["bsuid"]}
    members = {
        "words": " ".join(options["words"]),
        "anyOf": options["any_of"],
        "from": options["since"],
        "until": options["until"],
        "departments": options["departments"],
        "person": person,
        "types": options["types"],
        "direction": options["direction"],
        "conversation": options["conversation"],
        "after": options["after"],
        "asOf": options["as_of"],
        "order": "oldest" if options["oldest"] else "newest",
        "limit": 1 if count else options["limit"],
        "count": "exact" if count else "bounded",
    }
    return {name: value for name, value in members.items() if value not in (None, "", ())}


class AuditedSearch(msgspec.Struct, frozen=True):
    """A search with its reason, that writes an audit entry."""

    request: SearchRequest
    tenant: str | None
    reason: str
    count: bool

    async def run(self, connection: Connection, keys: KeyStore) -> tuple[SearchPage, Operation]:
        """Return the result and the audit entry."""
        try:
            limited = await narrow_tenant(connection, self.tenant)
            tenant = await require_tenant(connection, limited or None)
            rights = await _find_rights(connection, tenant)
            index_keys = await keys.index_keys(tenant)
            search = SearchTransaction(connection, index_keys, BOUNDS)
            hits = await search.find_hits(self.request, rights)
        except CursorFromOtherSearch as error:
            raise CommandRefused(f"{OPTIONS[error.member]}: {error.SENTENCE}") from None
        except SearchTooBroad as error:
            raise CommandRefused(str(error)) from None
        if self.count:
            hits = msgspec.structs.replace(hits, ids=[], next=None)
        result = await open_hits(hits, RecordReader(connection, keys), rights)  # type: ignore[arg-type]
        return result, self._operation(tenant, result)

    def _operation(self, tenant: str, result: SearchPage) -> Operation:
        """Return the audit entry, without words and people: they may be personal data."""
        data = {
            "why": self.reason,
            "by": [name for name in AUDITED_CRITERIA if getattr(self.request, name)],
            "departments": list(self.request.departments),
            "since": self.request.since,
            "until": self.request.until,
            "total": result.hits.total,
            "shown": len(result.rows),
            "asOf": result.hits.as_of,
        }
        return Operation(what="archive search", tenant=tenant, data=data)


AS_KEEPER = Rights(name="cli", tenant="", roles=frozenset(["archivist"]))
"""Rights by which a command names who approved a destruction."""


async def _find_rights(connection: Connection, tenant: str) -> Rights:
    """Return the rights of the search: the departments of the person's token, or all."""
    reach = await find_reach(connection)
    departments = reach.departments if reach else None
    roles: frozenset[Role] = frozenset(["read"])
    return Rights(name="cli", tenant=tenant, roles=roles, departments=departments)


def result_json(result: SearchPage, *, count: bool) -> dict[str, Any]:
    """Return the result as the API does, without the delivery status of each message."""
    hits = result.hits
    totals = {"total": hits.total, "totalIsExact": hits.exact, "asOf": hits.as_of}
    if count:
        return totals
    destroyed = destroyed_json(result.destroyed, AS_KEEPER)
    gone = {"gone": result.gone, "destroyed": destroyed, "next": hits.next}
    return presenter.page_json(result.rows, []) | gone | totals


def format_result(result: SearchPage, *, count: bool) -> Iterator[str]:
    """Yield the result as lines for a terminal."""
    hits = result.hits
    if not count:
        yield from format_rows(result.rows)
        if result.gone:
            yield f"{result.gone} more on this page: destroyed meanwhile"
        for conversation, past in result.destroyed.items():
            yield f"  {conversation}: {describe_destruction(past)}"
    yield f"{'' if hits.exact else 'over '}{hits.total} found (--as-of {hits.as_of})"
    if hits.next:
        yield f"next page: --after {hits.next}"


def format_rows(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the time, department, type and first words of each message."""
    decoded = [(row, msgspec.json.decode(row["data"])) for row in rows]
    cells = [
        [
            f"{row['at'].astimezone(AMSTERDAM):%Y-%m-%d %H:%M}",
            row["department"],
            data.get("type", row["kind"]),
            _shorten(data.get("text") or ""),
        ]
        for row, data in decoded
    ]
    return format_table(cells)


def _shorten(text: str) -> str:
    """Return the beginning of a text, without control characters for the terminal."""

    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:TEXT_CHARACTERS]
