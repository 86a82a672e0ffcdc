"""`postkamer archive subject` and `annotate`: report all data about a person; correct a message."""

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.subject_access.annotation import (
    Correction,
    annotate_message,
    find_message,
)
from archiver.subject_access.pdf.render import pdf
from archiver.subject_access.report import MADE_BY, Period, Report, count_messages, encode_report
from archiver.subject_access.report_maker import (
    MadeReport,
    ReportOrder,
    ReportRefused,
    make_report,
)
from archiver.subject_access.requests.request import LONGEST_TEXT
from cli.support.archive_access import change_archive, write_private_file
from cli.support.audit import Operation, parse_name, parse_reason
from cli.support.options import by_option, json_option, reason_option, renamed_option
from cli.support.output import CommandRefused, count, fail, print_note, print_result
from cli.support.person import identify_person, require_all_departments, require_reach
from cli.support.person_options import PersonFilter, find_person, parse_person, person_options
from cli.support.reach import Subject
from services import clock
from services.postgres.database import Connection
from services.printing.typesetter import Unprintable

NO_MESSAGE = "there is no message {}, or it was destroyed"
NO_OUTPUT = "--out: say where it goes: a file .json, a file .pdf or both"
LONGEST_REASON = 500
OTHERS = (
    "{} by this number: another person's, with another id at Meta then. If it is the same person"
    " after all, say so with --bsuid"
)
Out = click.Path(path_type=Path, dir_okay=False)
Day = click.DateTime(["%Y-%m-%d"])
REPORTS: dict[str, Callable[[Report], bytes]] = {".json": encode_report, ".pdf": pdf}
"""Ending of a file's name -> the form of the report in it."""
PRINT = "-"
"""Value of --json if no file follows it."""


class ReportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a report."""

    person: PersonFilter
    reason: str
    request: str
    period: Period
    made_by: str
    now: datetime


@click.command("subject")
@person_options
@renamed_option(
    "--out",
    "files",
    former="--pdf",
    multiple=True,
    type=Out,
    help="A file .json or .pdf, or both, that only its owner can read.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=False,
    flag_value=PRINT,
    metavar="",
    help="Print JSON, also for an error.",
)
@reason_option
@click.option("--request", default="", help="Id of the request that the report answers.")
@click.option("--since", type=Day, metavar="DAY", help="The first day.")
@click.option("--until", type=Day, metavar="DAY", help="The last day.")
@click.option("--made-by", default=MADE_BY, help="The department or role that answers.")
def subject(files: tuple[Path, ...], as_json: str | None, **values: Any) -> None:
    """Write a report of all data about one person.

    It is of one municipality, as JSON, as PDF or as both. The archive records who made the report,
    why, and the conversations in it.
    """
    if as_json not in (None, PRINT):  # the former --json FILE
        files = (*files, Path(as_json))
    if not files or any(file.suffix not in REPORTS for file in files):
        fail(NO_OUTPUT, 2)
    options = _parse_options(**values)
    made = change_archive(lambda connection, keys: _make_report(connection, keys, options))
    for file in files:
        try:
            write_private_file(file, REPORTS[file.suffix](made.report))
        except Unprintable as error:
            fail(str(error))
    _print_report(made, as_json=as_json == PRINT)


def _print_report(made: MadeReport, *, as_json: bool) -> None:
    conversations, messages = len(made.report.conversations), count_messages(made.report)
    if made.others:
        others = count(made.others, "more conversation|more conversations")
        print_note(OTHERS.format(others), as_json=as_json)
    result = {"conversations": conversations, "messages": messages, "others": made.others}
    contents = count(conversations, "conversation|conversations")
    line = f"{contents}, {count(messages, 'message|messages')}"
    print_result(result, [line], as_json=as_json)


def _parse_options(*, reason: str, request: str, made_by: str, **others: Any) -> ReportOptions:
    reason = parse_reason(reason, LONGEST_REASON, noun="one line")
    since, until = _day(others.pop("since")), _day(others.pop("until"))
    if since and until and since > until:
        fail("--until: expected --since or a later day", 2)
    return ReportOptions(
        person=parse_person(**others),
        reason=reason,
        request=request,
        period=Period(since=since, until=until),
        made_by=made_by,
        now=clock.now(),
    )


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


async def _make_report(
    connection: Connection, keys: KeyStore, options: ReportOptions
) -> tuple[MadeReport, Operation]:
    person = options.person
    await require_all_departments(connection, person.tenant)
    match = await find_person(connection, keys, person)
    order = ReportOrder(
        tenant=person.tenant,
        request=options.request,
        period=options.period,
        made_by=options.made_by,
        now=options.now,
    )
    try:
        made = await make_report(connection, keys, person.config, match, order, _progress())
    except ReportRefused as error:
        raise CommandRefused(str(error)) from None
    return made, _operation(options, made.report)


def _operation(options: ReportOptions, report: Report) -> Operation:
    """Return the audit entry. It names the conversations and not a hash of the person: a hash would
    still identify the person when the conversations are destroyed."""
    data = {
        "why": options.reason,
        "conversations": [each.id for each in report.conversations if each.id],
        "since": options.period.since,
        "until": options.period.until,
    }
    tenant = options.person.tenant
    return Operation(what="archive subject", about=options.request, tenant=tenant, data=data)


def _progress() -> Callable[[int, int], None]:
    """Return a function that shows the progress on the terminal, if there is one."""
    if not sys.stderr.isatty():
        return lambda done, of: None
    return lambda done, of: click.echo(f"\r{done} of {of} ", err=True, nl=done == of)


@click.command("annotate")
@click.argument("message", type=click.UUID)
@click.option("--text", required=True, help="The correction; - reads it from standard input.")
@by_option
@click.option("--request", default="", help="Id of the request that asked for it.")
@json_option
def annotate(message: UUID, text: str, by: str, request: str, as_json: bool) -> None:
    """Add a correction to MESSAGE (AVG, article 16). The message itself does not change."""
    correction = (sys.stdin.read(LONGEST_TEXT + 1) if text == "-" else text).strip()
    if not 0 < len(correction) <= LONGEST_TEXT:
        fail(f"--text: expected 1 to {LONGEST_TEXT} characters", 2)
    name = parse_name(by)
    id = change_archive(
        lambda each, keys: _annotate(each, keys, message, (name, correction, request)), by=name
    )
    print_result({"id": id, "message": message}, [f"{id} corrects {message}"], as_json=as_json)


async def _annotate(
    connection: Connection, keys: KeyStore, id: UUID, given: tuple[str, str, str]
) -> tuple[UUID, Operation]:
    by, text, request = given
    message = await find_message(connection, id)
    if message is None:
        raise CommandRefused(NO_MESSAGE.format(id))
    await require_reach(connection, [Subject(message.tenant)], NO_MESSAGE.format(id))
    runner = await identify_person(connection, by, message.tenant)
    correction = Correction(by=by, identified=runner.identified, text=text, request=request)
    try:
        added = await annotate_message(connection, keys, message, correction, clock.now())
    except ReportRefused as error:
        raise CommandRefused(str(error)) from None
    entry = {"request": request, "annotation": added}
    return added, Operation(
        what="archive annotate", about=str(id), tenant=message.tenant, data=entry
    )
