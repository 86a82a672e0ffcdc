"""`postkamer archive request`: requests of citizens about their data (AVG), until the decision."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from archiver.encryption.key_store import KeyStore
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
    list_grounds,
    refusal,
)
from archiver.subject_access.requests.letters import letter
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.store import NewRequest, RequestEvent, RequestStore
from cli.support.archive_access import change_archive, load_keys
from cli.support.audit import Operation, parse_name
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import by_option, config_option, json_option
from cli.support.output import CommandRefused, fail, print_result
from cli.support.person import identify_person, narrow_tenant
from cli.support.person_options import find_person, parse_person, person_options
from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.config.model import Configuration
from services.contract import Identified
from services.language import readability
from services.postgres.database import Connection, Pool

DECISIONS = ("granted", "partly", "refused")
LONGEST_TEXT = 4_000
NOT_CARRIED_OUT = {
    "erasure": "nothing is erased yet: this version has no command for it, and the letter says so",
    "restriction": "the messages can still be read: tell those who may not use them now",
    "objection": "the messages can still be read: tell those who may not use them now",
}
"""Kind of request -> the part of a decision in the citizen's favour that people must see to."""
Day = click.DateTime(["%Y-%m-%d"])
T = TypeVar("T")


class RequestSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request in the list, without the identity of the citizen."""

    id: str
    tenant: str
    kind: str
    received_on: date
    due_on: date
    state: str
    decision: str | None
    ground: str

    def __str__(self) -> str:
        request = f"{self.id} of {self.tenant}: {self.kind}, received {self.received_on}"
        ground = f" ({self.ground})" if self.ground else ""
        state = f"{self.decision}{ground}" if self.decision else f"{self.state}, due {self.due_on}"
        return f"{request}; {state}"


class RequestStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of a request, as it is archived."""

    at: datetime
    event: str
    by: str
    identified: Identified | None
    due_on: date
    ground: str
    decision: str
    text: str

    def __str__(self) -> str:
        details = filter(None, (self.decision, self.ground, self.text))
        by = f"{self.by} ({self.identified})" if self.identified else self.by
        return f"  {self.at:%Y-%m-%d %H:%M}Z {': '.join((f'{self.event} by {by}', *details))}"


class RequestDetails(msgspec.Struct, frozen=True):
    """A request with its steps and the copies of the data elsewhere."""

    request: Request
    steps: list[RequestStep]
    copies: tuple[Copy, ...]


def today() -> date:
    return clock.now().astimezone(AMSTERDAM).date()


def summarise(request: Request) -> RequestSummary:
    members = {
        name: getattr(request, name) for name in ("id", "tenant", "kind", "received_on", "due_on")
    }
    ground = request.ground or request.extension
    return RequestSummary(
        **members, state=request.state(today()), decision=request.decision, ground=ground
    )


def present_step(at: datetime, event: RequestEvent) -> RequestStep:
    names = ("event", "by", "identified", "due_on", "ground", "decision", "text")
    return RequestStep(at=at, **{name: getattr(event, name) for name in names})


@click.group("request")
def group() -> None:
    """Requests of citizens about their data (AVG).

    Articles 15 to 21: when they came, when they are due, the decision and its ground.
    """


@group.command("open")
@click.option("--kind", required=True, type=click.Choice(KINDS))
@click.option(
    "--received", required=True, type=Day, metavar="DAY", help="The day on which it came."
)
@person_options
@by_option
@json_option
def open_command(kind: Any, received: datetime, by: str, as_json: bool, **person: Any) -> None:
    """Register a request. It is due one month later."""
    if fault := deadlines.receipt_date_error(received.date(), today()):
        fail(fault, 2)
    citizen, name = parse_person(**person), parse_name(by)
    new = NewRequest(tenant=citizen.tenant, kind=kind, received_on=received.date(), by=name)

    async def open_request(connection: Connection, keys: KeyStore) -> tuple[Request, Operation]:
        subject = await find_person(connection, keys, citizen)
        store = await _store_of(connection, keys, name, citizen.tenant)
        request = await store.open(new, subject, clock.now())
        return request, _operation("open", request)

    _print(change_archive(open_request, by=name), as_json=as_json)


def _print(request: Request, *, as_json: bool) -> None:
    summary = summarise(request)
    print_result(summary, [str(summary)], as_json=as_json)


@group.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only undecided requests.")
@click.option("--overdue", is_flag=True, help="Only undecided requests that are overdue.")
@json_option
def list_command(only_open: bool, overdue: bool, as_json: bool) -> None:
    """Show the requests, the earliest due date first."""

    async def work(pool: Pool) -> list[Request]:
        async with pool.acquire() as connection:
            store = RequestStore(connection, await load_keys(connection))
            tenant = await narrow_tenant(connection, None)
            before = today() if overdue else None
            return await store.list_requests(tenant, open=only_open, before=before)

    requests = [summarise(each) for each in with_database("archive", work)]
    print_result(requests, map(str, requests), as_json=as_json, empty="no request matches")


@group.command("show")
@click.argument("id")
@config_option
@json_option
def show_command(id: str, path: Path | None, as_json: bool) -> None:
    """Show the request ID: its steps, and the copies elsewhere.

    Your use of this command is archived.
    """
    details = _look_up(id, "show", load_config(path))
    summary = summarise(details.request)
    result = {"request": summary, "steps": details.steps, "copies": details.copies}
    print_result(result, _format_request(summary, details), as_json=as_json)


def _format_request(summary: RequestSummary, details: RequestDetails) -> Iterator[str]:
    yield str(summary)
    yield from map(str, details.steps)
    yield "copies elsewhere:"
    for copy in details.copies:
        yield f"  {copy.place}: {copy.what}" + (f" ({copy.until})" if copy.until else "")


@group.command("letter")
@click.argument("id")
@config_option
def letter_command(id: str, path: Path | None) -> None:
    """Print the letter to the citizen about the request ID, in Dutch.

    Your use of this command is archived.
    """
    config = load_config(path)
    details = _look_up(id, "letter", config)
    text = next((step.text for step in details.steps[::-1] if step.event == "decided"), "")
    tenant = config.tenant(details.request.tenant)
    name = tenant.name if tenant else details.request.tenant
    for fault in readability.readability_faults(text) if text else ():
        click.echo(f"what was added to the decision {fault}", err=True)
    click.echo(letter(details.request, details.copies, text, name, today()), nl=False)


@group.command("extend")
@click.argument("id")
@click.option("--until", required=True, type=Day, metavar="DAY", help="At most two further months.")
@click.option("--ground", "code", required=True, help="The ground; an unknown one lists all.")
@by_option
@json_option
def extend_command(id: str, until: datetime, code: str, by: str, as_json: bool) -> None:
    """Extend the term of the request ID. You must tell the citizen, and why: see `letter`."""
    day, name, ground = until.date(), parse_name(by), extension(code)

    async def extend(store: RequestStore, request: Request) -> Request:
        if ground is None:
            raise CommandRefused(_ground_fault(code, EXTENSIONS, request.kind))
        dates = request.received_on, day, request.due_on, today()
        if faults := list(deadlines.extension_errors(*dates)):
            raise CommandRefused("\n".join(faults))
        return await store.extend(request, day, ground.code, name, clock.now())

    _print(_change(id, "extend", extend, by=name), as_json=as_json)


@group.command("decide")
@click.argument("id")
@click.option("--decision", required=True, type=click.Choice(DECISIONS))
@click.option("--ground", "code", default="", help="The ground if it is not wholly granted.")
@click.option("--text", default="", help="Text for the citizen, besides the text of the ground.")
@by_option
@json_option
def decide_command(id: str, decision: str, code: str, text: str, by: str, as_json: bool) -> None:
    """Decide the request ID. This is possible once. A request that is not wholly granted needs a
    ground."""
    if len(text) > LONGEST_TEXT:
        fail(f"--text: expected at most {LONGEST_TEXT} characters", 2)
    name = parse_name(by)

    async def decide(store: RequestStore, request: Request) -> Request:
        if fault := _decision_fault(request, decision, code):
            raise CommandRefused(fault)
        return await store.decide(request, decision, code, name, text, clock.now())

    decided = _change(id, "decide", decide, by=name)
    _print(decided, as_json=as_json)
    if decided.decision != "refused" and decided.kind in NOT_CARRIED_OUT and not as_json:
        click.echo(NOT_CARRIED_OUT[decided.kind], err=True)


def _change(
    id: str, action: str, change: Callable[[RequestStore, Request], Awaitable[Request]], by: str
) -> Request:
    """Change a request that is not decided yet, with an audit entry, and return it."""

    async def run(connection: Connection, keys: KeyStore) -> tuple[Request, Operation]:
        store = await _store_of(connection, keys, by)
        request = await _find(store, id)
        if request.decision:
            raise CommandRefused(f"{id} was decided already: {request.decision}")
        changed = await change(store, request)
        return changed, _operation(action, changed)

    return change_archive(run, by)


async def _store_of(
    connection: Connection, keys: KeyStore, by: str, tenant: str | None = None
) -> RequestStore:
    """Return the store for steps by this person."""
    person = await identify_person(connection, by, tenant)
    return RequestStore(connection, keys, person.identified)


def _decision_fault(request: Request, decision: str, code: str) -> str:
    if decision == "granted":
        return "--ground: what is granted needs none" if code else ""
    if not code:
        return _ground_fault("", REFUSALS, request.kind)
    return "" if refusal(code, request.kind) else _ground_fault(code, REFUSALS, request.kind)


def _ground_fault(code: str, grounds: Any, kind: str) -> str:
    fault = f"{code!r} is no ground" if code else "it needs a ground"
    return "\n".join([f"--ground: {fault}; for {kind} there are:", *list_grounds(grounds, kind)])


async def _find(store: RequestStore, id: str) -> Request:
    request = await store.lock_request(id)
    if request is None:
        raise CommandRefused(f"there is no request {id!r}")
    return request


def _look_up(id: str, action: str, config: Configuration) -> RequestDetails:
    """Return the details of a request, with an audit entry of the access."""

    async def load(connection: Connection, keys: KeyStore) -> tuple[RequestDetails, Operation]:
        store = RequestStore(connection, keys)
        request = await _find(store, id)
        collector = SubjectCollector(connection, keys, request.tenant)
        subject = SubjectMatch(asked=frozenset(), conversations=request.conversations)
        counts = await collector.count_deliveries(subject)
        steps = [present_step(at, event) for at, event in await store.steps(request)]
        details = RequestDetails(request, steps, copies(config, request.tenant, counts, today()))
        return details, _operation(action, request)

    return change_archive(load)


def _operation(action: str, request: Request) -> Operation:
    data = {
        "kind": request.kind,
        "dueOn": request.due_on,
        "decision": request.decision,
        "ground": request.ground or request.extension,
    }
    what = f"archive request {action}"
    return Operation(what=what, about=request.id, tenant=request.tenant, data=data)
