"""Forward-only migrations, each applied once."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import msgspec

from services.postgres.primary import Primary

MIGRATION_LOCK = 0x706F73746B
"""Key of the advisory lock that allows one migration at a time in a cluster ("postk")."""


class Migration(msgspec.Struct, frozen=True):
    """One file of SQL, applied once, whole or not at all."""

    owner: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(owner: str, folder: Path) -> list[Migration]:
    """Return the migrations in `folder`, files named NNNN_what.sql, by number."""
    return [
        Migration(owner, int(path.name[:4]), path.stem[5:], path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    ]


class MigrationError(Exception):
    """A migration that does not apply, or one that was changed after it had been applied."""


async def migrate(url: str, migrations: Iterable[Migration]) -> list[str]:
    """Apply the missing migrations, in the given order, and return their names.

    Migrations only go forward. They run under an advisory lock, each in its own transaction.
    """
    connection = await Primary(url).connect()
    try:
        await connection.execute("select pg_advisory_lock($1)", MIGRATION_LOCK)
        await connection.execute(
            "create schema if not exists postkamer;"
            "create table if not exists postkamer.migration ("
            " owner text, number int, name text not null, checksum text not null,"
            " applied_at timestamptz not null default now(), primary key (owner, number))"
        )
        return [
            f"{migration.owner}/{migration.number:04}_{migration.name}"
            for migration in migrations
            if await _apply(connection, migration)
        ]
    finally:
        await connection.close()


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> bool:
    applied_checksum = await connection.fetchval(
        "select checksum from postkamer.migration where owner = $1 and number = $2",
        migration.owner,
        migration.number,
    )
    name = f"{migration.owner}/{migration.number:04}_{migration.name}"
    if applied_checksum == migration.checksum:
        return False
    if applied_checksum is not None:
        raise MigrationError(f"{name} was changed after it had been applied")
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "insert into postkamer.migration (owner, number, name, checksum)"
                " values ($1, $2, $3, $4)",
                migration.owner,
                migration.number,
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{name} does not apply: {error}") from error
    return True
