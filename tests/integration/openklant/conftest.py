"""An empty Open Klant, and a conversation that is delivered to it."""

from collections.abc import AsyncIterator

import pytest

from services.postgres.database import Pool
from tests.support.openklant.register import Register, Scene, run_register


@pytest.fixture
async def register(pool: Pool) -> AsyncIterator[Register]:
    async with run_register(pool) as running:
        yield running


@pytest.fixture
def scene(register: Register) -> Scene:
    return Scene(register)
