"""The oldest archive key, the last of POSTKAMER_ARCHIVE_KEY, which an installation has for good.

Citizens, and what Meta repeats, are recognised by hashes under it, and what is outside is signed
with it. With another one each citizen would be a stranger, and nothing would tell. The first
router or archiver that ever starts notes its fingerprint.
"""

from services.postgres.database import Connection, Pool
from services.sealing.wrapping import fingerprint


class OtherOldestKey(Exception):
    """The last archive key is not the oldest one. The operator must put that at the end."""


async def agree_on_oldest_archive_key(pool: Pool, last: bytes) -> None:
    """Note this key, the last that was given, if none is known. Raises OtherOldestKey if another
    one is."""
    await pool.execute(_NOTE, fingerprint(last))
    await check_oldest_archive_key(pool, last)


async def check_oldest_archive_key(connection: "Pool | Connection", last: bytes) -> None:
    """Raise OtherOldestKey if another one is known than this, the last that was given."""
    known = await connection.fetchval(_KNOWN)
    if known not in (None, fingerprint(last)):
        raise OtherOldestKey(
            "POSTKAMER_ARCHIVE_KEY: its last key is not the oldest one of this installation, whose"
            f" fingerprint is {known}: without it no citizen is recognised. Put it at the end,"
            " after a comma"
        )


_NOTE = "insert into sealing.oldest_archive_key (fingerprint) values ($1) on conflict do nothing"
_KNOWN = "select fingerprint from sealing.oldest_archive_key"
