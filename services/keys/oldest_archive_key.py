"""The oldest archive key, the last of POSTKAMER_ARCHIVE_KEY, which an installation has for good.

Citizens, and what Meta repeats, are recognised by hashes under it, and what is outside is signed
with it. With another one each citizen would be a stranger, and nothing would tell. A router notes
its fingerprint once it has recognised a citizen by it, or where there are none.
"""

from services.postgres.database import Connection, Pool
from services.sealing.wrapping import fingerprint

_OTHER = (
    "POSTKAMER_ARCHIVE_KEY: its last key is not the oldest one of this installation{}, and without"
    " that no citizen is recognised. Put the oldest key at the end, after a comma"
)


class OtherOldestKey(Exception):
    """The last archive key is not the oldest one. The operator must put that at the end."""

    def __init__(self, known: str = "") -> None:
        """`known` is the fingerprint of the oldest key, where it was noted."""
        super().__init__(_OTHER.format(f", whose fingerprint is {known}" if known else ""))


async def note_oldest_archive_key(pool: Pool, last: bytes) -> None:
    """Note this key, which recognises citizens."""
    await pool.execute(_NOTE, fingerprint(last))


async def check_oldest_archive_key(connection: "Pool | Connection", last: bytes) -> None:
    """Raise OtherOldestKey if another one was noted than this, the last that was given."""
    known = await connection.fetchval(_KNOWN)
    if known not in (None, fingerprint(last)):
        raise OtherOldestKey(known)


_NOTE = """
insert into sealing.oldest_archive_key (fingerprint) values ($1)
on conflict (only_one) do update set fingerprint = excluded.fingerprint, since = now()
where oldest_archive_key.fingerprint <> excluded.fingerprint
"""
_KNOWN = "select fingerprint from sealing.oldest_archive_key"
