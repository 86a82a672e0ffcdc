"""Hold losses that were accepted in the balance against what commands on the record accepted."""

from archiver.audit.log_walk import Finding
from archiver.balance.acceptances import compare, count_accepted
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
