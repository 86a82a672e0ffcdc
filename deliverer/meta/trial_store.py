"""Trials of numbers in PostgreSQL."""

from collections.abc import Iterable
from datetime import datetime

from deliverer.meta.accounts import Account
from deliverer.meta.guest_list import REFUSED
from deliverer.meta.ledger_sql import IS_GUEST
from deliverer.meta.send_outcomes import enqueue_outcome, send_outcome
from services.postgres.database import Connection, Pool


async def record_trials(pool: Pool, accounts: Iterable[Account]) -> None:
    """Record the trials that the configuration begins, before anything is sent. From then on only
    the recorded step ends a trial, not a line that is deleted from the file."""
    numbers = [account.number for account in accounts if account.trial]
    await pool.execute(_RECORD, numbers)


async def refuse_waiting(connection: Connection, number: str, at: datetime) -> int:
    """Fail what waits for people who are no guests of a number on trial, and return the number of
    messages. Call it in the transaction that ends the trial, so that only later ones go."""
    # In the order of the router, which writes both: no message comes in until the trial has ended.
    await connection.execute("lock table deliverer.ledger in share row exclusive mode")
    rows = await connection.fetch(_REFUSE, number, REFUSED.reason)
    for row in rows:
        await enqueue_outcome(
            connection, send_outcome(dict(row), "failed", at, reason=REFUSED.reason)
        )
    await connection.execute(_FORGET_RECEIPTS, number)
    return len(rows)


_RECORD = """
insert into deliverer.trial (number) select unnest($1::text[]) on conflict (number) do nothing
"""

# Those that were claimed on trial never reached Meta, and would go once their process has ended. An
# unknown one may have reached a guest who was removed since, and is never sent again: it stays so.
_REFUSE = f"""
update deliverer.ledger l set state = 'failed', code = 0, reason = $2
where l.number = $1 and not l.test and not {IS_GUEST.format("l")}
    and (l.state in ('queued', 'held') or l.state = 'sending'
        and l.claimed_at >= (select since from deliverer.trial where number = $1))
returning l.id, l.number, l.conversation, l.traceparent
"""

_FORGET_RECEIPTS = """
delete from deliverer.mark m where m.number = $1 and not exists (
    select from deliverer.guest_person g where g.person = m.person and g.number = m.number)
"""
