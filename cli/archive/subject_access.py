"""`postkamer archive subject` and `annotate`: everything about one person, for that person; and
what is to be read beside a message that is not right."""

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec

from archiver.log.writer import writer_in_transaction
from archiver.subject_access.collector import SubjectCollector, SubjectData
from archiver.subject_access.copies import copies
from archiver.subject_access.pdf.render import Unprintable, pdf
from archiver.subject_access.person_finder import SubjectMatch, TooManyMatches
from archiver.subject_access.report import (
    Identifier,
    Municipality,
    Period,
    Purpose,
    Report,
    Request,
    messages,
    written,
)
from cli.support.archive_access import load_keys, write_private_file
from cli.support.audit import NAME, Operation, normalise_name, run_audited
from cli.support.database import CommandRefused, fail, print_result
from cli.support.person_options import PersonFilter, find_person, parse_person, person_options
from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.config.model import Configuration
from services.contract import Record
from services.postgres.database import Connection

MADE_BY = "Gemeente"
NO_OUTPUT = "say where it goes: --json FILE, --pdf FILE or both"
LONGEST_WHY, LONGEST_TEXT = 500, 4_000
OTHERS = (
    "{} more conversations by this number are somebody else's: they had another id at Meta then."
    " If they are the same person after all, say so with --bsuid"
)
Out = click.Path(path_type=Path, dir_okay=False)
Day = click.DateTime(["%Y-%m-%d"])


class ReportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it was asked for."""

    whom: PersonFilter
    why: str
    request: str
    period: Period
    made_by: str
    now: datetime


class MadeReport(msgspec.Struct, frozen=True):
    report: Report
    others: int


@click.command("subject")
@person_options
@click.option("--json", "as_json", type=Out, help="Where the JSON goes, for its owner alone.")
@click.option("--pdf", "as_pdf", type=Out, help="Where the PDF goes.")
@click.option("--why", required=True, help="On the record: no names and no numbers.")
@click.option("--request", default="", help="Id of the request that it answers.")
@click.option("--since", type=Day, help="The first day.")
@click.option("--until", type=Day, help="The last day.")
@click.option("--made-by", default=MADE_BY, help="The department or role that answers.")
def subject(as_json: Path | None, as_pdf: Path | None, **given: Any) -> None:
    """Everything about one person of one municipality, as JSON and PDF. It is on the record who
    made it and why, and about whom as a keyed hash."""
    if not (as_json or as_pdf):
        fail(NO_OUTPUT, 2)
    wanted = _wanted(**given)
    made = run_audited("archive", lambda connection: _made(connection, wanted))
    if made.others:
        click.echo(OTHERS.format(made.others), err=True)
    if as_json:
        write_private_file(as_json, written(made.report))
    if as_pdf:
        try:
            write_private_file(as_pdf, pdf(made.report))
        except Unprintable as error:
            fail(str(error))
    told = f"{len(made.report.conversations)} conversations, {messages(made.report)} messages"
    click.echo(told, err=True)


def _wanted(
    *,
    why: str,
    request: str,
    since: datetime | None,
    until: datetime | None,
    made_by: str,
    **person: Any,
) -> ReportRequest:
    if not (why.strip() and len(why) <= LONGEST_WHY and why.isprintable()):
        fail(f"--why: expected one line of 1 to {LONGEST_WHY} characters", 2)
    if since and until and since > until:
        fail("--until: expected --since or a later day", 2)
    return ReportRequest(
        whom=parse_person(**person),
        why=why.strip(),
        request=request,
        period=Period(since=_day(since), until=_day(until)),
        made_by=made_by,
        now=clock.now(),
    )


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


async def _made(connection: Connection, wanted: ReportRequest) -> tuple[MadeReport, Operation]:
    keys = await load_keys(connection)
    who = await find_person(connection, keys, wanted.whom)
    request = await _request(connection, wanted, who)
    town, tenant = wanted.whom.town, wanted.whom.tenant
    reader = SubjectCollector(connection, keys, tenant)
    try:
        every = await reader.collect(
            who, wanted.period, lambda id: _called(town, tenant, id), _progress()
        )
    except TooManyMatches as error:
        raise CommandRefused(str(error)) from None
    made = MadeReport(_report(wanted, who, every, request), who.others)
    return made, _operation(wanted, made.report)


async def _request(
    connection: Connection, wanted: ReportRequest, who: SubjectMatch
) -> Request | None:
    """Refused where it is somebody else's: a report would go to the wrong person."""
    if not wanted.request:
        return None
    row = await connection.fetchrow(_REQUEST, wanted.request, wanted.whom.tenant)
    if row is None:
        raise CommandRefused(f"{wanted.whom.tenant} has no request {wanted.request!r}")
    ours, theirs = set(who.conversations), set(row["conversations"])
    if (theirs and ours.isdisjoint(theirs)) or set(row["hashes"]).isdisjoint(who.hashes):
        raise CommandRefused(f"{wanted.request} is about somebody else")
    return Request(id=wanted.request, received_on=row["received_on"], due_on=row["due_on"])


def _operation(wanted: ReportRequest, report: Report) -> Operation:
    """Whom it was about by their conversations: a hash would tell when these are destroyed."""
    data = {
        "why": wanted.why,
        "conversations": [each.id for each in report.conversations if each.id],
        "since": wanted.period.since,
        "until": wanted.period.until,
    }
    about = wanted.request
    return Operation(what="archive subject", about=about, tenant=wanted.whom.tenant, data=data)


def _report(
    wanted: ReportRequest, who: SubjectMatch, every: SubjectData, request: Request | None
) -> Report:
    town, tenant = wanted.whom.town, wanted.whom.tenant
    theirs = next(each for each in town.tenants if each.id == tenant)
    told, today = theirs.privacy, wanted.now.astimezone(AMSTERDAM).date()
    return Report(
        municipality=Municipality(name=theirs.name, contact=told.contact, officer=told.officer),
        about=(*_identifiers(who), *(_name(each) for each in every.names)),
        made_at=wanted.now,
        made_by=wanted.made_by,
        request=request,
        period=wanted.period,
        purposes=tuple(Purpose(text=each.text, ground=each.ground) for each in told.purposes),
        retention=told.retention,
        conversations=every.conversations,
        consents=every.consents,
        identity_changes=every.changes,
        deliveries=every.deliveries,
        views=every.views,
        copies=copies(town, tenant, every.deliveries, today),
    )


def _name(given: str) -> Identifier:
    return Identifier(kind="name", value=given, asked=False)


def _identifiers(who: SubjectMatch) -> list[Identifier]:
    """What was asked first."""
    asked = sorted(who.asked, key=lambda each: (each.kind, each.value))
    more = sorted(who.names - who.asked, key=lambda each: (each.kind, each.value))
    return [
        Identifier(
            kind=each.kind,
            value=each.value,
            asked=each in who.asked,
            found=each in who.names,
        )
        for each in (*asked, *more)
    ]


def _called(town: Configuration, tenant: str, department: str) -> str:
    """One that is no longer configured by its id."""
    known = town.department(tenant, department)
    return known.called if known else department


def _progress() -> Callable[[int, int], None]:
    """On the terminal, where there is one, how far it has come."""
    if not sys.stderr.isatty():
        return lambda done, of: None
    return lambda done, of: click.echo(f"\r{done} of {of} ", err=True, nl=done == of)


_REQUEST = """
select received_on, due_on, hashes, conversations from archiver.request
where id = $1 and tenant = $2
"""


@click.command("annotate")
@click.argument("message", type=click.UUID)
@click.option("--text", required=True, help="What is right; - reads it from standard input.")
@click.option("--by", required=True, help="Who answers for it; on the record.")
@click.option("--request", default="", help="Id of the request that asked for it.")
@click.option("--json", "as_json", is_flag=True)
def annotate(message: UUID, text: str, by: str, request: str, as_json: bool) -> None:
    """Write beside MESSAGE what is right (AVG, article 16). The message stays as it was."""
    said = (sys.stdin.read(LONGEST_TEXT + 1) if text == "-" else text).strip()
    if not 0 < len(said) <= LONGEST_TEXT:
        fail(f"--text: expected 1 to {LONGEST_TEXT} characters", 2)
    if (name := normalise_name(by)) is None:
        fail(f"--by: {NAME}", 2)
    data = {"by": name, "text": said, "request": request}
    id = run_audited("archive", lambda on: _annotated(on, message, data), by=name)
    print_result({"id": id, "message": message}, [f"{id} stands beside {message}"], as_json=as_json)


async def _annotated(
    connection: Connection, message: UUID, data: dict[str, str]
) -> tuple[UUID, Operation]:
    keys = await load_keys(connection)
    row = await connection.fetchrow(_MESSAGE, message)
    if row is None:
        raise CommandRefused(f"there is no message {message}, or it was destroyed")
    tenant, now = row["tenant"], clock.now()
    if data["request"]:
        request = await connection.fetchrow(_REQUEST, data["request"], tenant)
        if request is None:
            raise CommandRefused(f"{tenant} has no request {data['request']!r}")
        if row["conversation"] not in request["conversations"]:
            raise CommandRefused(
                f"{data['request']} is not about whoever this message is from or to"
            )
    record = Record(
        id=clock.new_id(now),
        kind="annotation",
        at=now,
        data=msgspec.json.encode(data | {"department": row["department"]}),
        tenant=tenant,
        conversation=row["conversation"],
        message=message,
    )
    await writer_in_transaction(connection, keys).add([record])
    done = {"request": data["request"], "annotation": record.id}
    return record.id, Operation(
        what="archive annotate", about=str(message), tenant=tenant, data=done
    )


_MESSAGE = """
select e.tenant, e.conversation, e.department from archiver.entry e
join archiver.conversation_key k using (tenant, conversation)
where e.message = $1 and e.kind = 'message' and e.salt is not null
"""


COMMANDS = (subject, annotate)
