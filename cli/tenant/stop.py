"""`postkamer tenant stop` and `start`: a municipality that moves is stopped here."""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import click
import msgspec

from cli.support.audit import Operation, run_audited
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import config_option, json_option
from cli.support.output import CommandRefused, fail, print_note, print_result
from cli.support.person import identify_person
from deliverer.meta.shared_pacing import TURN_LOCK
from router.store.store import TIMER_RELAY_LOCK
from services import clock
from services.postgres.database import LOCKED, Connection, Pool
from services.stops.gateway_rows import BEAT_LOCK, GONE_SECONDS, gateway_rows, still_open

TURNS = (BEAT_LOCK, TIMER_RELAY_LOCK, TURN_LOCK)
TURN_SECONDS = 15
"""Longest wait for one of these turns. Time-outs wait 5 s for their confirms; the others take
milliseconds."""
LEFT = (
    "{tenant}: its final package was written, so it may have started elsewhere. If the move was"
    " called off, give --called-off: then that package must be loaded nowhere any more"
)
COMING = (
    "{tenant}: not all of it has come yet: run postkamer tenant import with the final package. If"
    " its move was called off, --called-off starts it with what is here"
)
BUSY = "time-outs or messages are being handed out for too long: nothing was stopped; try again"
WAIT_SECONDS = GONE_SECONDS + 20.0
"""Longest wait for the gateways. One that has died counts as gone before; the others need two
beats, some 4 s."""
POLL_SECONDS = 0.25


class StopResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A municipality that is stopped, and the gateways that refuse what is for it."""

    id: str
    stopped: bool
    numbers: Sequence[str]
    gateways: Sequence[str]


async def stop(
    connection: Connection, tenant: str, numbers: Sequence[str]
) -> tuple[None, Operation | None]:
    """Stop the numbers of a municipality that are not stopped yet.

    It waits for the turns of gateways that tell what they refuse, and of those who hand out
    time-outs and messages. So each turn ended before this is committed, or sees it.
    """
    await connection.execute(f"set local lock_timeout = '{TURN_SECONDS}s'")
    try:
        for turn in TURNS:
            await connection.execute("select pg_advisory_xact_lock($1)", turn)
    except LOCKED:
        raise CommandRefused(BUSY) from None
    by = (await identify_person(connection, "", tenant)).name
    rows = await connection.fetch(_STOP, list(numbers), tenant, by)
    return None, _operation("tenant stop", tenant, [row["number"] for row in rows])


async def start(
    connection: Connection, tenant: str, *, is_called_off: bool = False
) -> tuple[list[str], Operation | None]:
    """Start the numbers of a municipality again; return those that were stopped. CommandRefused for
    one that may have started elsewhere, unless its move was called off, and for one that has not
    come whole."""
    if not is_called_off and await connection.fetchval(_HAS_LEFT, tenant):
        raise CommandRefused(LEFT.format(tenant=tenant))
    if not is_called_off and await connection.fetchval(_IS_COMING, tenant):
        raise CommandRefused(COMING.format(tenant=tenant))
    numbers = sorted(row["number"] for row in await connection.fetch(_START, tenant))
    return numbers, _operation("tenant start", tenant, numbers)


def _operation(what: str, tenant: str, numbers: Sequence[str]) -> Operation | None:
    """Return the audit entry, or None if nothing was changed."""
    data = {"numbers": sorted(numbers)}
    return Operation(what=what, about=tenant, tenant=tenant, data=data) if numbers else None


async def wait_until_refused(pool: Pool, numbers: Collection[str], *, as_json: bool) -> list[str]:
    """Return the gateways once each of them refuses these numbers, and note the time; tell which it
    waits for. Raises CommandRefused if that takes too long."""
    end, told = clock.monotonic() + WAIT_SECONDS, list[str]()
    while True:
        rows = await gateway_rows(pool)
        if not (waits_for := still_open(rows, numbers)):
            await pool.execute(_REFUSED, list(numbers))
            return [row.name for row in rows if row.silent_seconds <= GONE_SECONDS]
        if clock.monotonic() > end:
            raise CommandRefused(_not_refused(waits_for))
        if waits_for != told:
            print_note(f"waits for the gateways {', '.join(waits_for)}", as_json=as_json)
            told = waits_for
        await asyncio.sleep(POLL_SECONDS)


def _not_refused(gateways: Sequence[str]) -> str:
    return (
        f"it is stopped, but these gateways have not said within {WAIT_SECONDS:.0f} s that they"
        f" refuse: {', '.join(gateways)}. Look at their logs and run this again"
    )


_STOP = """
insert into sharing.stopped_number (number, tenant, by)
select number, $2, $3 from unnest($1::text[]) n (number)
on conflict do nothing returning number
"""
_REFUSED = """
update sharing.stopped_number set refused_at = now()
where number = any($1) and refused_at is null
"""
_HAS_LEFT = """
select exists (select from sharing.stopped_number where tenant = $1 and left_at is not null)
"""
_IS_COMING = """
select exists (select from archiver.former_log where tenant = $1 and ended_at is null)
"""
_START = "delete from sharing.stopped_number where tenant = $1 returning number"


@click.command("stop")
@click.argument("municipality")
@config_option
@json_option
def stop_command(municipality: str, path: Path | None, as_json: bool) -> None:
    """Stop MUNICIPALITY here, because it moves.

    From now on its webhooks and commands get 503, and nothing of it starts by itself. It ends once
    every gateway refuses; what is under way then drains. Meta tries again for 36 hours at
    least. Needs POSTKAMER_CONFIG, which has its numbers.
    """
    numbers = _numbers_of(municipality, path)
    run_audited("tenant", lambda connection: stop(connection, municipality, numbers))
    wait = partial(wait_until_refused, numbers=numbers, as_json=as_json)
    gateways = with_database("tenant", wait)
    result = StopResult(id=municipality, stopped=True, numbers=numbers, gateways=gateways)
    refuse = f"refused by {', '.join(gateways)}" if gateways else "no gateway runs"
    line = f"{municipality} is stopped: {', '.join(numbers)}; {refuse}"
    print_result(result, [line], as_json=as_json)


@click.command("start")
@click.argument("municipality")
@click.option("--called-off", is_flag=True, help="It has not started elsewhere, and will not.")
@config_option
@json_option
def start_command(municipality: str, path: Path | None, as_json: bool, called_off: bool) -> None:
    """Start MUNICIPALITY here: it takes in and sends again.

    What rested goes on. Where its final package was written this is refused, since it may have
    started elsewhere, and everything would be said twice; --called-off says that it has not. Needs
    POSTKAMER_CONFIG.
    """
    numbers = _numbers_of(municipality, path)
    begin = partial(start, tenant=municipality, is_called_off=called_off)
    run_audited("tenant", begin)
    result = StopResult(id=municipality, stopped=False, numbers=numbers, gateways=())
    line = f"{municipality} takes in and sends: {', '.join(numbers)}"
    print_result(result, [line], as_json=as_json)


def _numbers_of(tenant: str, path: Path | None) -> list[str]:
    """Return the numbers of a municipality of the configuration; print a fault and exit."""
    config = load_config(path)
    if config.tenant(tenant) is None:
        known = ", ".join(each.id for each in config.tenants)
        fail(f"there is no municipality {tenant!r}; there is {known}", 2)
    if numbers := [each.id for each in config.numbers if each.tenant == tenant]:
        return numbers
    fail(f"municipality {tenant!r} has no number", 2)
