"""`postkamer archive replay`: what a restored database lacks of the destructions."""

from datetime import datetime

import click
import msgspec

from archiver.destruction.replayer import Replayer
from archiver.encryption.key_store import KeyStore
from archiver.log.log_loss import Cause, find_unnoted, note_loss, read_losses
from archiver.log.outside_head import OutsideHead, find_loss, largest_head
from archiver.orders.comparison import Comparison, NotComparable
from archiver.orders.order import Order
from cli.support.archive_access import (
    Progress,
    load_book,
    load_head_key,
    load_object_store,
    read_outside_heads,
    require_folder,
    with_archive,
)
from cli.support.audit import Operation, write_operation
from cli.support.options import json_option
from cli.support.output import CommandRefused, count, print_result
from cli.support.person import require_town
from cli.support.recorded import leave_to_archiver
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from services.restoration.waiting_room import IS_COMPARED

MAX_PRINTED = 20
"""Orders that are printed one by one; `--json` has all."""
NOTHING_LOST = (
    "the record lost nothing that is known outside: was this database restored? If not, carry out"
    " nothing, and ask the archivist about each order"
)
"""Somebody with the master key and the object store may have put an order there, and waits until it
is carried out."""
LOOKS_REMOVED = (
    "the server is the one of before, and its WAL went on: a removal looks the same, and is never"
    " accepted. If you put back a snapshot, let PostgreSQL begin a new time line before you go on"
)


class MissingOrder(msgspec.Struct, frozen=True, rename="camel"):
    """An order that is lacking, with what an archivist can hold against the declarations."""

    number: int
    at: datetime
    conversations: int
    ground: str
    list: str
    """Destruction list, and who approved it; '' for an erasure by the owner of the database."""
    by: str


class ReplayResult(msgspec.Struct, frozen=True, rename="camel"):
    """The orders outside, and those of them that were carried out and that the database lacked."""

    orders: int
    """Number of orders outside, without the first, which destroys nothing."""
    missing: int
    conversations: int
    """Number of conversations of the missing orders."""
    named: tuple["MissingOrder", ...]
    """Each missing order."""
    compared: bool
    """True if the services may start."""
    mended: tuple[int, ...] = ()
    """Orders that were written outside again."""
    lost_entries: int = 0
    """Number of entries that the record had, by the head that is kept outside, and has no more."""
    lost_at: datetime | None = None
    """Time at which it still had them."""
    looks_removed: bool = False
    """True at a dry run if the loss would be noted as a removal."""
    removed_again: int | None = None
    """Number of files of conversations destroyed before the back-up, to be deleted from the copy of
    the object store again; None without `--copied`."""


@click.command("replay")
@click.option(
    "--dry-run", is_flag=True, help="Show what the database lacks, and carry out nothing."
)
@click.option(
    "--mend", is_flag=True, help="Write outside again what is missing there and the database has."
)
@click.option(
    "--copied",
    is_flag=True,
    help="The object store came back from a copy too: delete again what was destroyed before.",
)
@json_option
def command(dry_run: bool, mend: bool, copied: bool, as_json: bool) -> None:
    """Carry out again what was destroyed after the back-up.

    A step of each restore: while the database lacks a destruction, no service starts. Look with
    --dry-run first, which also notes outside what the record lost. Needs POSTKAMER_OBJECT_STORE
    besides. If the command is interrupted, run it again: it continues where it was.
    """
    require_folder()

    async def work(pool: Pool, keys: KeyStore) -> ReplayResult:
        await require_town(pool)
        size = int(await pool.fetchval("select size from archiver.head"))
        store = load_object_store()
        heads = await read_outside_heads(store)
        replayer = Replayer(pool, keys, load_book(store))
        try:
            removed = await _note_lost(pool, store, largest_head(heads), dry_run=dry_run)
            mended = await replayer.mend() if mend and not dry_run else ()
            found = await (replayer.look() if dry_run else replayer.replay(Progress("orders")))
            again = await _remove_again(replayer, dry_run=dry_run) if copied else None
        except NotComparable as error:
            raise CommandRefused("\n".join(error.faults)) from None
        result = _result(found, tuple(mended), compared=bool(await pool.fetchval(IS_COMPARED)))
        result = msgspec.structs.replace(result, removed_again=again, looks_removed=removed)
        result = _with_loss(result, heads, size)
        if not dry_run and (result.missing or mended or again):
            data = {"count": result.missing, "mended": len(mended), "files": again or 0}
            async with pool.acquire() as connection:
                await write_operation(connection, Operation(what="archive replay", data=data))
            leave_to_archiver()
        return result

    result = with_archive("replay", work)
    print_result(result, _lines(result, dry_run=dry_run), as_json=as_json)


async def _note_lost(
    pool: Pool, store: ObjectStore, kept: OutsideHead | None, *, dry_run: bool
) -> bool:
    """Note what the log lost: before records of this command follow, and before the WAL of a
    snapshot has grown past where it was. Return True if it looks like a removal and is left as it
    is: at a dry run whoever restored can still let the server begin a new time line."""
    loss = await find_loss(pool, kept)
    if loss is None or kept is None:
        return False
    key = load_head_key()
    if dry_run and loss.cause is Cause.REMOVED:
        return find_unnoted(loss, kept.at, await read_losses(store, key)) is not None
    await note_loss(store, loss, kept.at, key)
    return False


async def _remove_again(replayer: Replayer, *, dry_run: bool) -> int:
    return await (replayer.count_removed() if dry_run else replayer.remove_again())


def _result(found: Comparison, mended: tuple[int, ...], *, compared: bool) -> ReplayResult:
    lacking = found.lacking
    return ReplayResult(
        orders=max(0, found.outside.last),
        missing=len(lacking),
        conversations=sum(len(each.conversations) for each in lacking),
        named=tuple(_name(each) for each in lacking),
        compared=compared,
        mended=mended,
    )


def _name(order: Order) -> MissingOrder:
    conversations = len(order.conversations)
    return MissingOrder(order.number, order.at, conversations, order.ground, order.list, order.by)


def _with_loss(result: ReplayResult, heads: list[OutsideHead], size: int) -> ReplayResult:
    """Add what the record lost: heads outside that are longer than it was before the replay."""
    largest = max(heads, key=lambda head: head.size, default=None)
    if largest is None or largest.size <= size:
        return result
    return msgspec.structs.replace(result, lost_entries=largest.size - size, lost_at=largest.at)


def _order_line(order: MissingOrder) -> str:
    moment = order.at.isoformat(timespec="seconds")
    whose = f"list {order.list}, approved by {order.by}" if order.list else "of no list"
    conversations = count(order.conversations, "conversation|conversations")
    return f"order {order.number} of {moment}: {conversations}, {whose}"


def _lines(result: ReplayResult, *, dry_run: bool) -> list[str]:
    done = "are to be carried out again" if dry_run else "were carried out again"
    orders, conversations = (
        count(result.missing, "order|orders"),
        count(result.conversations, "conversation|conversations"),
    )
    lines = [f"{count(result.orders, 'order|orders')} of destruction outside the database"]
    if result.mended:
        lines.append(f"{count(len(result.mended), 'order|orders')} written outside again")
    missing = f"{orders} of {conversations} {done}" if result.missing else "none is missing here"
    lines.append(missing)
    lines += [_order_line(each) for each in result.named[:MAX_PRINTED]]
    if result.removed_again is not None:
        files = count(result.removed_again, "file|files")
        lines.append(f"{files} of what was destroyed before: the archiver deletes them again")
    if result.lost_at:
        lost = count(result.lost_entries, "entry|entries")
        moment = result.lost_at.isoformat(timespec="seconds")
        lines.append(f"{lost} of the record lost, which it had at {moment}")
        lines += [LOOKS_REMOVED] * result.looks_removed
    elif result.missing:
        lines.append(NOTHING_LOST)
    lines.append("the services may start" if result.compared else "the services do not start yet")
    return lines
