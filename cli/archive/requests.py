"""`postkamer archive request`: what citizens ask about their data: dates, terms, grounds."""

from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from archiver.subject_access.collector import SubjectCollector
from archiver.subject_access.copies import copies
from archiver.subject_access.person_finder import SubjectMatch
from archiver.subject_access.report import Copy
from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.legal_grounds import (
    EXTENSIONS,
    KINDS,
    REFUSALS,
    extension,
    listed,
    refusal,
)
from archiver.subject_access.requests.letters import letter
from archiver.subject_access.requests.store import NewRequest, Request, RequestEvent, RequestStore
from cli.archive.request_view import RequestView, format_request, present_step, summarise, today
from cli.support.archive_access import load_keys
from cli.support.audit import NAME, Operation, normalise_name, run_audited
from cli.support.database import CommandRefused, fail, print_result, with_database
from cli.support.person_options import (
    PersonFilter,
    find_person,
    load_config,
    parse_person,
    person_options,
)
from services import clock
from services.config.model import Configuration
from services.language import readability
from services.postgres.database import Connection, Pool

DECISIONS = ("granted", "partly", "refused")
LONGEST_TEXT = 4_000
Day = click.DateTime(["%Y-%m-%d"])
T = TypeVar("T")
By = click.option("--by", required=True, help="Who answers for it; on the record.")
Json = click.option("--json", "as_json", is_flag=True)
Where = click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")


class RequestDetails(msgspec.Struct, frozen=True):
    """A request with what stands elsewhere about it."""

    request: Request
    steps: list[tuple[datetime, RequestEvent]]
    copies: tuple[Copy, ...]


@click.group("request")
def group() -> None:
    """What citizens ask about their data (AVG, articles 15 to 21): when it came, by when it is
    answered, what was decided and on which ground."""


@group.command("open")
@click.option("--kind", required=True, type=click.Choice(KINDS))
@click.option("--received", required=True, type=Day, help="The day on which it came.")
@person_options
@By
@Json
def open_command(kind: Any, received: datetime, by: str, as_json: bool, **person: Any) -> None:
    """Write a request down. It is due one month later."""
    if wrong := deadlines.receipt_date_error(received.date(), today()):
        fail(wrong, 2)
    given, name = parse_person(**person), _name(by)
    asked = NewRequest(tenant=given.tenant, kind=kind, received_on=received.date(), by=name)
    request = run_audited("archive", lambda on: _opened(on, given, asked), by=name)
    print_result(summarise(request), [str(summarise(request))], as_json=as_json)


async def _opened(
    connection: Connection, given: PersonFilter, asked: NewRequest
) -> tuple[Request, Operation]:
    keys = await load_keys(connection)
    who = await find_person(connection, keys, given)
    request = await RequestStore(connection, keys).open(asked, who, clock.now())
    return request, _operation("open", request)


@group.command("list")
@click.option("--open", "only_open", is_flag=True, help="Those that are not decided.")
@click.option("--overdue", is_flag=True, help="Of those, the ones that should have been.")
@Json
def list_command(only_open: bool, overdue: bool, as_json: bool) -> None:
    """Show the requests, the first due first."""

    async def work(pool: Pool) -> list[Request]:
        async with pool.acquire() as connection:
            book = RequestStore(connection, await load_keys(connection))
            return await book.listed(open=only_open, before=today() if overdue else None)

    requests = [summarise(each) for each in with_database("archive", work)]
    print_result(requests, map(str, requests), as_json=as_json)


@group.command("show")
@click.argument("id")
@Where
@Json
def show_command(id: str, path: Path | None, as_json: bool) -> None:
    """Show the request ID: its steps, and who else has copies. That you looked is on the record."""
    known = _looked(id, "show", load_config(path))
    shown = RequestView(
        request=summarise(known.request),
        steps=[present_step(at, step) for at, step in known.steps],
        copies=known.copies,
    )
    print_result(shown, format_request(shown), as_json=as_json)


@group.command("letter")
@click.argument("id")
@Where
def letter_command(id: str, path: Path | None) -> None:
    """Print what the citizen is written about the request ID, as it is now: in Dutch.

    That you had it printed is on the record.
    """
    town = load_config(path)
    known = _looked(id, "letter", town)
    text = next((step.text for _, step in known.steps[::-1] if step.event == "decided"), "")
    theirs = town.tenant(known.request.tenant)
    name = theirs.name if theirs else known.request.tenant
    for wrong in readability.readability_faults(text) if text else ():
        click.echo(f"what was added to the decision {wrong}", err=True)
    click.echo(letter(known.request, known.copies, text, name, today()), nl=False)


@group.command("extend")
@click.argument("id")
@click.option("--until", required=True, type=Day, help="At most two further months.")
@click.option("--ground", "code", required=True, help="Why; an unknown one is answered with all.")
@By
@Json
def extend_command(id: str, until: datetime, code: str, by: str, as_json: bool) -> None:
    """Take longer for the request ID. The citizen is to be told, and why: see `letter`."""
    day, name, ground = until.date(), _name(by), extension(code)

    async def work(connection: Connection) -> tuple[Request, Operation]:
        book = RequestStore(connection, await load_keys(connection))
        request = await _undecided(book, id)
        if ground is None:
            raise CommandRefused(_unknown(code, EXTENSIONS, request.kind))
        given = request.received_on, day, request.due_on, today()
        if wrong := list(deadlines.extension_errors(*given)):
            raise CommandRefused("\n".join(wrong))
        changed = await book.extend(request, day, ground.code, name, clock.now())
        return changed, _operation("extend", changed)

    request = run_audited("archive", work, by=name)
    print_result(summarise(request), [str(summarise(request))], as_json=as_json)


@group.command("decide")
@click.argument("id")
@click.option("--decision", required=True, type=click.Choice(DECISIONS))
@click.option("--ground", "code", default="", help="Why it is not wholly granted.")
@click.option("--text", default="", help="For the citizen, beside the ground's own words.")
@By
@Json
def decide_command(id: str, decision: str, code: str, text: str, by: str, as_json: bool) -> None:
    """Decide the request ID, once. What is not wholly granted has a ground."""
    if len(text) > LONGEST_TEXT:
        fail(f"--text: expected at most {LONGEST_TEXT} characters", 2)
    name = _name(by)

    async def work(connection: Connection) -> tuple[Request, Operation]:
        book = RequestStore(connection, await load_keys(connection))
        request = await _undecided(book, id)
        if wrong := _against(request, decision, code):
            raise CommandRefused(wrong)
        changed = await book.decide(request, decision, code, name, text, clock.now())
        return changed, _operation("decide", changed)

    request = run_audited("archive", work, by=name)
    print_result(summarise(request), [str(summarise(request))], as_json=as_json)


def _against(request: Request, decision: str, code: str) -> str:
    if decision == "granted":
        return "--ground: what is granted needs none" if code else ""
    if not code:
        return _unknown("", REFUSALS, request.kind)
    return "" if refusal(code, request.kind) else _unknown(code, REFUSALS, request.kind)


def _unknown(code: str, grounds: Any, kind: str) -> str:
    said = f"{code!r} is no ground" if code else "it needs a ground"
    return "\n".join([f"--ground: {said}; for {kind} there are:", *listed(grounds, kind)])


async def _undecided(book: RequestStore, id: str) -> Request:
    request = await _of(book, id)
    if request.decision:
        raise CommandRefused(f"{id} was decided already: {request.decision}")
    return request


async def _of(book: RequestStore, id: str) -> Request:
    request = await book.request(id)
    if request is None:
        raise CommandRefused(f"there is no request {id!r}")
    return request


async def _known(connection: Connection, id: str, town: Configuration) -> RequestDetails:
    keys = await load_keys(connection)
    book = RequestStore(connection, keys)
    request = await _of(book, id)
    reader = SubjectCollector(connection, keys, request.tenant)
    where = SubjectMatch(asked=frozenset(), conversations=request.conversations)
    elsewhere = copies(town, request.tenant, await reader.delivered(where), today())
    return RequestDetails(request, await book.steps(request), elsewhere)


def _looked(id: str, what: str, town: Configuration) -> RequestDetails:
    """What there is to know of a request, once it is on the record that somebody looked."""

    async def work(connection: Connection) -> tuple[RequestDetails, Operation]:
        known = await _known(connection, id, town)
        return known, _operation(what, known.request)

    return run_audited("archive", work)


def _name(by: str) -> str:
    if (name := normalise_name(by)) is None:
        fail(f"--by: {NAME}", 2)
    return name


def _operation(done: str, request: Request) -> Operation:
    data = {
        "kind": request.kind,
        "dueOn": request.due_on,
        "decision": request.decision,
        "ground": request.ground or request.extension,
    }
    what = f"archive request {done}"
    return Operation(what=what, about=request.id, tenant=request.tenant, data=data)
