"""`postkamer archive search`: find messages and notes; who looked, and why, is on the record."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

from archiver.api import presenter
from archiver.api.queries import Store
from archiver.encryption.sealing import CannotDecrypt
from archiver.search.request import LARGEST_PAGE, PAGE, SEARCH, SearchRequest
from archiver.search.search import (
    Bounds,
    CursorFromOtherSearch,
    Found,
    SearchTooBroad,
    SearchTransaction,
    opened,
)
from cli.support.archive_access import load_keys
from cli.support.audit import Operation, run_audited
from cli.support.database import CommandRefused, fail, print_result
from cli.support.person_options import parse_phones, phone_file
from cli.support.time_options import Time
from services.api.json_body import FieldError, parse_body
from services.calendar.opening_hours import AMSTERDAM
from services.http.rights import Rights
from services.postgres.database import Connection

TEXT_CHARACTERS = 60
"""Characters of a text in the table."""
REASON_CHARACTERS = 200
"""Characters of a reason, at most."""
BOUNDS = Bounds(find=20.0, count=25.0)
"""A person waits longer than a program; less than the bound of one statement of ours."""
AUDITED_CRITERIA = ("words", "any_of", "person", "conversation")
"""What may be personal data: that it was asked for is told, not what it was."""
OPTIONS = {
    "from": "--since", "until": "--until", "words": "WORDS", "anyOf": "--any", "types": "--type",
    "departments": "--department", "person": "--phone or --bsuid", "limit": "--limit",
    "direction": "--direction", "conversation": "--conversation", "after": "--after",
    "asOf": "--as-of",
}  # fmt: skip
"""What each member of a question is called here."""


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--any", "any_of", multiple=True, help="One of these texts must be in it.")
@click.option("--since", type=Time(), help="Received at this time or later, in Amsterdam.")
@click.option("--until", type=Time(), help="And before this time.")
@click.option("--department", "departments", multiple=True, help="Its id; may be given again.")
@click.option("--phone", help="In a conversation of whoever has this number.")
@phone_file
@click.option("--bsuid", help="In a conversation of whom Meta knows as this.")
@click.option("--type", "types", multiple=True, help="Meta's word, or note; may be given again.")
@click.option("--direction", type=click.Choice(["in", "out", "echo"]))
@click.option("--conversation", help="Its id.")
@click.option("--oldest", is_flag=True, help="The oldest first; the newest otherwise.")
@click.option("--limit", type=click.IntRange(1, LARGEST_PAGE), default=PAGE, show_default=True)
@click.option("--after", help="The next page: what the one before said.")
@click.option("--as-of", help="As the record was then: what an answer said.")
@click.option("--count", is_flag=True, help="Count all, and show none.")
@click.option("--tenant", help="The municipality's id; needed where there are several.")
@click.option("--why", required=True, help="The reason; on the record. Without personal data.")
@click.option("--json", "as_json", is_flag=True)
def command(*, tenant: str | None, why: str, count: bool, as_json: bool, **given: Any) -> None:
    """Find messages and notes in which all WORDS are, in any form.

    What is shown is personal data; that you looked, and why, is on the record.
    """
    reason = why.strip()
    if not 0 < len(reason) <= REASON_CHARACTERS or not reason.isprintable():
        fail(f"--why: expected a reason of 1 to {REASON_CHARACTERS} characters", 2)
    numbers = parse_phones(given["phone"], given["phone_file"])
    if len(numbers) + bool(given["bsuid"]) > 1:
        fail("--phone, --phone-file and --bsuid: one of them", 2)
    given["phone"] = numbers[0] if numbers else None
    asked = parse_body(msgspec.json.encode(build_request(given, count=count)), SEARCH)
    if isinstance(asked, list):
        fail("\n".join(map(_fault, asked)), 2)
        return
    looking = AuditedSearch(asked, tenant, reason, count)
    found = run_audited("archive", looking.run)
    print_result(
        result_json(found, count=count), format_result(found, count=count), as_json=as_json
    )


def build_request(given: Mapping[str, Any], *, count: bool) -> dict[str, Any]:
    """As the API has it. Pure."""
    person = {"kind": "phone", "value": given["phone"]} if given["phone"] else None
    if given["bsuid"]:
        person = {"kind": "bsuid", "value": given["bsuid"]}
    asked = {
        "words": " ".join(given["words"]),
        "anyOf": given["any_of"],
        "from": given["since"],
        "until": given["until"],
        "departments": given["departments"],
        "person": person,
        "types": given["types"],
        "direction": given["direction"],
        "conversation": given["conversation"],
        "after": given["after"],
        "asOf": given["as_of"],
        "order": "oldest" if given["oldest"] else "newest",
        "limit": 1 if count else given["limit"],
        "count": "exact" if count else "bounded",
    }
    return {name: value for name, value in asked.items() if value not in (None, "", ())}


def _fault(fault: FieldError) -> str:
    return f"{OPTIONS.get(fault.member, fault.member)}: {fault.detail}"


class AuditedSearch(msgspec.Struct, frozen=True):
    """A question, with what it is asked for."""

    request: SearchRequest
    tenant: str | None
    why: str
    count: bool

    async def run(self, connection: Connection) -> tuple[Found, Operation]:
        """What there is, and that somebody looked."""
        keys = await load_keys(connection)
        try:
            tenant = await self._whose(connection)
            rights = Rights(name="cli", tenant=tenant, roles=frozenset(["read"]))
            key = await keys.hashing(tenant)
            hits = await SearchTransaction(connection, key, BOUNDS).hits(self.request, rights)
        except CursorFromOtherSearch as error:
            raise CommandRefused(f"{OPTIONS[error.member]}: {error.SENTENCE}") from None
        except (CannotDecrypt, SearchTooBroad) as error:
            raise CommandRefused(str(error)) from None
        if self.count:
            hits = msgspec.structs.replace(hits, ids=[], next=None)
        found = await opened(hits, Store(connection, keys), rights)  # type: ignore[arg-type]
        return found, self._operation(tenant, found)

    async def _whose(self, connection: Connection) -> str:
        known = [row["tenant"] for row in await connection.fetch(_TENANTS)]
        if self.tenant is None and len(known) == 1:
            return str(known[0])
        if self.tenant in known:
            return str(self.tenant)
        raise CommandRefused(f"--tenant: expected one of {', '.join(known) or 'none: it is empty'}")

    def _operation(self, tenant: str, found: Found) -> Operation:
        """Neither words nor people: what was asked may be personal data itself."""
        data = {
            "why": self.why,
            "by": [name for name in AUDITED_CRITERIA if getattr(self.request, name)],
            "departments": list(self.request.departments),
            "since": self.request.since,
            "until": self.request.until,
            "total": found.hits.total,
            "shown": len(found.rows),
            "asOf": found.hits.as_of,
        }
        return Operation(what="archive search", tenant=tenant, data=data)


def result_json(found: Found, *, count: bool) -> dict[str, Any]:
    """As JSON: as the API answers, without what became of each message."""
    hits = found.hits
    counted = {"total": hits.total, "totalIsExact": hits.exact, "asOf": hits.as_of}
    if count:
        return counted
    return presenter.page_json(found.rows, []) | {"gone": found.gone, "next": hits.next} | counted


def format_result(found: Found, *, count: bool) -> Iterator[str]:
    """For whoever reads it in a terminal."""
    hits = found.hits
    if not count:
        yield from format_rows(found.rows)
        if found.gone:
            yield f"{found.gone} more on this page: destroyed meanwhile"
    yield f"{'' if hits.exact else 'over '}{hits.total} found (--as-of {hits.as_of})"
    if hits.next:
        yield f"next page: --after {hits.next}"


def format_rows(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """When, by whom, of what kind, and how it begins."""
    told = [(row, msgspec.json.decode(row["data"])) for row in rows]
    cells = [
        [
            f"{_local(row['at']):%Y-%m-%d %H:%M}",
            row["department"],
            data.get("type", row["kind"]),
            _begin(data.get("text") or ""),
        ]
        for row, data in told
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def _begin(text: str) -> str:
    """Without what a terminal would act upon."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:TEXT_CHARACTERS]


def _local(at: datetime) -> datetime:
    return at.astimezone(AMSTERDAM)


_TENANTS = """
select distinct tenant from archiver.municipality_key
where purpose = 'hash' and tenant <> '' order by tenant
"""
