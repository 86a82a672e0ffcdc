"""`postkamer archive accept`: say once that what a restore took from the log is known."""

from datetime import datetime

import click
import msgspec

from archiver.audit.checkpoints import Checkpoints, list_outside
from archiver.encryption.key_store import NOWHERE, KeyStore
from archiver.log.accepted_loss import (
    AcceptedLoss,
    LongerLog,
    accept_loss,
    find_longer,
    load_accepted,
    loss_record,
)
from archiver.log.log_loss import Cause, LogLoss, read_left_at
from archiver.log.writer import writer_in_transaction
from cli.support.archive_access import (
    load_object_store,
    load_trust,
    read_outside_losses,
    require_folder,
    with_archive,
)
from cli.support.audit import Operation, parse_reason, write_operation
from cli.support.options import json_option, reason_option
from cli.support.output import CommandRefused, count, print_result
from cli.support.person import identify_person, require_town
from services import clock
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, Pool

WHAT = "archive accept"
NOT_NOTED = (
    "no loss of a log of {:,} entries is noted outside. The archiver notes one at its start, and"
    " archive replay does; archive verify names those that there are"
)
REFUSED = {
    Cause.REMOVED: "this loss did not come with a restore: the database is the one of before, and"
    " went on. Entries were removed or changed; keep the database as it is, and call the security"
    " officer",
    Cause.UNKNOWN: "nobody can tell if this loss came with a restore: the archiver that kept the"
    " longer log outside was of a version that did not yet keep the server with it",
    Cause.OTHER_NUMBER: "only the number of the database differs: it is another one of the same"
    " server. A dump that is read into a new database makes it so, and so does somebody who puts a"
    " copy without some entries in its place. If you read a dump, give --only-database-differs",
    Cause.LATE: "nobody knows how many entries are left: others were added before this loss was"
    " found, since the object store was away when the archiver began",
}
ALREADY = "this loss was accepted already"


class AcceptedState(msgspec.Struct, frozen=True, rename="camel"):
    """Accepted loss, as it is shown: the entries from `first` to `last` are lost."""

    first: int
    last: int
    size: int
    """Entries of the longer log, its root in hex, and when it was signed."""
    root: str
    signed_at: datetime | None
    found_at: datetime
    accepted_at: datetime
    by: str
    identified: str
    reason: str


def show_accepted(accepted: AcceptedLoss) -> AcceptedState:
    """Return an accepted loss as it is shown. Pure."""
    return AcceptedState(
        accepted.size,
        accepted.to - 1,
        accepted.to,
        accepted.root.hex(),
        accepted.signed_at,
        accepted.found_at,
        accepted.accepted_at,
        accepted.by,
        accepted.identified,
        accepted.reason,
    )


def accepted_line(state: AcceptedState) -> str:
    """Return the sentence on an accepted loss."""
    lost = count(state.last - state.first + 1, "entry|entries")
    span = f"{lost} from {state.first} to {state.last}"
    found = f"lost by a restore that was found on {state.found_at:%Y-%m-%d %H:%M:%S}Z"
    when = f"{state.accepted_at:%Y-%m-%d %H:%M:%S}Z"
    return f"{span}, {found}, accepted on {when} by {state.by}: {state.reason}"


@click.command("accept")
@click.argument("size", type=click.IntRange(min=1))
@click.option(
    "--only-database-differs",
    "is_known",
    is_flag=True,
    help="A dump was read into a new database of the same server.",
)
@reason_option
@json_option
def command(size: int, is_known: bool, reason: str, as_json: bool) -> None:
    """Accept that a restore lost entries of the log.

    SIZE is the number of entries that the longer log had, as archive verify names it. From then on
    archive verify shows that loss as accepted, and finds nothing wrong with it; anything else it
    finds as before. What is accepted, the reason and your name stand in the log for ever. Refused
    if the loss did not come with a restore. Needs POSTKAMER_OBJECT_STORE besides.
    """
    reason = parse_reason(reason)
    require_folder()

    async def work(pool: Pool, keys: KeyStore) -> AcceptedState:
        store = load_object_store()
        noted = await read_outside_losses(store)
        async with pool.acquire() as connection:
            await require_town(connection)
            loss = _find_loss(noted, await load_accepted(connection, keys), size)
            if loss.cause in REFUSED and not (is_known and loss.cause is Cause.OTHER_NUMBER):
                raise CommandRefused(REFUSED[loss.cause])
            longer = find_longer(loss, await _read_signed(connection, store, loss))
        key = (await keys.ensure_conversation_keys({NOWHERE}))[NOWHERE]
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_TURN)
            if any(each.is_of(loss) for each in await load_accepted(connection, keys)):
                raise CommandRefused(ALREADY)
            person = await identify_person(connection, tenant="")
            who = person.name, person.identified
            left_at = loss.left_at
            if left_at is msgspec.UNSET:
                left_at = await read_left_at(connection, loss.size, loss.at)
            accepted = accept_loss(loss, longer, left_at, who, reason, clock.now())
            record = loss_record(accepted, key, clock.new_id())
            await writer_in_transaction(connection, keys).add([record])
            data = {
                "why": reason,
                "from": loss.size,
                "to": longer.size,
                "cause": loss.cause.name.lower(),
            }
            await write_operation(connection, Operation(what=WHAT, about=str(record.id), data=data))
        return show_accepted(accepted)

    accepted = with_archive("accept", work)
    print_result(accepted, [f"{accepted_line(accepted)}."], as_json=as_json)


def _find_loss(noted: list[LogLoss], accepted: list[AcceptedLoss], size: int) -> LogLoss:
    """Return the newest loss of a log of this size that was not accepted. CommandRefused if there
    is none. Pure."""
    losses = [each for each in noted if each.kept_size == size]
    if not losses:
        raise CommandRefused(NOT_NOTED.format(size))
    left = [loss for loss in losses if not any(each.is_of(loss) for each in accepted)]
    if not left:
        raise CommandRefused(ALREADY)
    return left[-1]


async def _read_signed(
    connection: Connection, store: ObjectStore, loss: LogLoss
) -> list[LongerLog]:
    """Return the checkpoints outside that are longer than what was left."""
    checkpoints = Checkpoints(connection, load_trust(), await list_outside(store))
    return [
        LongerLog(each.size, each.root, each.at, is_signed=True)
        async for each in checkpoints.copies_from(loss.size + 1)
    ]


_TURN = "select pg_advisory_xact_lock(hashtext('archiver.losses'))"
