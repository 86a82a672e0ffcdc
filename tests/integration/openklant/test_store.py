"""The tables of Open Klant, in a database that other destinations need too."""

import asyncio

from deliverer.destinations.openklant.store import MAX_CONNECTIONS, SagaStore
from deliverer.service import POOL_SIZE
from services.config.organisation import OpenKlantDestination
from services.postgres.database import connection_pool


async def test_a_full_window_leaves_half_of_the_connections_to_others(migrated: str) -> None:
    async with connection_pool(migrated, "test", POOL_SIZE) as pool:
        store = SagaStore(pool, "crm")
        window = OpenKlantDestination.model_fields["window"].default
        await asyncio.gather(*(store.open_tasks(f"c{n}") for n in range(window)))
        assert pool.get_size() == MAX_CONNECTIONS == POOL_SIZE // 2
