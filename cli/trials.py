"""`postkamer guests`, `number live` and `number trial`: numbers that send only to their guests."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import click
import msgspec

from cli.support.audit import Operation, parse_name, parse_reason, run_audited
from cli.support.configuration import load_config, path_in_environment, require_known
from cli.support.database import with_database
from cli.support.options import (
    by_option,
    combine_options,
    config_option,
    json_option,
    reason_option,
)
from cli.support.output import TO_FETCH, CommandRefused, count, fail, print_list, print_result
from cli.support.person import narrow_tenant, require_reach
from cli.support.person_options import BSUID, NO_BSUID, NO_PERSON, parse_phones, phone_file
from cli.support.reach import Subject
from cli.support.working_keys import load_working_keys
from deliverer.meta.trial_store import refuse_waiting
from services import clock
from services.config.model import Configuration
from services.config.numbers import Number
from services.postgres.database import Connection, Pool
from services.postgres.shut_rows import SHUT
from services.sealing.columns import ADDRESS
from services.sealing.key_ring import RING
from services.trial import is_on_trial
from services.whatsapp.identities import address

NO_GUEST = "there is no such guest"
NOT_SHOWN = "?"
"""End of an address that does not open; the guest can still be removed by its id."""
SHOWN_DIGITS = 2
"""Last characters of an address in the list: enough to tell colleagues apart."""


class Guest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A guest in the list, without the address."""

    id: UUID
    number: str
    kind: str
    ends_with: str
    added_at: datetime


def _read_guest(row: dict[str, Any]) -> Guest:
    try:
        ends_with = RING.unseal_text(row.pop("value"), ADDRESS)[-SHOWN_DIGITS:]
    except SHUT:
        ends_with = NOT_SHOWN
    return Guest(**row, ends_with=ends_with)


async def go_live(
    connection: Connection, number: Number, reason: str
) -> tuple[dict[str, int], Operation]:
    """End the trial of a number, fail its messages that wait for others, and delete its guests.
    Return the numbers of both."""
    await _require_trial(connection, number)
    await load_working_keys(connection)
    refused = await refuse_waiting(connection, number.id, clock.now())
    await connection.execute(_GO_LIVE, number.id)
    guests = int(await connection.fetchval(_EMPTY, number.id))
    counts = {"guests": guests, "refused": refused}
    data = {"reason": reason} | counts
    return counts, Operation(what="number live", about=number.id, tenant=number.tenant, data=data)


async def _require_trial(connection: Connection, number: Number) -> None:
    """Refuse what belongs to a trial for a number that is not on trial."""
    state = await connection.fetchval(_STATE, number.id)
    if not is_on_trial(state or "", is_configured=number.trial):
        raise CommandRefused(f"number {number.id} is not on trial")


async def go_on_trial(
    connection: Connection, number: Number, reason: str
) -> tuple[None, Operation]:
    """Put a number on trial, with an empty guest list if it was live."""
    await connection.execute(_GO_ON_TRIAL, number.id)
    operation = Operation(
        what="number trial", about=number.id, tenant=number.tenant, data={"reason": reason}
    )
    return None, operation


async def add_guests(
    connection: Connection, number: Number, addresses: Sequence[str], reason: str
) -> tuple[list[UUID], Operation | None]:
    """Add addresses to the guest list of a number on trial; return the ids of those that are new.
    Without a trial nothing needs their addresses."""
    await _require_trial(connection, number)
    names = [address(each) for each in addresses]
    await load_working_keys(connection)
    rows = [
        (clock.new_id(), number.id, name.kind, RING.seal_name(name.value, ADDRESS))
        for name in dict.fromkeys(names)
    ]
    added = [id for row in rows if (id := await connection.fetchval(_ADD, *row))]
    return added, _guest_change("guests add", number.id, number.tenant, added, reason)


async def remove_guest(
    connection: Connection, id: UUID, reason: str, config: Configuration | None
) -> tuple[None, Operation | None]:
    """Remove a guest by its id. The configuration tells whose number it is."""
    name = await connection.fetchval(_REMOVE, id)
    if name is None:
        raise CommandRefused(NO_GUEST)
    number = config.number(name) if config else None
    tenant = number.tenant if number else ""
    await require_reach(connection, [Subject(tenant)], NO_GUEST)
    return None, _guest_change("guests remove", name, tenant, [id], reason)


def _guest_change(
    what: str, number: str, tenant: str, guests: Sequence[UUID], reason: str
) -> Operation | None:
    """Return the audit entry of a change of the list: ids only, since addresses are personal."""
    data = {"reason": reason, "guests": list(map(str, guests))}
    return Operation(what=what, about=number, tenant=tenant, data=data) if guests else None


_STATE = """
select case when live_at is null then 'trial' else 'live' end from deliverer.trial
where number = $1 for update
"""
_GO_LIVE = """
insert into deliverer.trial (number, live_at) values ($1, now())
on conflict (number) do update set live_at = now()
"""
_EMPTY = """
with gone as (delete from deliverer.guest where number = $1 returning number)
select count(*) from gone
"""
_GO_ON_TRIAL = """
insert into deliverer.trial as t (number) values ($1)
on conflict (number) do update set since = now(), live_at = null where t.live_at is not null
"""
_ADD = """
insert into deliverer.guest (id, number, kind, value) values ($1, $2, $3, $4)
on conflict (number, kind, value) do nothing returning id
"""
_REMOVE = "delete from deliverer.guest where id = $1 returning number"
_LIST = """
select id, number, kind, value, added_at from deliverer.guest
where $1::text[] is null or number = any($1) order by number, added_at, id limit $2
"""


def _find_number(path: Path | None, id: str) -> Number:
    """Return a number of the configuration; print a fault and exit."""
    config = load_config(path)
    if number := config.number(id):
        return number
    known = ", ".join(each.id for each in config.numbers)
    fail(f"there is no number {id!r}; there is {known}", 2)


_recorded_step = combine_options(
    click.argument("id"), reason_option, by_option, config_option, json_option
)


@click.command("live")
@_recorded_step
def live_command(id: str, reason: str, by: str, path: Path | None, as_json: bool) -> None:
    """End the trial of number ID: from now on it sends to everyone.

    Messages that wait for others than its guests fail, and the guest list is deleted. Needs
    POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_WORKING_KEY.
    """
    number, reason, by = _find_number(path, id), parse_reason(reason), parse_name(by)
    counts = run_audited("number", lambda connection: go_live(connection, number, reason), by)
    line = f"{id} is live; {count(counts['guests'], 'guest|guests')} removed from its list"
    if refused := counts["refused"]:
        line += f"; {count(refused, 'waiting message|waiting messages')} to others failed"
    print_result({"id": id, "trial": False} | counts, [line], as_json=as_json)


@click.command("trial")
@_recorded_step
def trial_command(id: str, reason: str, by: str, path: Path | None, as_json: bool) -> None:
    """Put number ID on trial: it sends only to its guest list.

    It still takes messages from everyone. Needs POSTKAMER_DATABASE_URL, as its owner.
    """
    number, reason, by = _find_number(path, id), parse_reason(reason), parse_name(by)
    run_audited("number", lambda connection: go_on_trial(connection, number, reason), by)
    line = f"{id} is on trial: it sends only to its guest list"
    print_result({"id": id, "trial": True}, [line], as_json=as_json)


@click.group("guests")
def group() -> None:
    """Guest lists of numbers on trial.

    Needs POSTKAMER_DATABASE_URL, as its owner.
    """


@group.command("add")
@click.option("--number", "id", required=True, help="The number on trial.")
@click.option("--phone", help="Their telephone number, with its country code.")
@phone_file
@click.option("--bsuid", "bsuids", multiple=True, help="Meta's id of the person.")
@reason_option
@config_option
@json_option
def add_command(
    id: str,
    phone: str | None,
    phone_file: TextIO | None,
    bsuids: tuple[str, ...],
    path: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Add a person to the guest list of a number.

    Only someone who knows it: a colleague with their own telephone. The record has no address.
    """
    addresses = [*parse_phones(phone, phone_file), *bsuids]
    if not all(map(BSUID.fullmatch, bsuids)):
        fail(f"--bsuid: {NO_BSUID}", 2)
    if not addresses:
        fail(NO_PERSON, 2)
    number, reason = _find_number(path, id), parse_reason(options["reason"])
    added = run_audited(
        "guests", lambda connection: add_guests(connection, number, addresses, reason)
    )
    lines = [f"added to the list of {id}: {each}" for each in added]
    empty = f"already on the list of {id}"
    print_result({"number": id, "guests": added}, lines or [empty], as_json=as_json)


@group.command("list")
@click.option("--number", help="Its id.")
@json_option
def list_command(number: str | None, as_json: bool) -> None:
    """Show the guests, each with the end of the address."""

    async def work(pool: Pool) -> list[Guest]:
        await load_working_keys(pool)
        rows = await pool.fetch(_LIST, await _numbers_within_reach(pool, number), TO_FETCH)
        return [_read_guest(dict(row)) for row in rows]

    guests = with_database("guests", work)
    if not guests:
        require_known(number=number)
    print_list(guests, _format, as_json=as_json, empty="no number has a guest")


async def _numbers_within_reach(pool: Pool, number: str | None) -> list[str] | None:
    """Return the numbers of which the guests are shown; None for all."""
    tenant = await narrow_tenant(pool, None)
    if not tenant:
        return [number] if number else None
    own = [each.id for each in load_config(None).numbers if each.tenant == tenant]
    return [each for each in own if number in (None, each)]


def _format(guests: Sequence[Guest]) -> Iterator[str]:
    for each in guests:
        yield f"{each.id}  {each.number}  {each.kind} …{each.ends_with}  {each.added_at:%Y-%m-%d}"


@group.command("remove")
@click.argument("guest", type=click.UUID)
@reason_option
@config_option
@json_option
def remove_command(guest: UUID, reason: str, path: Path | None, as_json: bool) -> None:
    """Remove GUEST, an id of the list."""
    reason, path = parse_reason(reason), path or path_in_environment()
    config = load_config(path) if path else None
    run_audited("guests", lambda connection: remove_guest(connection, guest, reason, config))
    print_result({"id": guest}, [f"{guest} is no guest any more"], as_json=as_json)
