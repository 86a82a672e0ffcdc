"""`postkamer parked`: deliveries that a destination refused; list, replay or drop them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import click
import msgspec

from cli.deliveries import parked_store
from cli.deliveries.destination import load_destination_ids
from cli.deliveries.parked_store import Parked, ParkedFilter, StoredDelivery
from cli.support.audit import Operation, parse_reason, record_access, run_audited
from cli.support.configuration import require_known
from cli.support.database import with_database
from cli.support.options import (
    Time,
    combine_options,
    config_option,
    json_option,
    reason_option,
    require_period,
)
from cli.support.output import count, fail, print_changed, print_list, print_note, print_result
from cli.support.person import narrow_tenant, require_reach
from cli.support.reach import Subject
from cli.support.working_keys import load_working_keys
from services.postgres.database import Connection, Pool

PER_SECOND, MAX_PER_SECOND = 20, 200
"""Default and highest rate of replays. They go between new deliveries, and a deliverer has twice
the highest rate in hand (`deliverer.crm.replays.IN_HAND`)."""

NO_PARKED = "no delivery is parked, sidelined or waiting for a replay"
NO_UNREADABLE = "no batch message is parked that could not be read"

_filtered = combine_options(
    click.argument("events", nargs=-1, type=click.UUID),
    click.option("--destination", help="Its id."),
    click.option("--tenant", help="The municipality's id."),
    click.option("--conversation", help="Its id."),
    click.option("--status", type=int, help="HTTP status of the answer."),
    click.option("--since", type=Time(), help="Parked at or after."),
    click.option("--until", type=Time(), help="Parked before."),
    json_option,
)
"""Options that select deliveries."""


@click.group("parked")
def group() -> None:
    """Deliveries that a destination refused.

    Needs POSTKAMER_DATABASE_URL, as its owner; `replay` needs POSTKAMER_CONFIG too.
    """


@group.command("list")
@_filtered
@click.option("--unreadable", is_flag=True, help="Batch messages that could not be read, instead.")
def list_command(as_json: bool, **fields: Any) -> None:
    """Show the parked deliveries, the oldest first.

    Sidelined ones and those that wait for a replay are in the list too. The list has no contents of
    messages.
    """
    criteria = ParkedFilter(**fields)
    require_period(criteria.since, criteria.until)

    async def work(pool: Pool) -> tuple[list[Parked], int]:
        limited = await _limit(pool, criteria)
        unread = 0 if criteria.unreadable else await parked_store.count_unreadable(pool, limited)
        return await parked_store.list_parked(pool, limited), unread

    deliveries, unread = with_database("parked", work)
    if not deliveries:
        require_known(destination=criteria.destination, tenant=criteria.tenant)
    note = f"{count(unread, 'batch message|batch messages')} could not be read: see --unreadable"
    none = NO_UNREADABLE if criteria.unreadable else NO_PARKED
    empty = f"{none}; {note}" if unread else none
    print_list(deliveries, _format_deliveries, as_json=as_json, empty=empty)
    if deliveries and unread:
        print_note(note, as_json=as_json)


def _format_deliveries(deliveries: Sequence[Parked]) -> Iterator[str]:
    for each in deliveries:
        replays = f", set back {count(each.replays, 'time|times')}" if each.replays else ""
        attempts = f"{count(each.attempts, 'attempt|attempts')}{replays}"
        if each.due_at:
            attempts += f", tried again from {each.due_at:%Y-%m-%d %H:%M:%S}Z"
        yield f"{each.event}  {each.at:%Y-%m-%d %H:%M:%S}Z  {each.destination}  {each.tenant}"
        yield f"    {each.conversation or '-'}  {attempts}: {each.reason}"


@group.command("show")
@click.argument("event", type=click.UUID)
@click.option("--content", is_flag=True, help="Include the message and the answer: personal data.")
@json_option
def show_command(event: UUID, content: bool, as_json: bool) -> None:
    """Show one delivery, and the reason why it was refused.

    Without --content only the size of the answer is shown, because many CRMs quote the message in
    it. Your use of --content is archived.
    """

    async def work(pool: Pool) -> list[tuple[Parked, StoredDelivery]]:
        await load_working_keys(pool)
        found = await parked_store.find_parked(pool, event)
        subjects = [
            Subject(each.tenant, stored.delivery.department if content else None)
            for each, stored in found
        ]
        await require_reach(pool, subjects, parked_store.ABSENT.format(event))
        if content:
            tenant = found[0][0].tenant
            await record_access(
                pool, Operation(what="parked show", about=str(event), tenant=tenant)
            )
        return found

    deliveries = [_delivery_json(*each, content) for each in with_database("parked", work)]
    lines = (f"{name}: {value}" for each in deliveries for name, value in each.items())
    print_result(deliveries, lines, as_json=as_json)


def _delivery_json(parked: Parked, stored: StoredDelivery, content: bool) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(parked) | {
        "type": stored.delivery.type,
        "department": stored.delivery.department,
        "sequence": stored.delivery.sequence,
        "receivedAt": stored.delivery.received_at,
        "answerBytes": len(stored.answer),
    }
    if not content:
        return members
    answer = stored.answer.decode(errors="replace")
    return members | {"answer": answer, "data": msgspec.json.decode(stored.delivery.data)}


@group.command("replay")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All parked deliveries.")
@click.option(
    "--per-second", default=PER_SECOND, type=click.IntRange(1, MAX_PER_SECOND), show_default=True
)
@click.option("--cancel", is_flag=True, help="Cancel waiting replays instead.")
@click.option(
    "--unreadable", is_flag=True, help="Those in batch messages whose working key is back, instead."
)
@click.option("--dry-run", is_flag=True, help="Only count the deliveries.")
@config_option
def replay_command(as_json: bool, everything: bool, cancel: bool, **fields: Any) -> None:
    """Make parked deliveries again, with the same ids.

    Replays go between new deliveries, at the given rate, as long as the destination keeps up. Later
    events of the same conversation have been delivered already: a receiver orders by `sequence`.

    A cancelled replay is parked again; a delivery that has started is finished.
    """
    per_second, dry_run, path = (fields.pop(name) for name in ("per_second", "dry_run", "path"))
    criteria = _require_criteria(ParkedFilter(**fields), everything)
    to = [] if cancel else load_destination_ids(path)

    async def work(connection: Connection, criteria: ParkedFilter) -> int:
        if cancel:
            change = parked_store.count_waiting if dry_run else parked_store.cancel_replay
            return await change(connection, criteria)
        await parked_store.require_destinations(connection, criteria, to)
        if dry_run:
            return await parked_store.count_parked(connection, criteria)
        if criteria.unreadable:
            await load_working_keys(connection)
            return await parked_store.replay_unreadable(connection, criteria, per_second, to)
        return await parked_store.replay(connection, criteria, per_second, to)

    operation = Operation(
        what="parked replay --cancel" if cancel else "parked replay",
        data={} if cancel else {"perSecond": per_second},
    )
    result = "parked again" if cancel else "tried again"
    _change(work, criteria, operation, result, dry_run=dry_run, as_json=as_json)


@group.command("drop")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All parked deliveries.")
@click.option("--unreadable", is_flag=True, help="Batch messages that could not be read, instead.")
@reason_option
@click.option("--dry-run", is_flag=True, help="Only count the deliveries.")
def drop_command(
    as_json: bool, everything: bool, reason: str, dry_run: bool, **fields: Any
) -> None:
    """Drop parked deliveries: they are never made.

    The contents are erased here, so a replay is no longer possible. The archive still has the
    messages.
    """
    criteria = _require_criteria(ParkedFilter(**fields), everything)
    reason = parse_reason(reason)

    async def work(connection: Connection, criteria: ParkedFilter) -> int:
        if dry_run:
            return await parked_store.count_parked(connection, criteria)
        return await parked_store.drop(connection, criteria, reason)

    operation = Operation(what="parked drop", data={"reason": reason})
    _change(work, criteria, operation, "given up", dry_run=dry_run, as_json=as_json)


def _change(
    work: Callable[[Connection, ParkedFilter], Awaitable[int]],
    criteria: ParkedFilter,
    operation: Operation,
    result: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Change deliveries, or count them, and print their number. The audit entry has the criteria;
    there is none if nothing was changed. A person's token changes those of its municipality."""
    given = criteria

    async def change(connection: Connection) -> tuple[int, Operation | None]:
        criteria = await _limit(connection, given)
        number = await work(connection, criteria)
        entry = msgspec.structs.replace(
            operation,
            about=criteria.destination or "",
            tenant=criteria.tenant or "",
            data=operation.data | criteria.as_data() | {"count": number},
        )
        return number, entry if number and not dry_run else None

    number = run_audited("parked", change)
    if not number:
        require_known(destination=criteria.destination, tenant=criteria.tenant)
    print_changed(number, "delivery|deliveries", result, dry_run=dry_run, as_json=as_json)


async def _limit(connection: "Connection | Pool", criteria: ParkedFilter) -> ParkedFilter:
    """Return the criteria, limited to the municipality of a person's token."""
    tenant = await narrow_tenant(connection, criteria.tenant)
    return msgspec.structs.replace(criteria, tenant=tenant or None)


def _require_criteria(criteria: ParkedFilter, everything: bool) -> ParkedFilter:
    if not (everything or criteria.is_narrow):
        fail("which? Name events, or say by --destination, --since ...; --all is all of them", 2)
    require_period(criteria.since, criteria.until)
    return criteria
