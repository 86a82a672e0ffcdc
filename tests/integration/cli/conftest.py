"""Databases for the command line, and the commands on them."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from router.model.hashes import Hashes
from router.model.work import RoutingContext
from services.config.settings import derive_key
from services.postgres.database import Pool, connection_pool
from services.sealing import hash_keys
from tests.support.cli.two_installations import Side
from tests.support.decrypted_record import KEY
from tests.support.integration.parked_deliveries import Command, commands, filled
from tests.support.integration.rule_versions import Town
from tests.support.integration.running_partition import CONFIG, GROUND
from tests.support.working_keys import install_test_keys


@pytest.fixture
def table(fresh: str) -> str:
    """The URL of a database with parked deliveries."""
    return filled(fresh)


@pytest.fixture
def command(table: str) -> Command:
    return commands(table)


@pytest.fixture
def ground() -> RoutingContext:
    """The router's, with the key by which commands find its decisions."""
    hashes = Hashes(derive_key([SecretStr(KEY)], hash_keys.PURPOSE))
    return RoutingContext(CONFIG, GROUND.rules, hashes)


@pytest.fixture
def rules(fresh: str, tmp_path: Path) -> Town:
    return Town(tmp_path / "postkamer.toml", fresh)


@pytest.fixture
async def old(pool: Pool, tmp_path: Path) -> AsyncIterator[Side]:
    """The installation that a municipality leaves."""
    side = Side(pool, tmp_path / "old", b64decode(KEY))
    await side.keys.check()
    yield side
    install_test_keys()


@pytest.fixture
async def new(fresh: str, tmp_path: Path) -> AsyncIterator[Side]:
    """The one to which it goes."""
    async with connection_pool(fresh, "test", 4) as pool:
        side = Side(pool, tmp_path / "new", b"n" * 32)
        await side.keys.check()
        yield side
