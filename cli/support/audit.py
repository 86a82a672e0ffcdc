"""What a person does by command is on the record: a row beside the change, in one transaction.

The archiver makes a record of each row (`archiver.operations`). What goes through the gateway's API
is on the record as an order.
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
    """The command, and about what; `data` is what else there is to know of it. No personal data of
    citizens."""

    what: str
    about: str = ""
    tenant: str = ""
    data: dict[str, Any] = {}


Change = Callable[[Connection], Awaitable[tuple[T, Operation | None]]]
"""Makes a change; what it found, and what was done: None where nothing was."""


def run_audited(
    command: str, change: Change[T], by: str = "", before_commit: Callable[[T], None] | None = None
) -> T:
    """What `change` found, once it and its row are written. `by`: who did it, where the command
    was told. `last` is done when only the commit is left, for what no rollback takes back."""

    async def work(pool: Pool) -> T:
        async with pool.acquire() as connection, connection.transaction():
            found, operation = await change(connection)
            if operation:
                await write_operation(connection, operation, by or operator(os.environ))
                if before_commit:
                    before_commit(found)
        return found

    return with_database(command, work)


async def write_operation(connection: Connection, operation: Operation, by: str) -> None:
    """The row of an operation: in the transaction of what was done, where that is one."""
    data = msgspec.json.encode(operation.data).decode()
    given = operation.tenant, by, operation.what, operation.about, data
    await connection.execute(_WRITE, clock.new_id(), *given)


async def record_access(pool: Pool, operation: Operation) -> None:
    """On the record before anything of it is shown."""
    async with pool.acquire() as connection:
        await write_operation(connection, operation, operator(os.environ))


_WRITE = """
insert into access.operation (id, tenant, by, what, about, data)
values ($1, $2, $3, $4, $5, $6::jsonb)
"""


def operator(environ: Mapping[str, str]) -> str:
    """Who is at work: as the environment says, else as this machine knows them."""
    if (name := normalise_name(environ.get(OPERATOR) or _login())) is None:
        raise CommandRefused(f"{OPERATOR}: {NAME}")
    return name


def parse_reason(given: str | None, option: str = "--why") -> str:
    """Why something was looked at, as it goes on the record. Refused without one."""
    text = (given or "").strip()
    if not 0 < len(text) <= LONGEST_REASON or not text.isprintable():
        raise CommandRefused(f"{option}: expected a reason of 1 to {LONGEST_REASON} characters")
    return text


def normalise_name(given: str) -> str | None:
    """A name as it goes on the record; None for what is none."""
    name = given.strip()
    return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, where its number is all that there is
        return f"uid {os.getuid()}"
