"""Trials of numbers in PostgreSQL."""

from collections.abc import Iterable

from deliverer.meta.accounts import Account
from services.postgres.database import Pool


async def record_trials(pool: Pool, accounts: Iterable[Account]) -> None:
    """Record the trials that the configuration begins, before anything is sent. From then on only
    the recorded step ends a trial, not a line that is deleted from the file."""
    numbers = [account.number for account in accounts if account.trial]
    await pool.execute(_RECORD, numbers)


_RECORD = """
insert into deliverer.trial (number) select unnest($1::text[]) on conflict (number) do nothing
"""
