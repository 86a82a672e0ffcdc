"""`postkamer parked`: deliveries that a destination refused; list, replay or drop them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec

from cli.deliveries import parked_store
from cli.deliveries.destination import load_destination_ids
from cli.deliveries.parked_store import Parked, ParkedFilter, StoredDelivery
from cli.support.audit import Operation, run_audited
from cli.support.database import fail, print_result, with_database
from cli.support.time_options import Time
from services.postgres.database import Connection

Work = Callable[[Connection, ParkedFilter], Awaitable[int]]
PER_SECOND, MAX_PER_SECOND = 20, 200
"""Default and highest rate of replays. They go between new deliveries, and a deliverer has twice
the highest rate in hand (`deliverer.crm.replays.IN_HAND`)."""


def _filtered(command: Any) -> Any:
    """Add the options that select deliveries to a command."""
    for option in reversed(
        (
            click.argument("events", nargs=-1, type=click.UUID),
            click.option("--destination", help="Its id."),
            click.option("--tenant", help="The municipality's id."),
            click.option("--conversation", help="Its id."),
            click.option("--status", type=int, help="HTTP status of the answer."),
            click.option("--since", type=Time(), help="Parked at or after."),
            click.option("--until", type=Time(), help="Parked before."),
            click.option("--json", "as_json", is_flag=True),
        )
    ):
        command = option(command)
    return command


@click.group("parked")
def group() -> None:
    """Deliveries that a destination refused.

    POSTKAMER_DATABASE_URL, as its owner; for `replay` POSTKAMER_CONFIG too.
    """


@group.command("list")
@_filtered
@click.option("--unreadable", is_flag=True, help="Batch messages that could not be read, instead.")
def list_command(as_json: bool, **fields: Any) -> None:
    """Show the deliveries that are parked, sidelined or waiting for a replay; the oldest first.

    The list has no contents of messages.
    """
    criteria = ParkedFilter(**fields)
    deliveries = with_database("parked", lambda pool: parked_store.list_parked(pool, criteria))
    print_result(deliveries, _format_deliveries(deliveries), as_json=as_json)


def _format_deliveries(deliveries: Sequence[Parked]) -> Iterator[str]:
    for each in deliveries:
        replays = f", set back {each.replays} times" if each.replays else ""
        attempts = f"{each.attempts} attempt{'s' * (each.attempts != 1)}{replays}"
        if each.due_at:
            attempts += f", tried again from {each.due_at:%Y-%m-%d %H:%M:%S}Z"
        yield f"{each.event}  {each.at:%Y-%m-%d %H:%M:%S}Z  {each.destination}  {each.tenant}"
        yield f"    {each.conversation or '-'}  {attempts}: {each.reason}"


@group.command("show")
@click.argument("event", type=click.UUID)
@click.option("--content", is_flag=True, help="Include the message and the answer: personal data.")
@click.option("--json", "as_json", is_flag=True)
def show_command(event: UUID, content: bool, as_json: bool) -> None:
    """Show one delivery, and the reason why it was refused.

    Without --content only the size of the answer is shown, because many CRMs quote the message in
    it.
    """
    deliveries = [
        _delivery_json(*each, content)
        for each in with_database("parked", lambda p: parked_store.find_parked(p, event))
    ]
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
@click.option("--dry-run", is_flag=True, help="Only count the deliveries.")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
def replay_command(as_json: bool, everything: bool, cancel: bool, **fields: Any) -> None:
    """Make parked deliveries again, with the same ids.

    Replays go between new deliveries, at the given rate, as long as the destination keeps up. Later
    events of the same conversation have been delivered already: a receiver orders by `sequence`.

    A cancelled replay is parked again; a delivery that has started is finished.
    """
    per_second, dry_run, path = (fields.pop(name) for name in ("per_second", "dry_run", "path"))
    criteria = _require_criteria(ParkedFilter(**fields), everything)
    work: Work
    if cancel:
        work = parked_store.count_waiting if dry_run else parked_store.cancel_replay
        result = "parked again"
        operation = Operation(what="parked replay --cancel")
    else:
        work, result = (
            _replay_work(load_destination_ids(path), None if dry_run else per_second),
            "tried again",
        )
        operation = Operation(what="parked replay", data={"perSecond": per_second})
    count = _run_with_audit(work, criteria, None if dry_run else operation)
    line = f"{count} {'would be' if dry_run else 'are'} {result}"
    print_result({"count": count, "dryRun": dry_run}, [line], as_json=as_json)


def _replay_work(to: Sequence[str], per_second: int | None) -> Work:
    """Return a function that replays deliveries; without a rate, one that counts them."""

    async def work(connection: Connection, criteria: ParkedFilter) -> int:
        await parked_store.require_destinations(connection, criteria, to)
        if per_second is None:
            return await parked_store.count_parked(connection, criteria)
        return await parked_store.replay(connection, criteria, per_second, to)

    return work


@group.command("drop")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All parked deliveries.")
@click.option("--unreadable", is_flag=True, help="Batch messages that could not be read, instead.")
@click.option("--reason", required=True, help="The reason; archived. Without personal data.")
@click.option("--dry-run", is_flag=True, help="Only count the deliveries.")
def drop_command(
    as_json: bool, everything: bool, reason: str, dry_run: bool, **fields: Any
) -> None:
    """Drop parked deliveries: they are never made.

    The contents are erased here, so a replay is no longer possible. The archive still has the
    messages.
    """
    criteria = _require_criteria(ParkedFilter(**fields), everything)
    work: Work = (
        parked_store.count_parked
        if dry_run
        else lambda connection, which: parked_store.drop(connection, which, reason)
    )
    operation = None if dry_run else Operation(what="parked drop", data={"reason": reason})
    count = _run_with_audit(work, criteria, operation)
    line = f"{count} would be given up" if dry_run else f"{count} are given up"
    print_result({"count": count, "dryRun": dry_run}, [line], as_json=as_json)


def _run_with_audit(work: Work, criteria: ParkedFilter, operation: Operation | None) -> int:
    """Run `work` and return its count. Write the audit entry, if any, unless the count is 0."""

    async def change(connection: Connection) -> tuple[int, Operation | None]:
        count = await work(connection, criteria)
        if operation is None or not count:
            return count, None
        return count, _add_criteria(operation, criteria, count)

    return run_audited("parked", change)


def _add_criteria(operation: Operation, criteria: ParkedFilter, count: int) -> Operation:
    """Add the criteria and the count to an audit entry."""
    return msgspec.structs.replace(
        operation,
        about=criteria.destination or "",
        tenant=criteria.tenant or "",
        data=operation.data | criteria.as_data() | {"count": count},
    )


def _require_criteria(criteria: ParkedFilter, everything: bool) -> ParkedFilter:
    if not (everything or criteria.is_narrow):
        fail("which? Name events, or say by --destination, --since ...; --all is all of them", 2)
    return criteria
