"""The balance of a town after a fault: it closes, and nothing is left on its way."""

import asyncio

from archiver.balance.round import run_rounds
from archiver.balance.sheet import UNDER_WAY
from archiver.balance.store import load_sheet
from services.postgres.database import connection_pool
from tests.support.installation import Installation
from tests.support.observer import until

CLOSE_SECONDS = 30


async def balance_closes(town: Installation) -> None:
    """Start again what the fault ended, and wait until the balance closes."""
    for name, service in town.services.items():
        if service.exit_code is not None:
            await asyncio.to_thread(town.restart, name)
    async with connection_pool(town.database.url, "test", 1) as pool:

        async def unsettled() -> list[object]:
            await run_rounds(pool)
            sheet = await load_sheet(pool)
            wrong = [line for line in sheet.lines if line.difference or line.parts.get(UNDER_WAY)]
            return [*sheet.missing, *wrong]

        await until(unsettled, lambda wrong: not wrong, CLOSE_SECONDS)
