"""`postkamer archive exposure`: whose data was shown or delivered, to report a data breach.

The AVG gives 72 hours for the report (article 33). The command decrypts the archive, so its use is
archived.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import click
import msgspec

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from cli.archive.breach_report import (
    ExposureTotals,
    Person,
    SubjectExposure,
    TooManyConversations,
    time_slices,
    was_delivered,
)
from cli.support.archive_access import change_archive
from cli.support.archive_rows import RowBatch, decrypt_batches
from cli.support.audit import Operation, parse_reason
from cli.support.options import Time, json_option, reason_option, renamed_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import narrow_tenant, require_all_departments
from services import clock
from services.postgres.database import Connection

CONVERSATIONS_AT_ONCE = 100
"""Conversations whose messages are read together."""
REASON_CHARACTERS = 500
"""Longest reason."""


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
    progress: Callable[[datetime], None],
) -> Exposure:
    """Return the exposure. Call it in a transaction. TooManyConversations: the list is too long."""
    totals, destroyed = ExposureTotals(), 0
    kind = "delivery" if criteria.destination else "view"
    for since, until in time_slices(criteria.since, criteria.until):
        arguments = _BY_KIND.format(kind), since, until, criteria.tenant
        async for batch in decrypt_batches(connection, keys, *arguments):
            criteria.collect(totals, batch)
            destroyed += batch.destroyed
        progress(until)
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


@click.command("exposure")
@click.option("--token", default="", help="What this token saw.")
@click.option("--employee", default="", help="What this employee saw, as the CRM calls them.")
@click.option("--destination", default="", help="What was delivered to the destination of this id.")
@renamed_option(
    "--since", former="--from", required=True, type=Time(), help="A time or a day, in Amsterdam."
)
@renamed_option("--until", former="--to", required=True, type=Time(), help="The end of the period.")
@reason_option
@json_option
def command(as_json: bool, **fields: Any) -> None:
    """Show whose data was shown or delivered in a period.

    The result says how to reach these citizens: it is personal data, and your use of this command
    is archived. Revoke a leaked token with `postkamer token revoke NAME`.
    """
    criteria = ExposureFilter(**fields)
    for sentence in filter_faults(criteria, clock.now()):
        fail(sentence, 2)
    reason = parse_reason(criteria.reason, REASON_CHARACTERS)
    criteria = msgspec.structs.replace(criteria, reason=reason)

    async def look_up(connection: Connection, keys: KeyStore) -> tuple[Exposure, Operation]:
        await require_all_departments(connection)
        tenant = await narrow_tenant(connection, None)
        narrowed = msgspec.structs.replace(criteria, tenant=tenant)
        try:
            exposure = await find_exposure(connection, keys, narrowed, _progress(criteria))
        except TooManyConversations as error:
            raise CommandRefused(str(error)) from None
        return exposure, _operation(narrowed, exposure)

    exposure = change_archive(look_up)
    print_result(
        criteria.subject | msgspec.to_builtins(exposure), format_exposure(exposure), as_json=as_json
    )


def filter_faults(criteria: ExposureFilter, now: datetime) -> Iterator[str]:
    """Yield the faults of the options. Pure."""
    if len(criteria.subject) != 1:
        yield "--token, --employee, --destination: exactly one of them is needed"
    if criteria.since >= criteria.until or criteria.since >= now:
        yield "--since: expected a time before --until, and not in the future"


def _operation(criteria: ExposureFilter, exposure: Exposure) -> Operation:
    (about,) = criteria.subject.values()
    data = {
        "of": next(iter(criteria.subject)),
        "why": criteria.reason,
        "since": criteria.since,
        "until": criteria.until,
        "conversations": exposure.conversations,
    }
    return Operation(what="archive exposure", about=about, tenant=criteria.tenant, data=data)


def format_exposure(exposure: Exposure) -> Iterator[str]:
    for person in exposure.persons:
        yield from person.lines()
    since = f", since {exposure.first_at:%Y-%m-%d %H:%M:%S}Z" if exposure.first_at else ""
    yield f"conversations: {exposure.conversations}; messages: {exposure.messages}{since}"
    if exposure.destroyed:
        yield f"destroyed since, of whomever: {count(exposure.destroyed, 'time|times')}"


def _progress(criteria: ExposureFilter) -> Callable[[datetime], None]:
    """Return a function that shows the progress on the terminal, if there is one."""
    if not sys.stderr.isatty():
        return lambda at: None
    period = criteria.until - criteria.since

    def show(at: datetime) -> None:
        click.echo(f"\r{(at - criteria.since) / period:4.0%} ", err=True, nl=at >= criteria.until)

    return show
