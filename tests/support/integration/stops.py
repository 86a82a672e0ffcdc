"""Stopping a number as `postkamer tenant stop` does, and starting it again."""

from services.postgres.database import Pool

STOP = "insert into sharing.stopped_number (number, tenant, by) values ($1, $2, 'beheer')"


async def stop(pool: Pool, number: str, tenant: str = "almelo") -> None:
    await pool.execute(STOP, number, tenant)


async def start(pool: Pool) -> None:
    await pool.execute("delete from sharing.stopped_number")
