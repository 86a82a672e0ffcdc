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

from archiver.encryption.key_store import KeyStore
from archiver.privacy.exposure import Exposure, ExposureFilter, find_exposure
from archiver.privacy.exposure_totals import Person, TooManyConversations
from cli.support.archive_access import change_archive
from cli.support.audit import Operation, parse_reason
from cli.support.options import Time, json_option, reason_option, renamed_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import narrow_tenant, require_all_departments
from services import clock
from services.postgres.database import Connection

MAX_CONVERSATIONS = 100_000
"""Most conversations in one list, some 1 KB each. For more, ask for parts of the period."""
REASON_CHARACTERS = 500
"""Longest reason."""


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
            exposure = await find_exposure(
                connection, keys, narrowed, MAX_CONVERSATIONS, _progress(criteria)
            )
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
        yield from format_person(person)
    since = f", since {exposure.first_at:%Y-%m-%d %H:%M:%S}Z" if exposure.first_at else ""
    yield f"conversations: {exposure.conversations}; messages: {exposure.messages}{since}"
    if exposure.destroyed:
        yield f"destroyed since, of whomever: {count(exposure.destroyed, 'time|times')}"


def format_person(person: Person) -> Iterator[str]:
    identifiers = ", ".join(f"{kind} {value}" for kind, value in person.identifiers)
    yield f"{person.conversation}  {person.tenant}  {identifiers or 'by no name that is known'}"
    period = f"{person.first_at:%Y-%m-%d %H:%M:%S}Z to {person.last_at:%Y-%m-%d %H:%M:%S}Z"
    times = count(person.times, "time|times")
    data = f"{', '.join(person.kinds)}; messages: {person.messages}"
    yield f"    {', '.join(person.departments) or '-'}  {data}  {period}, {times}"


def _progress(criteria: ExposureFilter) -> Callable[[datetime], None]:
    """Return a function that shows the progress on the terminal, if there is one."""
    if not sys.stderr.isatty():
        return lambda at: None
    period = criteria.until - criteria.since

    def show(at: datetime) -> None:
        click.echo(f"\r{(at - criteria.since) / period:4.0%} ", err=True, nl=at >= criteria.until)

    return show
