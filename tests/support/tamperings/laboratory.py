"""A prepared archive that is tampered with in a transaction, which is rolled back, and the commands
of `postkamer` on what they see there: a copy of the database would take a second for each."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import asyncpg
from click.testing import CliRunner, Result
from pydantic import SecretStr

from archiver.encryption.key_store import KeyStore
from archiver.log import checkpoint_signer, outside_head
from archiver.signing.signer import Signer
from archiver.tokens import token_record
from archiver.tokens.kept_tokens import TokenKeeper
from archiver.tokens.token_record import TokenRecord
from cli.main import main
from cli.support import database
from services import clock
from services.config.settings import derive_key
from services.http.token_store import TokenStore
from services.keys.working_keys import refresh
from services.postgres.database import SESSION_SETTINGS, Connection, Pool
from tests.support.archiver.commands import OPERATOR
from tests.support.archiver.signed_log import Log
from tests.support.decrypted_record import KEY, MASTER, keys_of
from tests.support.installation import EXAMPLE

SIGNER = Signer("postkamer", derive_key([SecretStr(KEY)], checkpoint_signer.PURPOSE))
"""The signer of the commands, whose log has the name of one without a configuration."""
HEAD_KEY = derive_key([SecretStr(KEY)], outside_head.PURPOSE)
NAME = re.compile(r"(?<!:):([a-z_]+)\b")
FRESH = "reset role; reset search_path"
STATEMENTS = 1000
"""Statements that are kept: all that the commands have."""
TRIGGERS = re.compile(r"\balter table [\w.]+ (?:disable|enable) trigger \w+")
SCHEMA = re.compile(r"\b(?:create|alter|drop|grant|revoke)\b|\bpg_", re.IGNORECASE)


def may_change_schema(sql: str) -> bool:
    """Return if statements may change what PostgreSQL makes of others. Taking triggers away for a
    moment does not: those that were prepared name the same tables, functions and types."""
    return bool(SCHEMA.search(TRIGGERS.sub("", sql)))


class LearnedConnection(asyncpg.Connection):  # type: ignore[type-arg]  # it has none when it runs
    """A connection that keeps its statements and types when a codec is set that it has: each look
    as the archiver sets two, and what is learned anew is half of the work of a command."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._codecs = dict[str, Mapping[str, object]]()

    async def set_type_codec(self, name: str, **codec: Any) -> None:
        if self._codecs.get(name) != codec:
            await super().set_type_codec(name, **codec)
            self._codecs[name] = codec


class SharedPool:
    """One connection in the role of a pool, in a transaction that is never committed."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection, self._free = connection, asyncio.Lock()
        self.has_changed_schema = False

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        yield cast(Connection, self._connection)
        await self._connection.execute(FRESH)  # a command may have taken a role

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def run(*arguments: Any, **more: Any) -> Any:
            # An error is not to end the transaction of all.
            async with self._free:
                async with self._connection.transaction():
                    result = await getattr(self._connection, name)(*arguments, **more)
                if may_change_schema(arguments[0]):
                    self.has_changed_schema = True
                    await self._connection.reload_schema_state()
                return result

        return run


class PreparedArchive:
    """A database, the folder of its object store, and places in it by name. One connection serves
    all tamperings: another would have to learn PostgreSQL's catalogue for each."""

    def __init__(self, url: str, folder: Path, names: Mapping[str, object]) -> None:
        self.url, self.folder, self.names = url, folder, names
        self.runner, self.stack = asyncio.Runner(), AsyncExitStack()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    def fill(self, text: str) -> str:
        """Put the places where their names stand."""
        return NAME.sub(lambda found: str(self.names[found[1]]), text)

    @asynccontextmanager
    async def undone_pool(self) -> AsyncIterator[Pool]:
        """Give a pool on which everything is undone at the end."""
        if self._connection is None:
            self._connection = await asyncpg.connect(
                self.url,
                connection_class=LearnedConnection,
                server_settings=SESSION_SETTINGS,
                statement_cache_size=STATEMENTS,
                max_cached_statement_lifetime=0,
            )
        transaction = self._connection.transaction(isolation="repeatable_read")
        await transaction.start()
        pool = SharedPool(self._connection)
        try:
            yield cast(Pool, pool)
        finally:
            await transaction.rollback()
            if pool.has_changed_schema:  # a tampering may have changed the result of a statement
                await self._connection.reload_schema_state()

    async def close(self) -> None:
        """End what runs beside: the witness."""
        await self.stack.aclose()
        if self._connection:
            await self._connection.close()


class Laboratory:
    """An archive that is tampered with, and its outside."""

    def __init__(self, archive: PreparedArchive, pool: Pool, keys: KeyStore, folder: Path) -> None:
        self.archive, self.pool, self.keys, self.folder = archive, pool, keys, folder
        self.log = Log(pool, keys, folder, [])
        self.log.signer = SIGNER

    async def execute(self, sql: str) -> object:
        return await self.pool.execute(self.archive.fill(sql))

    def name(self, name: str) -> Any:
        return self.archive.names[name]

    def path(self, key: str) -> Path:
        """An object in the store, which is writable here."""
        path = self.folder / key
        path.chmod(0o600)
        return path


async def look_at_tokens(laboratory: Laboratory) -> None:
    """Let an archiver start, look at the tokens, and end."""
    await refresh(laboratory.pool, [MASTER], clock.now().date())
    keeper = TokenKeeper(laboratory.log.outside, [MASTER])
    add = laboratory.log.writer.add
    tokens = TokenRecord(laboratory.pool, laboratory.keys, add, keeper)
    store = TokenStore(laboratory.pool, (), judge=tokens.judge)
    with patch.object(token_record, "SECOND_LOOK_SECONDS", 0.0):
        for _ in range(2):  # the second time it is told
            await store.refresh()
    await tokens.keep()


Work = Callable[[Laboratory], Awaitable[object]]


@asynccontextmanager
async def opened(archive: PreparedArchive, folder: Path) -> AsyncIterator[Laboratory]:
    """Open the archive; `folder` is a copy of its object store."""
    async with archive.undone_pool() as pool:
        yield Laboratory(archive, pool, await keys_of(pool), folder)


def run_command(archive: PreparedArchive, folder: Path, act: Work, words: list[str]) -> Result:
    """Run a command of `postkamer` on what is there after the act."""

    @asynccontextmanager
    async def tampered_pool(*_: object) -> AsyncIterator[Pool]:
        async with opened(archive, folder) as laboratory:
            await act(laboratory)
            yield laboratory.pool

    env: dict[str, str | None] = {
        "POSTKAMER_DATABASE_URL": archive.url, "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_WORKING_KEY": KEY, "POSTKAMER_OPERATOR": OPERATOR,
        "POSTKAMER_OBJECT_STORE": folder.as_uri(),
        "POSTKAMER_ARCHIVE_TIMESTAMP_ROOTS": str(archive.names["roots"]),
        "POSTKAMER_CONFIG": str(EXAMPLE),
    }  # fmt: skip
    with (
        patch.object(database, "connection_pool", tampered_pool),
        patch.object(asyncio, "run", archive.runner.run),
    ):
        return CliRunner().invoke(main, words, env=env)
