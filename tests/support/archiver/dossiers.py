"""Conversations that are due, as the reader of the log finds them."""

from collections.abc import Sequence

from services.postgres.database import Pool

TENANT = "almelo"
WITHOUT_WAITING = "update archiver.destruction_rule set least_waiting = '0'"
"""Lets a test draw lists that need not wait, as the owner of the tables."""


async def make_due(pool: Pool, conversations: Sequence[str], department: str = "balie") -> None:
    """Closed two years ago, kept until a month ago. Their lists need not wait."""
    await pool.execute(WITHOUT_WAITING)
    await pool.executemany(
        "insert into archiver.dossier (tenant, conversation, departments, opened_at, closed_at,"
        " sequence, position, state, valued_code, kept_until, terms) values ($1, $2, array[$3],"
        " now() - interval '3 years', now() - interval '2 years', 1, 0, 'destroy', '6.1.3',"
        " current_date - 30, '') on conflict do nothing",
        [(TENANT, id, department) for id in conversations],
    )
