"""Commands that look into the database, as its owner: what they find, or why not, in one line."""

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
    """A sentence for each thing that is wrong."""


def with_database(command: str, work: "Callable[[Pool], Awaitable[T]]") -> T:
    """Return what `work` finds; what is wrong, a line each, and exit code 1 otherwise."""
    import asyncio  # these take a tenth of a second, and not every command opens a database

    from services.postgres.database import DATABASE_ERRORS, connection_pool

    async def found() -> T:
        url = settings.load(settings.DatabaseSettings, os.environ).database_url.get_secret_value()
        async with connection_pool(url, f"postkamer-{command}", 1) as pool:
            return await work(pool)

    try:
        return asyncio.run(found())
    except (CommandRefused, settings.SettingsError, model.ConfigError) as error:
        fail(str(error))
    except DATABASE_ERRORS as error:
        fail(f"{command}: {error or type(error).__name__}")


def fail(message: str, code: int = 1) -> NoReturn:
    click.echo(message, err=True)
    raise SystemExit(code)


def print_result(found: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Show what was found: as JSON, or in words."""
    for line in [msgspec.json.encode(found).decode()] if as_json else lines:
        click.echo(line)
