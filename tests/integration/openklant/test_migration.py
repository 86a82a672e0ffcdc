"""Rows of an Open Klant before employees worked in ITA, after the migration."""

from uuid import UUID

from deliverer.destinations.openklant.desk.desk_store import DeskStore, command_outbox
from services.postgres.database import connection_pool
from services.postgres.migrations import migrate
from services.postgres.outbox import LIMIT
from tests.integration.conftest import all_migrations
from tests.support.openklant.fitting_rows import fit_rows

CONTACT, DECIDED, THERE, CLOSING = (UUID(int=n) for n in (1, 2, 3, 4))
CONVERSATION = "10000001-c1"


async def test_open_tasks_and_closings_on_their_way_are_kept(empty: str) -> None:
    wanted = all_migrations()
    before = [m for m in wanted if m.owner != "desk"]  # it reads columns that came later
    old = [m for m in before if m.owner != "deliverer" or m.number < 3]
    await migrate(empty, old)
    async with connection_pool(empty, "test", 1) as pool:
        await pool.execute(
            "insert into deliverer.klantcontact (destination, event, conversation, klantcontact,"
            " heard_at) values ('crm', $1, $2, $3, now())",
            CONTACT, CONVERSATION, THERE,
        )  # fmt: skip
        for event, department, ended in ((CONTACT, "kcc", True), (DECIDED, "afval", False)):
            await pool.execute(
                "insert into deliverer.internetaak (destination, event, conversation, contact,"
                " department, covers, internetaak, ended)"
                " values ('crm', $1, $2, $3, $4, 5, $5, $6)",
                event, CONVERSATION, CONTACT, department, THERE, ended,
            )  # fmt: skip
        await pool.execute(
            "insert into deliverer.closing values ($1, 'crm', '10000001-c2', 'afval', 7)", CLOSING
        )
    assert (await migrate(empty, wanted))[0] == "deliverer/0003_desk"
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 1) as pool:
        store = DeskStore(pool, "crm")
        started = await store.claim_round(60)
        assert started
        # Both were made by a statement, which seals nothing.
        assert await store.known_tasks([], started) == []
        await fit_rows(pool)
        [task] = await store.known_tasks([], started)
        assert (task.event, task.klantcontact, task.department) == (CONTACT, THERE, "afval")
        assert await command_outbox(pool).fetch_unpublished(LIMIT, []) == []
        [row] = await pool.fetch("select id, conversation from deliverer.found_command")
        assert tuple(row) == (CLOSING, "10000001-c2")
