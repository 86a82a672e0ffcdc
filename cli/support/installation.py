"""Test or production: the installation that a command works on."""

from cli.support.configuration import is_production, path_in_environment
from services.postgres.database import Connection, Pool


async def in_production(connection: "Connection | Pool") -> bool:
    """Return True if the configuration of the caller says so, or if the archiver said it in the
    database at its last start: the caller may name any configuration."""
    if is_production(path_in_environment()):
        return True
    return bool(await connection.fetchval("select production from access.installation"))
