"""Values of sealed columns, for tests that look at rows or refuse one."""

from router.store.bindings import CONVERSATION_COLUMNS, conversation_binding
from services.postgres.database import Pool
from services.sealing.columns import ADDRESS, CONVERSATION, seal_json
from services.sealing.key_ring import RING

REFUSE_PERSON = "alter table router.identity add constraint refuse check (value <> '{}')"


async def seal_states(pool: Pool) -> None:
    """Seal an empty state in every conversation whose state is open."""
    names = ", ".join(CONVERSATION_COLUMNS)
    for row in await pool.fetch(f"select {names} from router.conversation where state = '{{}}'"):
        state = seal_json("{}", CONVERSATION, conversation_binding(*row))
        put = "update router.conversation set state = $2 where id = $1"
        await pool.execute(put, row["id"], state)


def refusing(bsuid: str) -> str:
    """Statement after which the database refuses every row of a person."""
    return REFUSE_PERSON.format(RING.seal_name(bsuid, ADDRESS))
