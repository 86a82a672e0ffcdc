"""`postkamer parked`: deliveries that a destination refused; look, try again, give up."""

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
"""Of what is tried again, unless told otherwise, and at most: it goes between what comes in, and a
deliverer holds twice of it in hand (`deliverer.replays.IN_HAND`)."""


def _filtered(command: Any) -> Any:
    """With the options that say which."""
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
@click.option("--unreadable", is_flag=True, help="Envelopes that could not be read, instead.")
def list_command(as_json: bool, **given: Any) -> None:
    """Show what is parked, stands aside or waits to be tried again, the oldest first.

    Without a word of what was said.
    """
    found = with_database(
        "parked", lambda pool: parked_store.list_parked(pool, ParkedFilter(**given))
    )
    print_result(found, _lines(found), as_json=as_json)


def _lines(found: Sequence[Parked]) -> Iterator[str]:
    for one in found:
        again = f", set back {one.replays} times" if one.replays else ""
        tried = f"{one.attempts} attempt{'s' * (one.attempts != 1)}{again}"
        if one.due_at:
            tried += f", tried again from {one.due_at:%Y-%m-%d %H:%M:%S}Z"
        yield f"{one.event}  {one.at:%Y-%m-%d %H:%M:%S}Z  {one.destination}  {one.tenant}"
        yield f"    {one.conversation or '-'}  {tried}: {one.reason}"


@group.command("show")
@click.argument("event", type=click.UUID)
@click.option("--content", is_flag=True, help="With what was said, and the answer: personal data.")
@click.option("--json", "as_json", is_flag=True)
def show_command(event: UUID, content: bool, as_json: bool) -> None:
    """Show one, and why it was refused.

    Of the answer its size alone: many a CRM quotes in it what it was sent.
    """
    found = [
        _shown(*each, content)
        for each in with_database("parked", lambda p: parked_store.find_parked(p, event))
    ]
    lines = (f"{name}: {value}" for one in found for name, value in one.items())
    print_result(found, lines, as_json=as_json)


def _shown(parked: Parked, kept: StoredDelivery, content: bool) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(parked) | {
        "type": kept.delivery.type,
        "department": kept.delivery.department,
        "sequence": kept.delivery.sequence,
        "receivedAt": kept.delivery.received_at,
        "answerBytes": len(kept.answer),
    }
    if not content:
        return told
    answer = kept.answer.decode(errors="replace")
    return told | {"answer": answer, "data": msgspec.json.decode(kept.delivery.data)}


@group.command("replay")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All that is parked.")
@click.option(
    "--per-second", default=PER_SECOND, type=click.IntRange(1, MAX_PER_SECOND), show_default=True
)
@click.option("--cancel", is_flag=True, help="Take back what waits to be tried again, instead.")
@click.option("--dry-run", is_flag=True, help="Say how many, and do nothing.")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
def replay_command(as_json: bool, everything: bool, cancel: bool, **given: Any) -> None:
    """Deliver them again, under the same ids.

    Between what comes in, as many a second as is said, as long as the destination keeps up. What
    came later in a conversation has been delivered: whoever receives goes by `sequence`.

    What is taken back is parked as before; what is under way at that moment is finished.
    """
    per_second, dry_run, path = (given.pop(name) for name in ("per_second", "dry_run", "path"))
    wanted = _narrow(ParkedFilter(**given), everything)
    work: Work
    if cancel:
        work, what = (
            (parked_store.count_waiting if dry_run else parked_store.cancel_replay),
            "parked again",
        )
        done = Operation(what="parked replay --cancel")
    else:
        work, what = (
            _again(load_destination_ids(path), None if dry_run else per_second),
            "tried again",
        )
        done = Operation(what="parked replay", data={"perSecond": per_second})
    count = _carried_out(work, wanted, None if dry_run else done)
    words = f"{count} {'would be' if dry_run else 'are'} {what}"
    print_result({"count": count, "dryRun": dry_run}, [words], as_json=as_json)


def _again(to: Sequence[str], per_second: int | None) -> Work:
    """Has them tried again; without a rate, says how many that would be."""

    async def work(connection: Connection, wanted: ParkedFilter) -> int:
        await parked_store.require_destinations(connection, wanted, to)
        if per_second is None:
            return await parked_store.count_parked(connection, wanted)
        return await parked_store.replay(connection, wanted, per_second, to)

    return work


@group.command("drop")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All that is parked.")
@click.option("--unreadable", is_flag=True, help="Envelopes that could not be read, instead.")
@click.option("--reason", required=True, help="For the record; no personal data.")
@click.option("--dry-run", is_flag=True, help="Say how many, and do nothing.")
def drop_command(as_json: bool, everything: bool, reason: str, dry_run: bool, **given: Any) -> None:
    """Give them up: nobody is told of them any more.

    What was said is erased here, so they cannot be tried again; the archive has the messages all
    the same.
    """
    wanted = _narrow(ParkedFilter(**given), everything)
    work: Work = (
        parked_store.count_parked
        if dry_run
        else lambda c, which: parked_store.drop(c, which, reason)
    )
    done = None if dry_run else Operation(what="parked drop", data={"reason": reason})
    count = _carried_out(work, wanted, done)
    words = f"{count} would be given up" if dry_run else f"{count} are given up"
    print_result({"count": count, "dryRun": dry_run}, [words], as_json=as_json)


def _carried_out(work: Work, wanted: ParkedFilter, done: Operation | None) -> int:
    """How many it was for; on the record as `done`, unless it was for none or only counted."""

    async def change(connection: Connection) -> tuple[int, Operation | None]:
        count = await work(connection, wanted)
        return count, _of(done, wanted, count) if done and count else None

    return run_audited("parked", change)


def _of(done: Operation, wanted: ParkedFilter, count: int) -> Operation:
    """With what it was for."""
    return msgspec.structs.replace(
        done,
        about=wanted.destination or "",
        tenant=wanted.tenant or "",
        data=done.data | wanted.criteria() | {"count": count},
    )


def _narrow(wanted: ParkedFilter, everything: bool) -> ParkedFilter:
    if not (everything or wanted.is_narrow):
        fail("which? Name events, or say by --destination, --since ...; --all is all of them", 2)
    return wanted
