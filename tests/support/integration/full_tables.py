"""Tables as full as after years of settled deliveries, sent messages and decided items."""

from services.postgres.database import Pool

FILL = (
    """insert into deliverer.delivery
        (destination, event, tenant, conversation, state, attempts, status, at)
    select 'crm', gen_random_uuid(), 'almelo', 'c' || n % 5000, 'settled', 1, 200, now()
    from generate_series(1, $1) n""",
    """insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
        content, state, due_at, claimed_at, created_at)
    select gen_random_uuid(), '10000001', 'c', 1, gen_random_uuid(), 'phone', '', '{}', 'sent',
        now(), now(), now() from generate_series(1, $1) n""",
    """insert into router.inbox (key, receipt, decision)
    select decode(md5(n::text), 'hex'), gen_random_uuid(), '' from generate_series(1, $1) n""",
    """insert into archiver.media (id, tenant, number, conversation, department, announced, sealed,
        sent_at, state, scanned)
    select gen_random_uuid(), 'almelo', '10000001', 'c', 'kcc', '{}', '', now(), 'available', true
    from generate_series(1, $1) n""",
    """insert into router.timer (id, conversation, number, kind, due_at)
    select gen_random_uuid(), 'c' || n, '10000001', 'idle', now() + interval '1 day'
    from generate_series(1, $1) n""",
    """insert into archiver.checkpoint (size, at, note)
    select n, now(), '' from generate_series(1, $1) n""",
)
TABLES = (
    "deliverer.delivery", "deliverer.ledger", "router.inbox", "archiver.media", "router.timer",
    "archiver.checkpoint",
)  # fmt: skip


async def fill_tables(pool: Pool, rows: int) -> None:
    """Write so many rows into each table, none of which anybody waits for."""
    for statement in FILL:
        await pool.execute(statement, rows, timeout=600)
    for table in TABLES:
        await pool.execute(f"vacuum analyze {table}", timeout=600)
