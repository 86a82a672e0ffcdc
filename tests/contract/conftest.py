"""The sandbox and the checker of proofs for a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.checker import Check, checker
from tests.support.sandbox_world import World, world


@pytest.fixture
async def sandbox() -> AsyncIterator[World]:
    async with world() as started:
        yield started


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return checker(tmp_path)
