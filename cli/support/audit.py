"""Audit trail of commands: a row for each change, in the transaction of the change.

The archiver makes a record of each row (`archiver.operator_actions`). Commands that go through the
gateway's API are archived as such.
"""

import getpass
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from cli.support.database import with_database
from cli.support.output import CommandRefused, fail
from services import clock
from services.postgres.database import Connection, Pool

OPERATOR = "POSTKAMER_OPERATOR"
LONGEST_NAME = 100
LONGEST_REASON = 200
NAME = f"expected a name of 1 to {LONGEST_NAME} characters"
T = TypeVar("T")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An audit entry: the command, its subject, and further `data`. Without personal data of
    citizens."""

    what: str
    about: str = ""
    tenant: str = ""
    data: dict[str, Any] = {}


Change = Callable[[Connection], Awaitable[tuple[T, Operation | None]]]
"""Makes a change; returns its result and its audit entry, or None if nothing was changed."""


def run_audited(
    command: str, change: Change[T], by: str = "", before_commit: Callable[[T], None] | None = None
) -> T:
    """Make a change with its audit entry in one transaction, and return its result.

    `by` names the person, else `operator` does. `before_commit` runs when only the commit is left:
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

    `by` names the person, else `operator` does.
    """
    data = msgspec.json.encode(operation.data).decode()
    fields = operation.tenant, by or operator(os.environ), operation.what, operation.about, data
    await connection.execute(_WRITE, clock.new_id(), *fields)


async def record_access(pool: Pool, operation: Operation, by: str = "") -> None:
    """Write the audit entry of an access. Call it before anything is shown."""
    async with pool.acquire() as connection:
        await write_operation(connection, operation, by)


_WRITE = """
insert into access.operation (id, tenant, by, what, about, data)
values ($1, $2, $3, $4, $5, $6::jsonb)
"""


def operator(environ: Mapping[str, str]) -> str:
    """Return the name of the operator from POSTKAMER_OPERATOR, else of the user of this machine."""
    name = (environ.get(OPERATOR) or _login()).strip()
    if not _is_line(name, LONGEST_NAME):
        raise CommandRefused(f"{OPERATOR}: {NAME}")
    return name


def parse_name(by: str) -> str:
    """Return the name of a person as it is archived; print a fault and exit."""
    name = by.strip()
    return name if _is_line(name, LONGEST_NAME) else fail(f"--by: {NAME}", 2)


def parse_reason(reason: str | None, longest: int = LONGEST_REASON, noun: str = "a reason") -> str:
    """Return the reason of an access as it is archived; print a fault and exit."""
    line = (reason or "").strip()
    if not _is_line(line, longest):
        fail(f"--reason: expected {noun} of 1 to {longest} characters", 2)
    return line


def _is_line(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text.isprintable()


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have a number and no name
        return f"uid {os.getuid()}"
