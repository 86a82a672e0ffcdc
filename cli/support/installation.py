"""Test or production: the installation of a database, as its archiver says."""

from services.postgres.database import Connection, Pool


async def says_production(connection: "Connection | Pool") -> bool:
    """Return True if the archiver said at its last start that this is production."""
    return bool(await connection.fetchval("select production from access.installation"))
