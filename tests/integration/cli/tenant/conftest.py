"""The two installations between which a municipality moves."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.postgres.database import Pool, connection_pool
from tests.support.cli.two_installations import Side
from tests.support.decrypted_record import KEY
from tests.support.working_keys import install_test_keys


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
