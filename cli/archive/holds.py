"""`postkamer archive hold`: what is not destroyed, why, and when somebody must look again."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.privacy.holds.orders import LIFT, PLACE, REVIEW, PlaceHold
from archiver.retention.hold import GROUNDS, Hold, NewHold
from archiver.retention.hold_details import (
    HoldDetails,
    HoldStep,
    HoldSummary,
    load_hold,
    summarise_hold,
)
from archiver.retention.hold_store import HoldStore
from archiver.subject_access.person_finder import TooManyMatches
from archiver.subject_access.requests.fault import OrderRefused
from cli.support.archive_access import change_archive, load_keys
from cli.support.audit import Operation, parse_name
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import Time, by_option, json_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import identify_person, narrow_tenant, require_all_departments
from cli.support.person_options import parse_person, person_options, resolve_tenant
from services import clock
from services.api.json_body import parse_body
from services.calendar.opening_hours import day_of
from services.postgres.database import Connection, Pool

Day = click.DateTime(["%Y-%m-%d"])
OPTIONS = {
    "from": "--since", "until": "--until", "words": "--words", "departments": "--department",
    "conversation": "--conversation", "reviewOn": "--review-on", "text": "--text",
    "identities": "--phone or --bsuid",
}  # fmt: skip
"""Member of an order -> option of the command."""
review_option = click.option(
    "--review-on",
    required=True,
    type=Day,
    metavar="DAY",
    help="Day on which somebody must look if it is still needed. It holds on after that.",
)


def today() -> date:
    return day_of(clock.now())


def text_option(help: str) -> Callable[[Any], Any]:
    return click.option("--text", required=True, help=f"{help} Archived. Name no citizen.")


def format_summary(each: HoldSummary) -> str:
    state = f"lifted by {each.lifted_by}"
    if each.state != "lifted":
        state = f"to be reviewed on {each.review_on}" + (", overdue" * (each.state == "overdue"))
    return f"{each.id} of {each.tenant}: {each.ground}, {_format_extent(each)}; {state}"


def _format_extent(each: HoldSummary) -> str:
    if each.kind != "selection":
        return f"{each.kind} {each.conversation}".strip()
    parts = [f"of {', '.join(each.departments)}" if each.departments else ""]
    parts += [f"from {each.since:%Y-%m-%d}" if each.since else ""]
    parts += [f"until {each.until:%Y-%m-%d}" if each.until else ""]
    return " ".join(filter(None, ["selection", *parts]))


def format_step(step: HoldStep) -> str:
    by = f"{step.by} ({step.identified})" if step.identified else step.by
    words = f"{step.event} by {by}, review on {step.review_on}"
    return f"  {step.at:%Y-%m-%d %H:%M}Z {words}: {step.text}"


@click.group("hold")
def group() -> None:
    """Holds: what is not destroyed, whatever its term.

    A hold is on a conversation, a person or a selection, and covers also what comes later. It never
    ends by itself: somebody lifts it.
    """


@group.command("place")
@click.option("--ground", required=True, type=click.Choice(GROUNDS))
@review_option
@text_option("The reference of the case.")
@click.option("--conversation", help="Its id: the hold is on this conversation.")
@click.option("--department", "departments", multiple=True, help="Its id; may be repeated.")
@click.option("--words", help="Words that must all occur in a message or a note, in any form.")
@click.option("--since", type=Time(), help="Received at this time or later, in Amsterdam.")
@click.option("--until", type=Time(), help="Received before this time.")
@person_options
@by_option
@json_option
def place_command(*, by: str, as_json: bool, **options: Any) -> None:
    """Place a hold on one of a conversation, a person and a selection."""
    order, name = read_order(**options), parse_name(by)

    async def place(connection: Connection, keys: KeyStore) -> tuple[HoldDetails, Operation]:
        store = await _store_of(connection, keys, name, order.tenant)
        try:
            hold = await store.place_order(order, name, clock.now())
        except OrderRefused as refused:
            raise CommandRefused(format_refusal(refused)) from None
        except TooManyMatches as error:
            raise CommandRefused(str(error)) from None
        return await _detailed(store, hold), _operation("place", hold)

    print_details(change_archive(place, by=name), as_json=as_json)


def read_order(
    phone: str | None,
    phone_file: TextIO | None,
    bsuids: tuple[str, ...],
    tenant: str | None,
    path: Path | None,
    **options: Any,
) -> NewHold:
    """Return the order of the options, which the API would take; print a fault and exit."""
    if phone is not None or phone_file or bsuids:
        citizen = parse_person(phone, phone_file, bsuids, tenant, path)
        town, names = citizen.tenant, citizen.names
    else:
        town, names = resolve_tenant(load_config(path), tenant), ()
    order: PlaceHold = _parse(order_body(options, names), PLACE)
    return order.read(town)


def order_body(options: Mapping[str, Any], names: tuple[Any, ...]) -> dict[str, Any]:
    """Return the order of the API for the options of the command. Pure."""
    selection = {
        "words": options["words"],
        "departments": options["departments"],
        "from": options["since"],
        "until": options["until"],
    }
    given = {name: value for name, value in selection.items() if value not in (None, ())}
    members = {
        "ground": options["ground"],
        "reviewOn": options["review_on"].date(),
        "text": options["text"],
        "conversation": options["conversation"],
        "identities": names,
        "selection": given,
    }
    return {name: value for name, value in members.items() if value not in (None, (), {})}


def _parse(body: dict[str, Any], kind: Any) -> Any:
    """Return the order of a body; print its faults, each with its option, and exit."""
    order = parse_body(msgspec.json.encode(body), kind)
    if isinstance(order, list):
        fail("\n".join(_format_fault(each.pointer, each.detail) for each in order), 2)
    return order


def _format_fault(pointer: str, detail: str) -> str:
    named = [OPTIONS[each] for each in pointer.split("/") if each in OPTIONS]
    return f"{named[-1]}: {detail}" if named else detail


def format_refusal(refused: OrderRefused) -> str:
    return "\n".join(_format_fault(each.member, each.sentence) for each in refused.faults)


@group.command("list")
@click.option("--overdue", is_flag=True, help="Only those that somebody should have reviewed.")
@click.option("--all", "is_whole", is_flag=True, help="Also those that were lifted.")
@json_option
def list_command(overdue: bool, is_whole: bool, as_json: bool) -> None:
    """Show the holds, the earliest due for review first."""

    async def work(pool: Pool) -> list[Hold]:
        async with pool.acquire() as connection:
            store = HoldStore(connection, await load_keys(connection))
            tenant = await narrow_tenant(connection, None)
            return await store.holds(tenant, only_standing=not is_whole or overdue)

    found = [summarise_hold(each, today()) for each in with_database("archive", work)]
    holds = [each for each in found if not overdue or each.state == "overdue"]
    print_result(holds, map(format_summary, holds), as_json=as_json, empty="no hold matches")


@group.command("show")
@click.argument("id")
@json_option
def show_command(id: str, as_json: bool) -> None:
    """Show the hold ID, its steps and how much it covers.

    Your use of this command is archived.
    """

    async def load(connection: Connection, keys: KeyStore) -> tuple[HoldDetails, Operation]:
        store = HoldStore(connection, keys)
        hold = await _find(connection, store, id)
        return await _detailed(store, hold), _operation("show", hold)

    print_details(change_archive(load), as_json=as_json)


@group.command("review")
@click.argument("id")
@review_option
@text_option("Why it is still needed.")
@by_option
@json_option
def review_command(id: str, review_on: datetime, text: str, by: str, as_json: bool) -> None:
    """Note that the hold ID is still needed, until another look on a day."""
    order = _parse({"reviewOn": review_on.date(), "text": text}, REVIEW)

    async def review(store: HoldStore, hold: Hold, name: str) -> Hold:
        return await store.review(hold, order.review_on, name, order.text.strip(), clock.now())

    _change(id, "review", by, review, as_json=as_json)


@group.command("lift")
@click.argument("id")
@text_option("Why it is not needed any more.")
@by_option
@json_option
def lift_command(id: str, text: str, by: str, as_json: bool) -> None:
    """Lift the hold ID. What it covered alone may be destroyed once its term is over."""
    order = _parse({"text": text}, LIFT)

    async def lift(store: HoldStore, hold: Hold, name: str) -> Hold:
        return await store.lift(hold, name, order.text.strip(), clock.now())

    _change(id, "lift", by, lift, as_json=as_json)


def _change(
    id: str,
    action: str,
    by: str,
    change: Callable[[HoldStore, Hold, str], Awaitable[Hold]],
    *,
    as_json: bool,
) -> None:
    """Change a hold with an audit entry, and print it."""
    name = parse_name(by)

    async def run(connection: Connection, keys: KeyStore) -> tuple[Hold, Operation]:
        store = await _store_of(connection, keys, name)
        try:
            changed = await change(store, await _find(connection, store, id), name)
        except OrderRefused as refused:
            raise CommandRefused(format_refusal(refused)) from None
        return changed, _operation(action, changed)

    summary = summarise_hold(change_archive(run, name), today())
    print_result(summary, [format_summary(summary)], as_json=as_json)


async def _store_of(
    connection: Connection, keys: KeyStore, by: str, tenant: str | None = None
) -> HoldStore:
    """Return the store for steps by this person, who must reach every department."""
    person = await identify_person(connection, by, tenant)
    if tenant:
        await require_all_departments(connection, tenant)
    return HoldStore(connection, keys, person.identified)


async def _find(connection: Connection, store: HoldStore, id: str) -> Hold:
    """Return a hold that nobody else changes meanwhile, of the person's municipality."""
    hold = await store.lock(id)
    tenant = await narrow_tenant(connection, None)
    if hold is None or tenant not in ("", hold.tenant):
        raise CommandRefused(f"there is no hold {id!r}")
    await require_all_departments(connection, hold.tenant)
    return hold


async def _detailed(store: HoldStore, hold: Hold) -> HoldDetails:
    """Return a hold with its extent. The entry for the record follows in the same transaction,
    which a count must not end."""
    return await load_hold(store, hold, seconds=None)


def print_details(details: HoldDetails, *, as_json: bool) -> None:
    summary = summarise_hold(details.hold, today())
    more = {"conversations": details.conversations, "words": details.words}
    result = {"hold": summary, "steps": details.steps} | more
    print_result(result, _format_details(summary, details), as_json=as_json)


def _format_details(summary: HoldSummary, details: HoldDetails) -> Iterator[str]:
    yield format_summary(summary)
    if details.words:
        yield f"words: {details.words}"
    yield f"covers {count(details.conversations or 0, 'conversation|conversations')} now"
    yield from map(format_step, details.steps)


def _operation(action: str, hold: Hold) -> Operation:
    data = {"ground": hold.ground, "kind": hold.kind, "reviewOn": hold.review_on}
    what = f"archive hold {action}"
    return Operation(what=what, about=hold.id, tenant=hold.tenant, data=data)
