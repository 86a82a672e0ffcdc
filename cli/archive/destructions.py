"""`postkamer archive replay-destructions`: what a restored database lacks of the destructions."""

import os

import click
import msgspec

from archiver.destruction.replayer import Comparison, Replayer
from archiver.encryption.key_store import KeyStore
from archiver.orders import order
from archiver.orders.comparison import NotComparable
from archiver.orders.order_book import OrderBook
from cli.support.archive_access import (
    Progress,
    load_object_store,
    require_folder,
    with_archive,
)
from cli.support.audit import Operation, record_access
from cli.support.options import json_option
from cli.support.output import CommandRefused, count, print_result
from cli.support.person import require_town
from services.config import settings
from services.postgres.database import Pool
from services.waiting_room import IS_COMPARED


class ReplayResult(msgspec.Struct, frozen=True, rename="camel"):
    """What stands outside, and what of it the database did not know."""

    orders: int
    """Number of orders outside, without the first, which destroys nothing."""
    missing: int
    conversations: int
    """Number of conversations of the missing orders."""
    compared: bool
    """True if the services may start."""
    mended: tuple[int, ...] = ()
    """Orders that were written outside again."""


@click.command("replay-destructions")
@click.option("--dry-run", is_flag=True, help="Show what the database lacks, and change nothing.")
@click.option(
    "--mend", is_flag=True, help="Write outside again what is missing there and the database has."
)
@json_option
def command(dry_run: bool, mend: bool, as_json: bool) -> None:
    """Carry out again what was destroyed after the back-up.

    The archiver does the same at its start: use this to see what it will do, to see how far it is,
    or if it refuses. Needs POSTKAMER_OBJECT_STORE besides. If the command is interrupted, run it
    again: it continues where it was.
    """
    require_folder()

    async def work(pool: Pool, keys: KeyStore) -> ReplayResult:
        await require_town(pool)
        book = load_book()
        replayer = Replayer(pool, keys, book)
        try:
            mended = await replayer.mend() if mend and not dry_run else ()
            found = await replayer.read()
            if not dry_run:
                await replayer.compare(Progress("orders"), anew=True)
        except NotComparable as error:
            raise CommandRefused("\n".join(error.faults)) from None
        compared = await pool.fetchval(IS_COMPARED)
        result = _result(found, compared=compared, mended=tuple(mended))
        if not dry_run and (result.missing or mended):
            data = {"count": result.missing, "mended": len(mended)}
            await record_access(pool, Operation(what="archive replay-destructions", data=data))
        return result

    result = with_archive("replay-destructions", work)
    print_result(result, _lines(result, dry_run=dry_run), as_json=as_json)


def load_book() -> OrderBook:
    """Return the orders outside. SettingsError without a master key."""
    options = settings.load(settings.ArchiveSettings, os.environ)
    keys = [settings.derive_key([key], order.PURPOSE) for key in options.archive_key]
    return OrderBook(load_object_store(), keys)


def _result(found: Comparison, *, compared: bool, mended: tuple[int, ...]) -> ReplayResult:
    missing = [each for each in found.missing if each.kind != "begin"]
    return ReplayResult(
        orders=max(0, found.outside.last),
        missing=len(missing),
        conversations=sum(len(each.conversations) for each in missing),
        compared=compared,
        mended=mended,
    )


def _lines(result: ReplayResult, *, dry_run: bool) -> list[str]:
    done = "are to be carried out again" if dry_run else "were carried out again"
    orders, conversations = (
        count(result.missing, "order|orders"),
        count(result.conversations, "conversation|conversations"),
    )
    lines = [f"{count(result.orders, 'order|orders')} of destruction outside the database"]
    if result.mended:
        lines.append(f"{count(len(result.mended), 'order|orders')} written outside again")
    lines.append(
        f"{orders} of {conversations} {done}" if result.missing else "none is missing here"
    )
    lines.append("the services may start" if result.compared else "the services do not start yet")
    return lines
