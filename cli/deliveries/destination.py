"""`postkamer destination`: which there are, what waits for them, and holding one still."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.support.audit import Operation, run_audited
from cli.support.database import fail, print_result, with_database
from services.config import loader, model
from services.postgres.database import Connection, Pool


class DestinationSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One destination. `held_since`: a person holds it still. One that is not `configured` has
    deliveries that nobody will make."""

    id: str
    configured: bool
    held_since: datetime | None
    reason: str
    parked: int
    replaying: int
    aside: int


async def list_destinations(pool: Pool, ids: Sequence[str]) -> list[DestinationSummary]:
    """These, and what is left of others, in the order of their names."""
    return [DestinationSummary(**row) for row in await pool.fetch(_SHOW, list(ids))]


async def pause(connection: Connection, id: str, reason: str) -> tuple[None, Operation]:
    await connection.execute(_HOLD, id, reason)
    return None, Operation(what="destination pause", about=id, data={"reason": reason})


async def resume(connection: Connection, id: str) -> tuple[None, Operation | None]:
    """Nothing is done where it was not held."""
    freed = await connection.fetchval(_FREE, id)
    return None, Operation(what="destination resume", about=id) if freed else None


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
    """Where deliveries go (POSTKAMER_CONFIG; POSTKAMER_DATABASE_URL, as its owner)."""


@group.command("list")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
@click.option("--json", "as_json", is_flag=True)
def list_command(path: Path | None, as_json: bool) -> None:
    """Show the destinations, and what is parked of each.

    Those too that are not in the configuration any more, while something of theirs is left.
    """
    ids = load_destination_ids(path)
    found = with_database("destination", lambda pool: list_destinations(pool, ids))
    print_result(found, _lines(found), as_json=as_json)


def _lines(found: Sequence[DestinationSummary]) -> Iterator[str]:
    for one in found:
        replaying = f", {one.replaying} being tried again" if one.replaying else ""
        aside = f", {one.aside} standing aside" if one.aside else ""
        since = one.held_since
        held = f"; held since {since:%Y-%m-%d %H:%M}Z: {one.reason}" if since else ""
        gone = "" if one.configured else "; not in the configuration: nobody delivers to it"
        yield f"{one.id}: {one.parked} parked{replaying}{aside}{held}{gone}"


def _of_one(command: Any) -> Any:
    for option in reversed(
        (
            click.argument("id"),
            click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG."),
            click.option("--json", "as_json", is_flag=True),
        )
    ):
        command = option(command)
    return command


@group.command("pause")
@_of_one
@click.option("--reason", required=True, help="For whoever reads the list.")
def pause_command(id: str, path: Path | None, as_json: bool, reason: str) -> None:
    """Hold ID still: what comes in is kept.

    In order, until it is resumed. What is under way is finished; it takes a second to hold.
    """
    _known(id, path)
    run_audited("destination", lambda connection: pause(connection, id, reason))
    print_result({"id": id, "held": True}, [f"{id} is held still"], as_json=as_json)


@group.command("resume")
@_of_one
def resume_command(id: str, path: Path | None, as_json: bool) -> None:
    """Deliver to ID again, in order."""
    _known(id, path)
    run_audited("destination", lambda connection: resume(connection, id))
    print_result({"id": id, "held": False}, [f"{id} is delivered to again"], as_json=as_json)


def _known(id: str, path: Path | None) -> None:
    if id not in (ids := load_destination_ids(path)):
        fail(f"there is no destination {id!r}; there is {', '.join(ids)}", 2)


def load_destination_ids(path: Path | None) -> list[str]:
    """The ids of all destinations."""
    file = path or os.environ.get("POSTKAMER_CONFIG")
    if not file:
        fail("POSTKAMER_CONFIG: is missing", 2)
    try:
        town = loader.load(Path(file)).config
    except model.ConfigError as error:
        fail(str(error))
    return [destination.id for destination in town.destinations]
