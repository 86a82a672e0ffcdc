"""Conversations that are due, as the reader of the log finds them."""

from collections.abc import Sequence

from services.postgres.database import Pool

TENANT = "almelo"


async def make_due(pool: Pool, conversations: Sequence[str], department: str = "balie") -> None:
    """Closed two years ago, kept until a month ago."""
    await pool.executemany(
        "insert into archiver.dossier (tenant, conversation, departments, opened_at, closed_at,"
        " sequence, position, state, valued_code, kept_until, terms) values ($1, $2, array[$3],"
        " now() - interval '3 years', now() - interval '2 years', 1, 0, 'destroy', '6.1.3',"
        " current_date - 30, '') on conflict do nothing",
        [(TENANT, id, department) for id in conversations],
    )
