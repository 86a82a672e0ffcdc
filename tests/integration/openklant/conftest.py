"""An empty Open Klant, and a conversation that is delivered to it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.postgres.database import Pool
from tests.support.openklant.desk import Desk
from tests.support.openklant.register import Register, Scene, run_register


@pytest.fixture
async def register(pool: Pool) -> AsyncIterator[Register]:
    async with run_register(pool) as running:
        yield running


@pytest.fixture
async def desk(register: Register) -> AsyncIterator[Desk]:
    async with aiohttp.ClientSession() as http:
        yield Desk(register, http)


@pytest.fixture
def scene(register: Register) -> Scene:
    return Scene(register)
