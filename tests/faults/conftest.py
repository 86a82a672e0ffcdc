"""After each fault the balance closes: nothing that was decided is lost or left on its way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from archiver.balance.round import run_rounds
from archiver.balance.sheet import UNDER_WAY
from archiver.balance.store import load_sheet
from services.postgres.database import connection_pool
from tests.support.installation import Installation
from tests.support.observer import until

CLOSE_SECONDS = 30


@pytest.fixture(autouse=True)
async def balance(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Wait at the end until the balance of the town closes."""
    town: Installation | None = None
    if "town" in request.fixturenames:
        town = request.getfixturevalue("town")
    yield
    if town is not None and "foreign_records" not in request.keywords:
        await _closes(town)


async def _closes(town: Installation) -> None:
    for name, service in town.services.items():
        if service.exit_code is not None:  # the fault was its end
            await asyncio.to_thread(town.restart, name)
    async with connection_pool(town.database.url, "test", 1) as pool:

        async def unsettled() -> list[object]:
            await run_rounds(pool)
            sheet = await load_sheet(pool)
            wrong = [line for line in sheet.lines if line.difference or line.parts.get(UNDER_WAY)]
            return [*sheet.missing, *wrong]

        await until(unsettled, lambda wrong: not wrong, CLOSE_SECONDS)
