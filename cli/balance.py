"""`postkamer balance`: does everything that was decided have an end, or a place where it waits?"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import click
import msgspec

from archiver.balance.acceptances import ACCEPT, digest_of
from archiver.balance.round import Damaged, Hidden, OtherCluster, run_rounds
from archiver.balance.sheet import EQUATIONS, Line, Sheet
from archiver.balance.store import accept_missing, begin_anew, load_sheet
from archiver.balance.turn import Busy
from cli.support.archive_access import Progress
from cli.support.audit import Operation, parse_reason, run_audited
from cli.support.database import with_database
from cli.support.options import json_option
from cli.support.output import CommandRefused, count, fail, format_table, print_result
from cli.support.person import require_town
from services import clock
from services.amqp import topology
from services.amqp.connection import BROKER_ERRORS
from services.amqp.queue_lengths import asking_connection, read_queue_lengths
from services.config import settings
from services.postgres.database import Connection, Pool

TITLES = {equation.name: equation for equation in EQUATIONS}
NO_SUBJECT = "(none)"
NOT_MISSING = "nothing is missing under this id"
RESTORED = (
    "the database was restored from another cluster, so the balance stands still: "
    "postkamer balance --begin --reason ..."
)

DAMAGED = (
    "the row of balance.progress was deleted: it is not known what was compared: "
    "postkamer balance --begin --reason ..."
)
HIDDEN = (
    "router.cleared says that decisions of the last days are cleared, which the router never does: "
    "somebody hides them from the balance; see the runbook, PostkamerBalanceStands"
)
BUSY = "others draw up the balance all the time: try again in a minute"

BROKER_SECONDS = 3.0
"""Longest wait for the broker: the balance is worth showing without it."""


class Undecided(NamedTuple):
    """Messages that wait in the queues of the partitions; None if it is not known."""

    messages: int | None
    text: str


@click.command("balance")
@click.option(
    "--accept",
    multiple=True,
    metavar="ID",
    help="Take ID off the alarm, because a person looked into it; `all`: everything missing now.",
)
@click.option(
    "--begin", is_flag=True, help="Begin anew, after the database was restored elsewhere."
)
@click.option("--reason", help="The reason to accept or begin; archived. Without personal data.")
@json_option
def command(accept: tuple[str, ...], begin: bool, reason: str | None, as_json: bool) -> None:
    """Show whether all that was decided has an end or waits.

    By number and destination, with the ids of what is missing. The archiver compares every half
    minute; this runs a comparison of its own first, and looks again at what has ended before: a row
    that was deleted since is gone. What is accepted stays on the balance as such.
    The exit code is 1 if anything is missing or does not add up. Needs POSTKAMER_DATABASE_URL, as
    its owner, and POSTKAMER_AMQP_URL for what waits to be decided.
    """
    if bool(accept or begin) != (reason is not None):
        fail("--reason belongs to --accept or --begin", 2)
    if accept and begin:
        fail("--accept and --begin do not go together", 2)
    if accept:
        _accept(accept, parse_reason(reason))
    if begin:
        _begin(parse_reason(reason))

    async def work(pool: Pool) -> tuple[Sheet, Undecided]:
        with _in_words():
            await run_rounds(pool, Progress("entries"))
        return await load_sheet(pool), await _count_undecided(pool)

    sheet, undecided = with_database("balance", work)
    data = msgspec.to_builtins(sheet) | {"undecided": undecided.messages}
    print_result(data, (undecided.text, "", *format_sheet(sheet)), as_json=as_json)
    if not sheet.is_closed:
        raise SystemExit(1)


async def _count_undecided(pool: Pool) -> Undecided:
    """Ask the broker how much waits to be decided: it has no rows yet."""
    url = settings.load(settings.BalanceSettings, os.environ).amqp_url
    if url is None:
        return Undecided(None, "Not yet decided: not known, as POSTKAMER_AMQP_URL is missing.")
    rows = await pool.fetch("select partition from router.lease order by partition")
    names = [topology.partition_queue(row["partition"]) for row in rows]
    try:
        async with asking_connection(url.get_secret_value(), BROKER_SECONDS) as connection:
            async with asyncio.timeout(BROKER_SECONDS):
                lengths = await read_queue_lengths(connection, names)
    except (*BROKER_ERRORS, TimeoutError):
        return Undecided(None, "Not yet decided: not known, as the broker does not answer.")
    waiting = sum(each.ready for each in lengths)
    return Undecided(waiting, f"Not yet decided: {count(waiting, 'message waits|messages wait')}.")


@contextmanager
def _in_words() -> Iterator[None]:
    """Say why the balance cannot be drawn up or changed."""
    try:
        yield
    except OtherCluster:
        raise CommandRefused(RESTORED) from None
    except Damaged:
        raise CommandRefused(DAMAGED) from None
    except Hidden:
        raise CommandRefused(HIDDEN) from None
    except Busy:
        raise CommandRefused(BUSY) from None


def _accept(ids: tuple[str, ...], reason: str) -> None:
    async def accept(connection: Connection) -> tuple[None, Operation]:
        await require_town(connection)
        id = clock.new_id()
        with _in_words():
            accepted = await accept_missing(connection, ids, id)
        if not accepted:
            raise CommandRefused(NOT_MISSING)
        digest = await digest_of(connection, id)
        data = {"why": reason, "ids": ids, "accepted": accepted, "digest": digest}
        return None, Operation(what=ACCEPT, data=data, id=id)

    run_audited("balance", accept)


def _begin(reason: str) -> None:
    async def begin(connection: Connection) -> tuple[None, Operation]:
        await require_town(connection)
        with _in_words():
            await begin_anew(connection)
        return None, Operation(what="balance begin", data={"why": reason})

    run_audited("balance", begin)


def format_sheet(sheet: Sheet) -> Iterator[str]:
    """Yield a table for each equation, then what is missing."""
    for name, lines in groupby(sheet.lines, attrgetter("equation")):
        yield from format_table([*_rows(name, [*lines])], left=1)
        yield ""
    missing = sum(sheet.missing_counts.values())
    for each in sheet.missing:
        place = each.subject or NO_SUBJECT
        state = "gone   " if each.is_gone else "missing"
        yield f"{state}  {each.equation}  {each.id}  {place}  since {each.since:%Y-%m-%d %H:%M:%S}Z"
    if missing > len(sheet.missing):
        yield f"and {missing - len(sheet.missing):,} more"
    yield _verdict(sheet, missing)


def _rows(name: str, lines: list[Line]) -> Iterator[list[str]]:
    """Yield the rows of one equation, without the parts that are 0 everywhere, and their total."""
    equation = TITLES[name]
    parts = [part for part in equation.parts if any(line.parts[part] for line in lines)]
    yield [f"{equation.title} by {equation.subject}", equation.whole, *parts]
    for line in lines:
        yield [
            line.subject or NO_SUBJECT,
            f"{line.whole:,}",
            *(f"{line.parts[p]:,}" for p in parts),
        ]
    if len(lines) > 1:
        whole = sum(line.whole for line in lines)
        sums = (sum(line.parts[part] for line in lines) for part in parts)
        yield ["in total", f"{whole:,}", *(f"{each:,}" for each in sums)]


def _verdict(sheet: Sheet, missing: int) -> str:
    since = f"since {sheet.begun_at:%Y-%m-%d %H:%M}Z"
    if missing:
        return f"{count(missing, 'thing is|things are')} missing {since}: see docs/runbook.md"
    if wrong := [line for line in sheet.lines if line.difference]:
        names = ", ".join(f"{each.equation} of {each.subject or NO_SUBJECT}" for each in wrong)
        return f"The sums do not add up: {names}. The tables of the balance were changed."
    past = f", and what had ended by {sheet.past_at:%H:%M:%S}Z is still there" * bool(sheet.past_at)
    return f"The balance closes {since}{past}."
