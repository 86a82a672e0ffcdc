"""Databases for the command line, and the commands on them."""

from pathlib import Path

import pytest

from tests.support.integration.parked_deliveries import Command, commands, filled
from tests.support.integration.rule_versions import Town


@pytest.fixture
def table(fresh: str) -> str:
    """The URL of a database with parked deliveries."""
    return filled(fresh)


@pytest.fixture
def command(table: str) -> Command:
    return commands(table)


@pytest.fixture
def rules(fresh: str, tmp_path: Path) -> Town:
    return Town(tmp_path / "postkamer.toml", fresh)
