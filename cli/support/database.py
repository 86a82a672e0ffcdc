"""Run commands on the database, as its owner."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from socket import gaierror
from ssl import SSLError
from typing import TypeVar

from cli.support.output import CommandRefused, fail
from cli.support.person import require_person
from cli.support.recorded import require_recorded
from services.config import model, settings
from services.config.settings import DatabaseSettings
from services.egress.server_certificate import describe_refusal
from services.postgres.database import DATABASE_ERRORS, Pool, connection_pool

T = TypeVar("T")


def with_database(
    command: str,
    work: Callable[[Pool], Awaitable[T]],
    connections: int = 1,
    kind: type[DatabaseSettings] = DatabaseSettings,
) -> T:
    """Return the result of `work`; print a failure, a line for each fault, and exit with code 1.

    In production there is no result before the entries that it wrote are on the record.
    """

    async def run() -> T:
        url = settings.load(kind, os.environ).database_url.get_secret_value()
        async with connection_pool(url, f"postkamer-{command}", connections) as pool:
            await require_person(pool)
            result = await work(pool)
            await require_recorded(pool)
            return result

    return run_or_fail(command, run)


def run_or_fail(command: str, work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `work`; print a failure and exit with code 1."""

    async def run() -> T:
        return await work()

    try:
        return asyncio.run(run())
    except (CommandRefused, settings.SettingsError, model.ConfigError) as error:
        fail(str(error))
    except DATABASE_ERRORS as error:
        hosts = os.environ.get("POSTKAMER_DATABASE_URL", "").rpartition("@")[2].partition("/")[0]
        fail(f"{command}: {describe_failure(error, hosts)}")


def describe_failure(error: Exception, hosts: str) -> str:
    """Return a failure of the database in words. `hosts` is where it should be. Pure."""
    match error:
        case SSLError():
            reason = describe_refusal(error)
        case TimeoutError():
            reason = "time is up"
        case gaierror():
            reason = "no such name"
        case ConnectionError():
            reason = os.strerror(error.errno) if error.errno else "the connection was lost"
        case _:
            return str(error) or type(error).__name__
    return f"the database at {hosts or 'POSTKAMER_DATABASE_URL'} does not answer: {reason}"
