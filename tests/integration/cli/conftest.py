"""Databases for the command line, and the commands on them."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from router.model.hashes import Hashes
from router.model.work import RoutingContext
from services.config.settings import derive_key
from services.sealing import hash_keys
from tests.support.decrypted_record import KEY
from tests.support.integration.parked_deliveries import Command, commands, filled
from tests.support.integration.rule_versions import Town
from tests.support.integration.running_partition import CONFIG, GROUND


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
