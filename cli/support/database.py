"""Run commands on the database, as its owner, and print their result or the reason of a failure."""

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
import msgspec

from services.config import model, settings

if TYPE_CHECKING:
    from services.postgres.database import Pool

T = TypeVar("T")


class CommandRefused(Exception):
    """A command is refused; the message has a sentence for each fault."""


def with_database(command: str, work: "Callable[[Pool], Awaitable[T]]") -> T:
    """Return the result of `work`; print a failure, a line for each fault, and exit with code 1."""
    import asyncio  # these imports take a tenth of a second, and not every command needs them

    from services.postgres.database import DATABASE_ERRORS, connection_pool

    async def run() -> T:
        url = settings.load(settings.DatabaseSettings, os.environ).database_url.get_secret_value()
        async with connection_pool(url, f"postkamer-{command}", 1) as pool:
            return await work(pool)

    try:
        return asyncio.run(run())
    except (CommandRefused, settings.SettingsError, model.ConfigError) as error:
        fail(str(error))
    except DATABASE_ERRORS as error:
        fail(f"{command}: {error or type(error).__name__}")


def fail(message: str, code: int = 1) -> NoReturn:
    click.echo(message, err=True)
    raise SystemExit(code)


def print_result(result: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Print `result` as JSON, or `lines`."""
    for line in [msgspec.json.encode(result).decode()] if as_json else lines:
        click.echo(line)
