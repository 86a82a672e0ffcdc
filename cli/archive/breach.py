"""`postkamer archive exposure`: whose data was shown or delivered, for who must tell of a breach.

The AVG gives 72 hours for it (article 33). It opens the record, so it is on it itself.
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
    PersonBuilder,
    SubjectExposure,
    TooManyConversations,
    time_slices,
    was_delivered,
)
from cli.support.archive_access import load_keys
from cli.support.archive_rows import RowBatch, decrypt_batches
from cli.support.audit import Operation, run_audited
from cli.support.database import CommandRefused, fail, print_result
from cli.support.time_options import Time
from services import clock
from services.postgres.database import Connection

CONVERSATIONS_AT_ONCE = 100
"""Conversations whose messages are looked through together."""
REASON_CHARACTERS = 500
"""Characters of a reason."""


class ExposureFilter(msgspec.Struct, frozen=True, kw_only=True):
    """One of `token`, `employee` and `destination`."""

    since: datetime
    until: datetime
    token: str = ""
    employee: str = ""
    destination: str = ""
    why: str = ""

    @property
    def subject(self) -> dict[str, str]:
        given = {name: getattr(self, name) for name in ("token", "employee", "destination")}
        return {name: value for name, value in given.items() if value}

    def collect(self, exposed: ExposureTotals, opened: RowBatch) -> None:
        for row in opened.rows:
            said = row["fields"]
            if any(said.get(name) != value for name, value in self.subject.items()):
                continue
            if not row["conversation"]:  # somebody asked, and nobody was shown
                continue
            if not self.destination:
                exposed.add_view(row)
            elif was_delivered(said):
                exposed.add_delivery(row)


class Exposure(msgspec.Struct, frozen=True, rename="camel"):
    """`destroyed`: views or deliveries in the period whose conversation nobody can open any more,
    this token's or another's."""

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
    wanted: ExposureFilter,
    progress: Callable[[datetime], None],
) -> Exposure:
    """In a transaction. TooMany."""
    exposed, destroyed = ExposureTotals(), 0
    kind = "delivery" if wanted.destination else "view"
    for since, until in time_slices(wanted.since, wanted.until):
        async for opened in decrypt_batches(connection, keys, _DONE.format(kind), since, until):
            wanted.collect(exposed, opened)
            destroyed += opened.destroyed
        progress(until)
    persons = await _persons(connection, keys, exposed.by_conversation)
    return Exposure(
        since=wanted.since,
        until=wanted.until,
        first_at=min((person.first_at for person in persons), default=None),
        conversations=len(persons),
        messages=sum(person.messages for person in persons),
        times=exposed.times,
        destroyed=destroyed,
        persons=persons,
    )


async def _persons(
    connection: Connection, keys: KeyStore, seen: dict[str, SubjectExposure]
) -> list[Person]:
    found: list[Person] = []
    ids = sorted(seen)
    for start in range(0, len(ids), CONVERSATIONS_AT_ONCE):
        some = {id: PersonBuilder(seen[id]) for id in ids[start : start + CONVERSATIONS_AT_ONCE]}
        async for opened in decrypt_batches(connection, keys, _MESSAGES, list(some)):
            for row in opened.rows:
                some[row["conversation"]].add(row)
        found += [citizen.person(id) for id, citizen in some.items()]
    return found


_DONE = f"{RECORDS} where e.kind = '{{}}' and e.at >= $1 and e.at < $2"
_MESSAGES = f"""{RECORDS}
where e.conversation <> '' and e.conversation = any($1::text[]) and e.kind = 'message'
"""


@click.command("exposure")
@click.option("--token", default="", help="Whoever had this token.")
@click.option("--employee", default="", help="Whoever was called so.")
@click.option("--destination", default="", help="The system of this id.")
@click.option("--from", "since", required=True, type=Time(), help="A time or a day, in Amsterdam.")
@click.option("--to", "until", required=True, type=Time(), help="The end of it.")
@click.option("--why", required=True, help="On the record: for which incident this is.")
@click.option("--json", "as_json", is_flag=True)
def command(as_json: bool, **given: Any) -> None:
    """Show whose data was shown or delivered in a period, with what they are to be told by.

    A leaked token is ended by `postkamer token revoke NAME`. What is shown here is personal data of
    citizens; that you asked is on the record.
    """
    wanted = ExposureFilter(**given | {"why": given["why"].strip()})
    for sentence in filter_faults(wanted, clock.now()):
        fail(sentence, 2)

    async def change(connection: Connection) -> tuple[Exposure, Operation]:
        keys = await load_keys(connection)
        try:
            found = await find_exposure(connection, keys, wanted, _progress(wanted))
        except TooManyConversations as error:
            raise CommandRefused(str(error)) from None
        return found, _operation(wanted, found)

    found = run_audited("archive", change)
    print_result(
        wanted.subject | msgspec.to_builtins(found), format_exposure(found), as_json=as_json
    )


def filter_faults(wanted: ExposureFilter, now: datetime) -> Iterator[str]:
    """What was not asked as it should be; pure."""
    if len(wanted.subject) != 1:
        yield "--token, --employee, --destination: exactly one of them is needed"
    if wanted.since >= wanted.until or wanted.since >= now:
        yield "--from: expected a time before --to, and not in the future"
    if not 0 < len(wanted.why) <= REASON_CHARACTERS or not wanted.why.isprintable():
        yield f"--why: expected a reason of 1 to {REASON_CHARACTERS} characters"


def _operation(wanted: ExposureFilter, found: Exposure) -> Operation:
    (about,) = wanted.subject.values()
    data = {
        "of": next(iter(wanted.subject)),
        "why": wanted.why,
        "since": wanted.since,
        "until": wanted.until,
        "conversations": found.conversations,
    }
    return Operation(what="archive exposure", about=about, data=data)


def format_exposure(found: Exposure) -> Iterator[str]:
    for person in found.persons:
        yield from person.lines()
    since = f", since {found.first_at:%Y-%m-%d %H:%M:%S}Z" if found.first_at else ""
    yield f"conversations: {found.conversations}; messages: {found.messages}{since}"
    if found.destroyed:
        yield f"destroyed since, of whomever: {found.destroyed} times"


def _progress(wanted: ExposureFilter) -> Callable[[datetime], None]:
    """On the terminal, where there is one, how far it has come."""
    if not sys.stderr.isatty():
        return lambda at: None
    whole = wanted.until - wanted.since

    def said(at: datetime) -> None:
        click.echo(f"\r{(at - wanted.since) / whole:4.0%} ", err=True, nl=at >= wanted.until)

    return said
