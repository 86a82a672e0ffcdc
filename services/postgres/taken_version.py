"""The version of rules and texts that a router took last, as other services may see it."""

from services.postgres.database import DATABASE_ERRORS, Pool


async def is_taken(pool: Pool, version: str) -> bool:
    """Return True if a router took this version last, or put it on record since, as a router of an
    older release does. A database that does not answer has nothing on record: what is in force
    stays."""
    try:
        return bool(await pool.fetchval(_IS_TAKEN, version))
    except DATABASE_ERRORS:
        return False


_IS_TAKEN = "select exists (select from router.version_to_take where version = $1)"
