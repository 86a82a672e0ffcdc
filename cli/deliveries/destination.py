"""`postkamer destination`: list destinations and their parked deliveries; pause and resume one."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec

from cli.support.audit import Operation, parse_reason, run_audited
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import config_option, json_option, reason_option
from cli.support.output import fail, print_result
from services.postgres.database import Connection, Pool


class DestinationSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A destination in the list.

    `held_since`: time at which a person paused it. The deliveries of a destination that is not
    `configured` are never made.
    """

    id: str
    configured: bool
    held_since: datetime | None
    reason: str
    parked: int
    replaying: int
    aside: int


async def list_destinations(pool: Pool, ids: Sequence[str]) -> list[DestinationSummary]:
    """Return these destinations, then others with deliveries left, in the order of their ids."""
    return [DestinationSummary(**row) for row in await pool.fetch(_SHOW, list(ids))]


async def pause(connection: Connection, id: str, reason: str) -> tuple[None, Operation]:
    await connection.execute(_HOLD, id, reason)
    return None, Operation(what="destination pause", about=id, data={"reason": reason})


async def resume(connection: Connection, id: str) -> tuple[None, Operation | None]:
    """Resume a destination; do nothing if it was not paused."""
    was_paused = await connection.fetchval(_FREE, id)
    return None, Operation(what="destination resume", about=id) if was_paused else None


_SHOW = """
select id, id = any($1) as configured, p.since as held_since, coalesce(p.reason, '') as reason,
    (select count(*) from deliverer.delivery d where d.destination = id and d.state = 'parked')
        as parked,
    (select count(*) from deliverer.delivery d where d.destination = id and d.state = 'replay')
        as replaying,
    (select count(*) from deliverer.delivery d where d.destination = id and d.state = 'aside')
        as aside
from (select unnest($1::text[])
    union select destination from deliverer.delivery where state = 'parked'
    union select destination from deliverer.delivery where state in ('replay', 'aside')) known (id)
left join deliverer.pause p on p.destination = id
order by array_position($1, id), id
"""

_HOLD = """
insert into deliverer.pause (destination, reason) values ($1, $2)
on conflict (destination) do update set reason = excluded.reason
"""
_FREE = "delete from deliverer.pause where destination = $1 returning true"


@click.group("destination")
def group() -> None:
    """Destinations of deliveries: pause and resume them.

    Needs POSTKAMER_CONFIG, and POSTKAMER_DATABASE_URL, as its owner.
    """


@group.command("list")
@config_option
@json_option
def list_command(path: Path | None, as_json: bool) -> None:
    """Show the destinations, and how many deliveries are parked.

    The list includes destinations that are no longer in the configuration and have deliveries left.
    """
    ids = load_destination_ids(path)
    destinations = with_database("destination", lambda pool: list_destinations(pool, ids))
    none = "there is no destination"
    print_result(destinations, _format_destinations(destinations), as_json=as_json, empty=none)


def _format_destinations(destinations: Sequence[DestinationSummary]) -> Iterator[str]:
    for each in destinations:
        replaying = f", {each.replaying} being tried again" if each.replaying else ""
        aside = f", {each.aside} sidelined" if each.aside else ""
        since = each.held_since
        paused = f"; paused since {since:%Y-%m-%d %H:%M}Z: {each.reason}" if since else ""
        gone = (
            "" if each.configured else "; not in the configuration: its deliveries are never made"
        )
        yield f"{each.id}: {each.parked} parked{replaying}{aside}{paused}{gone}"


@group.command("pause")
@click.argument("id")
@config_option
@json_option
@reason_option
def pause_command(id: str, path: Path | None, as_json: bool, reason: str) -> None:
    """Pause deliveries to ID. New ones are kept in order until it is resumed.

    The pause takes effect within a second; deliveries that have started are finished. The list
    shows the reason.
    """
    _require_known(id, path)
    reason = parse_reason(reason)
    run_audited("destination", lambda connection: pause(connection, id, reason))
    print_result({"id": id, "held": True}, [f"{id} is paused"], as_json=as_json)


@group.command("resume")
@click.argument("id")
@config_option
@json_option
def resume_command(id: str, path: Path | None, as_json: bool) -> None:
    """Resume deliveries to ID, in order."""
    _require_known(id, path)
    run_audited("destination", lambda connection: resume(connection, id))
    print_result({"id": id, "held": False}, [f"deliveries to {id} go on"], as_json=as_json)


def _require_known(id: str, path: Path | None) -> None:
    if id not in (ids := load_destination_ids(path)):
        fail(f"there is no destination {id!r}; there is {', '.join(ids)}", 2)


def load_destination_ids(path: Path | None) -> list[str]:
    """Return the ids of all destinations."""
    return [destination.id for destination in load_config(path).destinations]
