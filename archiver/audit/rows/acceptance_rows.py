"""Hold what could silence the balance against the record: losses that were accepted by no command,
and places from which the balance looks that cannot be."""

from archiver.audit.log_walk import Finding
from archiver.balance.acceptances import compare, count_accepted
from archiver.balance.round import KEPT_DAYS
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection

WHAT = "balance"
NOT_ITS = "the losses accepted in the balance under this command are not those that it accepted"


async def verify_acceptances(connection: Connection, keys: KeyStore) -> list[Finding]:
    """Return what is wrong. Run in a transaction that reads one snapshot."""
    counts = await count_accepted(connection)
    forged, _ = await compare(connection, keys, counts)
    return [
        Finding(WHAT, NOT_ITS, entry=str(operation))
        if operation
        else Finding(WHAT, f"losses accepted in the balance by no command: {counts[None]}")
        for operation in sorted(forged, key=str)
    ]


async def verify_beginnings(connection: Connection) -> list[Finding]:
    """Return a finding for each place from which the balance would look, and that cannot be."""
    beginnings = await connection.fetchrow(_BEGINNINGS, KEPT_DAYS)
    assert beginnings is not None
    return [Finding(WHAT, sentence) for sentence, is_so in beginnings.items() if is_so]


_BEGINNINGS = """
select coalesce((select first_at > now() - make_interval(days => $1) from router.cleared), true)
        as "router.cleared has a time to which no decision can be cleared",
    coalesce((select first_xact > coalesce(decided, 0) or first_position > recorded
            from balance.past, balance.progress), false)
        as "balance.past begins beyond what the balance has taken"
"""
