"""The versions of rules and texts that a router took, as other services may see them."""

from services.postgres.database import DATABASE_ERRORS, Pool


async def is_on_record(pool: Pool, version: str) -> bool:
    """Return True if a router has put this version on record, which it does before it decides by
    it. A database that does not answer has nothing on record: what is in force stays."""
    try:
        return bool(await pool.fetchval(_IS_ON_RECORD, version))
    except DATABASE_ERRORS:
        return False


_IS_ON_RECORD = "select exists (select from router.version where version = $1)"
