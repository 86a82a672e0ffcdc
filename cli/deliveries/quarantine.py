"""`postkamer quarantine`: what the router could not decide; list, show, decide again or drop it."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import click
import msgspec

from cli.deliveries import quarantine_store
from cli.deliveries.quarantine_store import (
    AGAIN,
    DROPPED,
    WAITING,
    QuarantinedUnit,
    QuarantineFilter,
)
from cli.support.audit import Operation, parse_reason, record_access, run_audited
from cli.support.database import with_database
from cli.support.options import Time, combine_options, json_option, reason_option, require_period
from cli.support.output import fail, print_changed, print_list, print_note, print_result
from cli.support.person import require_all_departments, require_town
from cli.support.working_keys import load_working_keys
from services.postgres.database import Connection, Pool

_filtered = combine_options(
    click.argument("ids", nargs=-1, type=click.UUID),
    click.option("--cause", help="The reason in the list, in full."),
    click.option("--since", type=Time(), help="Quarantined at or after."),
    click.option("--until", type=Time(), help="Quarantined before."),
    json_option,
)
"""Options that select quarantined units."""


@click.group("quarantine")
def group() -> None:
    """Items, commands and outcomes that the router could not decide.

    Needs POSTKAMER_DATABASE_URL, as its owner. For records that could not be archived, see
    `postkamer archive aside`.
    """


@group.command("list")
@_filtered
@click.option(
    "--state",
    type=click.Choice([WAITING, AGAIN, DROPPED]),
    default=WAITING,
    show_default=True,
    help="waiting: for a person. again: decided again. dropped: given up.",
)
def list_command(as_json: bool, state: str, **fields: Any) -> None:
    """Show what is in quarantine and the reasons, the oldest first.

    The list has no contents of messages.
    """
    criteria = QuarantineFilter(**fields)
    require_period(criteria.since, criteria.until)
    units = with_database(
        "quarantine", lambda pool: quarantine_store.list_units(pool, criteria, state)
    )
    none = "nothing in quarantine waits for a person" if state == WAITING else "there is none"
    print_list(units, _format_units, as_json=as_json, empty=none)


def _format_units(units: Sequence[QuarantinedUnit]) -> Iterator[str]:
    for unit in units:
        yield f"{unit.id}  {unit.at:%Y-%m-%d %H:%M:%S}Z  {unit.reason}"
        if unit.settled_at:
            verb = (
                f"dropped: {unit.drop_reason}"
                if unit.state == DROPPED
                else "sent back to be decided"
            )
            yield f"    {unit.settled_at:%Y-%m-%d %H:%M:%S}Z  {verb}"
        elif unit.refusal:
            yield f"    cannot be decided again: {unit.refusal}"


@group.command("show")
@click.argument("id", type=click.UUID)
@click.option("--content", is_flag=True, help="Include what it says: personal data.")
@click.option("--reason", help="The reason of --content; archived. Without personal data.")
@json_option
def show_command(id: UUID, content: bool, reason: str | None, as_json: bool) -> None:
    """Show one of them, and the reason of its quarantine.

    Without --content only its size is shown. Your use of --content is archived.
    """
    why = parse_reason(reason) if content else ""

    async def work(pool: Pool) -> dict[str, Any]:
        await require_town(pool)  # it was not decided, so it is of no municipality yet
        if content:
            await require_all_departments(pool)
        unit = await quarantine_store.find_unit(pool, id)
        await load_working_keys(pool)
        members: dict[str, Any] = msgspec.to_builtins(unit)
        if content:
            operation = Operation(what="quarantine show", about=str(id), data={"reason": why})
            await record_access(pool, operation)
            members |= _content_json(await quarantine_store.load_content(pool, id))
        return members

    unit = with_database("quarantine", work)
    print_result(unit, (f"{name}: {value}" for name, value in unit.items()), as_json=as_json)


def _content_json(raw: bytes) -> dict[str, str]:
    """Return the bytes as text, or in base64: commands and unreadable messages are binary."""
    try:
        return {"content": raw.decode()}
    except UnicodeDecodeError:
        return {"contentBase64": base64.b64encode(raw).decode()}


@group.command("again")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All that can be decided again.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
def again_command(as_json: bool, everything: bool, dry_run: bool, **fields: Any) -> None:
    """Decide again what was quarantined, after you mended the cause.

    Each is decided once, as of the time that it came in, also if Meta repeats it. One that fails
    again is in quarantine again. A command is never decided again: its sender was told that it
    failed.
    """
    criteria = _require_criteria(QuarantineFilter(**fields), everything)

    async def work(connection: Connection) -> tuple[int, int]:
        await require_town(connection)
        await quarantine_store.require_waiting(connection, criteria.ids, to_retry=True)
        waiting = await quarantine_store.count_waiting(connection, criteria, to_retry=False)
        if dry_run:
            number = await quarantine_store.count_waiting(connection, criteria, to_retry=True)
        else:
            number = await quarantine_store.decide_again(connection, criteria)
        return number, waiting - number

    async def change(connection: Connection) -> tuple[tuple[int, int], Operation | None]:
        number, left = await work(connection)
        data = criteria.as_data() | {"count": number}
        operation = Operation(what="quarantine again", data=data)
        return (number, left), operation if number and not dry_run else None

    number, left = run_audited("quarantine", change)
    print_changed(number, "item|items", "decided again", dry_run=dry_run, as_json=as_json)
    if left:
        print_note(f"{left:,} cannot be decided again: `list` says why", as_json=as_json)


@group.command("drop")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All of them.")
@reason_option
@click.option("--dry-run", is_flag=True, help="Only count them.")
def drop_command(
    as_json: bool, everything: bool, reason: str, dry_run: bool, **fields: Any
) -> None:
    """Drop what was quarantined: it is never decided.

    The contents are erased here. The archive still has them, except for a message of the broker
    that could not be read.
    """
    criteria = _require_criteria(QuarantineFilter(**fields), everything)
    reason = parse_reason(reason)

    async def change(connection: Connection) -> tuple[int, Operation | None]:
        await require_town(connection)
        await quarantine_store.require_waiting(connection, criteria.ids)
        if dry_run:
            number = await quarantine_store.count_waiting(connection, criteria, to_retry=False)
            return number, None
        number = await quarantine_store.drop(connection, criteria, reason)
        data = criteria.as_data() | {"reason": reason, "count": number}
        return number, Operation(what="quarantine drop", data=data) if number else None

    number = run_audited("quarantine", change)
    print_changed(number, "item|items", "given up", dry_run=dry_run, as_json=as_json)


def _require_criteria(criteria: QuarantineFilter, everything: bool) -> QuarantineFilter:
    if not (everything or criteria.is_narrow):
        fail("which? Name ids, or say by --cause, --since ...; --all is all of them", 2)
    require_period(criteria.since, criteria.until)
    return criteria
