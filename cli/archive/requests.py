"""`postkamer archive request`: requests of citizens about their data (AVG), until the decision."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from archiver.destruction.handling import draw_erasure
from archiver.encryption.key_store import KeyStore
from archiver.retention.hold import Hold
from archiver.retention.request_hold import GROUNDS, HeldDecision, RequestDecider
from archiver.subject_access.person_finder import TooManyMatches
from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.details import (
    RequestDetails,
    RequestStep,
    RequestSummary,
    load_details,
    summarise,
)
from archiver.subject_access.requests.erasure import Erasure
from archiver.subject_access.requests.fault import OrderRefused
from archiver.subject_access.requests.handling import (
    Decision,
    Extension,
    extend_request,
    open_request,
)
from archiver.subject_access.requests.legal_grounds import KINDS
from archiver.subject_access.requests.request import LONGEST_TEXT, OUTCOMES, Request
from archiver.subject_access.requests.store import NewRequest, RequestStore
from cli.archive.lists import ListView, list_store_of, print_view, refuse_list, view_changed
from cli.support.archive_access import change_archive, load_keys
from cli.support.audit import Operation, parse_name
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import by_option, config_option, json_option
from cli.support.output import CommandRefused, fail, print_result
from cli.support.person import identify_person, narrow_tenant
from cli.support.person_options import find_person, parse_person, person_options
from services import clock
from services.calendar.opening_hours import day_of
from services.config.model import Configuration
from services.language import readability
from services.postgres.database import Connection, Pool

STILL_READ = "the messages can still be read: tell those who may not use them now"
NOT_HELD = (
    "they are destroyed when their term is over: --hold-review-on DAY would have kept them, and"
    " archive hold place still can"
)
NOT_CARRIED_OUT = {
    "erasure": "nothing is erased yet: draw its list with postkamer archive request erase, which"
    " two other persons review and approve",
    "restriction": STILL_READ,
    "objection": STILL_READ,
}
"""Kind of request -> the part of a decision in the citizen's favour that people must see to."""
Day = click.DateTime(["%Y-%m-%d"])


OPTIONS = {
    "receivedOn": "--received",
    "until": "--until",
    "ground": "--ground",
    "holdReviewOn": "--hold-review-on",
}
"""Member that is wrong -> option of the command."""


def today() -> date:
    return day_of(clock.now())


def format_summary(each: RequestSummary) -> str:
    request = f"{each.id} of {each.tenant}: {each.kind}, received {each.received_on}"
    ground = f" ({each.ground})" if each.ground else ""
    state = f"{each.decision}{ground}" if each.decision else f"{each.state}, due {each.due_on}"
    return f"{request}; {state}"


def format_step(step: RequestStep) -> str:
    details = filter(None, (step.decision, step.ground, step.text))
    by = f"{step.by} ({step.identified})" if step.identified else step.by
    return f"  {step.at:%Y-%m-%d %H:%M}Z {': '.join((f'{step.event} by {by}', *details))}"


def format_refusal(refused: OrderRefused) -> str:
    """Return the faults of an order, each with its option."""
    names = [OPTIONS.get(each.member, "") for each in refused.faults]
    pairs = zip(names, refused.faults, strict=True)
    return "\n".join(f"{name}: {each.sentence}" if name else each.sentence for name, each in pairs)


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
    for fault in deadlines.receipt_errors(received.date(), today()):
        fail(f"--received: {fault.sentence}", 2)
    citizen, name = parse_person(**person), parse_name(by)
    new = NewRequest(tenant=citizen.tenant, kind=kind, received_on=received.date(), by=name)

    async def register(connection: Connection, keys: KeyStore) -> tuple[Request, Operation]:
        subject = await find_person(connection, keys, citizen)
        store = await _store_of(connection, keys, name, citizen.tenant)
        request = await open_request(store, new, subject, clock.now())
        return request, _operation("open", request)

    _print(change_archive(register, by=name), as_json=as_json)


def _print(request: Request, *, as_json: bool) -> None:
    summary = summarise(request, today())
    print_result(summary, [format_summary(summary)], as_json=as_json)


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

    requests = [summarise(each, today()) for each in with_database("archive", work)]
    lines = map(format_summary, requests)
    print_result(requests, lines, as_json=as_json, empty="no request matches")


@group.command("show")
@click.argument("id")
@config_option
@json_option
def show_command(id: str, path: Path | None, as_json: bool) -> None:
    """Show the request ID: its steps, and the copies elsewhere.

    Your use of this command is archived.
    """
    details = _look_up(id, "show", load_config(path))
    summary = summarise(details.request, today())
    result = {"request": summary, "steps": details.steps, "copies": details.copies}
    result |= {"erasure": details.erasure}
    print_result(result, _format_request(summary, details), as_json=as_json)


def _format_request(summary: RequestSummary, details: RequestDetails) -> Iterator[str]:
    yield format_summary(summary)
    yield from map(format_step, details.steps)
    if details.erasure:
        yield f"erasure: {_format_erasure(details.erasure)}"
    yield "copies elsewhere:"
    for copy in details.copies:
        yield f"  {copy.place}: {copy.what}" + (f" ({copy.until})" if copy.until else "")


def _format_erasure(erasure: Erasure) -> str:
    numbers = {"destroyed": erasure.destroyed} | erasure.kept | {"waiting": erasure.waiting}
    said = ", ".join(f"{number} {name}" for name, number in numbers.items() if number)
    place = f"{erasure.list} is {erasure.state}" if erasure.list else "no list is drawn"
    return f"{place}; conversations: {said or 'none'}"


@group.command("letter")
@click.argument("id")
@config_option
def letter_command(id: str, path: Path | None) -> None:
    """Print the letter to the citizen about the request ID, in Dutch.

    Your use of this command is archived.
    """
    config = load_config(path)
    details = _look_up(id, "letter", config)
    text = details.decision_text
    for fault in readability.readability_faults(text) if text else ():
        click.echo(f"what was added to the decision {fault}", err=True)
    click.echo(details.letter(config, today()), nl=False)


@group.command("extend")
@click.argument("id")
@click.option("--until", required=True, type=Day, metavar="DAY", help="At most two further months.")
@click.option("--ground", "code", required=True, help="The ground; an unknown one lists all.")
@by_option
@json_option
def extend_command(id: str, until: datetime, code: str, by: str, as_json: bool) -> None:
    """Extend the term of the request ID. You must tell the citizen, and why: see `letter`."""
    order, name = Extension(until.date(), code), parse_name(by)

    async def extend(store: RequestStore, request: Request) -> Request:
        return await extend_request(store, request, order, name, clock.now())

    _print(_change(id, "extend", extend, by=name), as_json=as_json)


@group.command("decide")
@click.argument("id")
@click.option("--decision", required=True, type=click.Choice(OUTCOMES))
@click.option("--ground", "code", default="", help="The ground if it is not wholly granted.")
@click.option("--text", default="", help="Text for the citizen, besides the text of the ground.")
@click.option(
    "--hold-review-on",
    "review_on",
    type=Day,
    metavar="DAY",
    help="For an objection or a restriction that is granted: nothing of the citizen is destroyed"
    " until somebody lifts this hold. On this day somebody must look.",
)
@by_option
@json_option
def decide_command(
    id: str, review_on: datetime | None, by: str, as_json: bool, **options: str
) -> None:
    """Decide the request ID. This is possible once. A request that is not wholly granted needs a
    ground."""
    if len(options["text"]) > LONGEST_TEXT:
        fail(f"--text: expected at most {LONGEST_TEXT} characters", 2)
    decision = Decision(options["decision"], options["code"], options["text"])
    day = review_on.date() if review_on else None
    decided, hold = _decide(id, HeldDecision(decision, day), parse_name(by))
    _print(decided, as_json=as_json)
    if decided.decision != "refused" and not as_json:
        for note in open_ends(decided, hold):
            click.echo(note, err=True)


def open_ends(decided: Request, hold: Hold | None) -> Iterator[str]:
    """Yield what was done beside a decision for the citizen, and what people must see to. Pure."""
    if decided.kind in NOT_CARRIED_OUT:
        yield NOT_CARRIED_OUT[decided.kind]
    if hold:
        yield f"{hold.id} keeps what is theirs from being destroyed, until somebody lifts it"
    elif decided.kind in GROUNDS:
        yield NOT_HELD


def _decide(id: str, order: HeldDecision, by: str) -> tuple[Request, Hold | None]:
    """Decide a request with an audit entry, and return it with the hold that it placed."""

    async def run(
        connection: Connection, keys: KeyStore
    ) -> tuple[tuple[Request, Hold | None], Operation]:
        person = await identify_person(connection, by)
        decider = RequestDecider(connection, keys, person.identified)
        try:
            request = await _find(RequestStore(connection, keys), id)
            decided, hold = await decider.decide(request, order, by, clock.now())
        except OrderRefused as refused:
            raise CommandRefused(format_refusal(refused)) from None
        except TooManyMatches as error:
            raise CommandRefused(str(error)) from None
        held = {"hold": hold.id} if hold else {}
        operation = _operation("decide", decided)
        return (decided, hold), msgspec.structs.replace(operation, data=operation.data | held)

    return change_archive(run, by)


@group.command("erase")
@click.argument("id")
@by_option
@config_option
@json_option
def erase_command(id: str, by: str, path: Path | None, as_json: bool) -> None:
    """Draw the list of the erasure ID, which was granted.

    Other persons review and approve it: see `postkamer archive list`.
    """
    config, name = load_config(path), parse_name(by)

    async def draw(connection: Connection, keys: KeyStore) -> tuple[ListView, Operation]:
        request = await _find(RequestStore(connection, keys), id)
        store, person = await list_store_of(connection, keys, name, request.tenant)
        drawing = draw_erasure(store, config, request, person, clock.now())
        return await view_changed(store, await refuse_list(drawing), "draw")

    print_view(change_archive(draw, by=name), as_json=as_json)


def _change(
    id: str, action: str, change: Callable[[RequestStore, Request], Awaitable[Request]], by: str
) -> Request:
    """Change a request with an audit entry, and return it."""

    async def run(connection: Connection, keys: KeyStore) -> tuple[Request, Operation]:
        store = await _store_of(connection, keys, by)
        try:
            changed = await change(store, await _find(store, id))
        except OrderRefused as refused:
            raise CommandRefused(format_refusal(refused)) from None
        return changed, _operation(action, changed)

    return change_archive(run, by)


async def _store_of(
    connection: Connection, keys: KeyStore, by: str, tenant: str | None = None
) -> RequestStore:
    """Return the store for steps by this person."""
    person = await identify_person(connection, by, tenant)
    return RequestStore(connection, keys, person.identified)


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
        details = await load_details(connection, keys, config, request, today())
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
