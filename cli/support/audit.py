"""Audit trail of commands: a row for each change, in the transaction of the change.

The archiver makes a record of each row (`archiver.operator_actions`). Commands that go through the
gateway's API are archived as such.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from cli.support.database import with_database
from cli.support.output import CommandRefused, fail
from cli.support.person import LONGEST_NAME, NAME, identify_person, is_line
from cli.support.recorded import WrittenEntry, note_written, require_recorded
from services import clock
from services.postgres.database import Connection, Pool

LONGEST_REASON = 200
SWALLOWED = (
    "the entry for the record does not stand as it was written: somebody put a trigger or a rule on"
    " access.operation. Nothing was done"
)
T = TypeVar("T")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An audit entry: the command, its subject, and further `data`. Without personal data of
    citizens."""

    what: str
    about: str = ""
    tenant: str = ""
    data: dict[str, Any] = {}
    id: UUID | None = None
    """Id that other rows name already; None for a new one."""


Change = Callable[[Connection], Awaitable[tuple[T, Operation | None]]]
"""Makes a change; returns its result and its audit entry, or None if nothing was changed."""


def run_audited(
    command: str, change: Change[T], by: str = "", before_commit: Callable[[T], None] | None = None
) -> T:
    """Make a change with its audit entry in one transaction, and return its result.

    `by` names a person who is not proven. `before_commit` runs when only the commit is left:
    it is for work that a rollback cannot undo.
    """

    async def work(pool: Pool) -> T:
        async with pool.acquire() as connection, connection.transaction():
            result, operation = await change(connection)
            if operation:
                await write_operation(connection, operation, by)
                if before_commit:
                    before_commit(result)
        return result

    return with_database(command, work)


async def write_operation(connection: Connection, operation: Operation, by: str = "") -> None:
    """Write an audit entry. Call it in the transaction of the change, if there is one.

    `by` names a person who is not proven.
    """
    person = await identify_person(connection, by, operation.tenant)
    proof = {"proof": person.proof} if person.proof else {}
    data = msgspec.json.encode(operation.data | proof).decode()
    fields = operation.what, operation.about, data, person.identified
    id = operation.id or clock.new_id()
    row = id, operation.tenant, person.name, *fields
    await connection.execute(_WRITE, *row)
    await connection.execute("set constraints all immediate")  # no trigger comes after the look
    if not await connection.fetchval(_STANDS, *row):
        raise CommandRefused(SWALLOWED)
    note_written(WrittenEntry(*row))


async def record_access(pool: Pool, operation: Operation, by: str = "") -> None:
    """Write the audit entry of an access. Call it before anything is shown."""
    async with pool.acquire() as connection:
        await write_operation(connection, operation, by)
    await require_recorded(pool)


_STANDS = """
select exists (select from access.operation
    where (id, tenant, by, what, about, data, identified) = ($1, $2, $3, $4, $5, $6::jsonb, $7))
"""
_WRITE = """
insert into access.operation (id, tenant, by, what, about, data, identified)
values ($1, $2, $3, $4, $5, $6::jsonb, $7)
"""


def parse_name(by: str) -> str:
    """Return the name of a person as it is archived; print a fault and exit."""
    name = by.strip()
    return name if is_line(name, LONGEST_NAME) else fail(f"--by: {NAME}", 2)


def parse_reason(
    reason: str | None,
    longest: int = LONGEST_REASON,
    noun: str = "a reason",
    option: str = "--reason",
) -> str:
    """Return the reason of an access as it is archived; print a fault and exit."""
    line = (reason or "").strip()
    if not is_line(line, longest):
        fail(f"{option}: expected {noun} of 1 to {longest} characters", 2)
    return line
