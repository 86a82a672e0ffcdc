"""Audit trail of commands: a row for each change, in the transaction of the change.

The archiver makes a record of each row (`archiver.operator_actions`). Commands that go through the
gateway's API are archived as such.
"""

import getpass
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from cli.support.database import CommandRefused, with_database
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
                await write_operation(connection, operation, by or operator(os.environ))
                if before_commit:
                    before_commit(result)
        return result

    return with_database(command, work)


async def write_operation(connection: Connection, operation: Operation, by: str) -> None:
    """Write an audit entry. Call it in the transaction of the change, if there is one."""
    data = msgspec.json.encode(operation.data).decode()
    fields = operation.tenant, by, operation.what, operation.about, data
    await connection.execute(_WRITE, clock.new_id(), *fields)


async def record_access(pool: Pool, operation: Operation) -> None:
    """Write the audit entry of an access. Call it before anything is shown."""
    async with pool.acquire() as connection:
        await write_operation(connection, operation, operator(os.environ))


_WRITE = """
insert into access.operation (id, tenant, by, what, about, data)
values ($1, $2, $3, $4, $5, $6::jsonb)
"""


def operator(environ: Mapping[str, str]) -> str:
    """Return the name of the operator from POSTKAMER_OPERATOR, else of the user of this machine."""
    if (name := normalise_name(environ.get(OPERATOR) or _login())) is None:
        raise CommandRefused(f"{OPERATOR}: {NAME}")
    return name


def parse_reason(value: str | None, option: str = "--why") -> str:
    """Return the reason of an access as it is archived; CommandRefused if it is not valid."""
    text = (value or "").strip()
    if not 0 < len(text) <= LONGEST_REASON or not text.isprintable():
        raise CommandRefused(f"{option}: expected a reason of 1 to {LONGEST_REASON} characters")
    return text


def normalise_name(value: str) -> str | None:
    """Return the name of a person as it is archived, or None if it is not valid."""
    name = value.strip()
    return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a user may have a number and no name
        return f"uid {os.getuid()}"
