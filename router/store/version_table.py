"""The versions of rules and texts as a router stores them: complete, before it decides by one."""

from datetime import datetime

import msgspec

from router.ruleset.context import RulesetVersion
from services.postgres.database import Pool
from services.second_person.judgement import count_missing_persons, why_in_force
from services.second_person.table import read_standing

MOST_PROPOSED = 50
"""Versions that wait for a second person, the newest ones: who saves a file after each line makes
one each time, of half a megabyte for a large town."""
PUT_IN_FORCE = 7_021_001
"""Key of the lock of the transaction that puts a version in force: one at a time."""


class VersionTable:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def store(self, new: RulesetVersion) -> RulesetVersion:
        """Store a version unless it exists; return the stored row, of the router that was first."""
        row = msgspec.structs.astuple(new)
        await self._pool.execute(INSERT_VERSION, *row)
        existing = await self._pool.fetchrow(
            "select * from router.version where version = $1", new.version
        )
        assert existing
        return RulesetVersion(**existing)

    async def propose(self, new: RulesetVersion) -> None:
        """Store a version that waits for a second person, so that it can be looked at."""
        row = new.version, new.first_at, new.approved_by, new.files
        await self._pool.execute(INSERT_PROPOSED, *row)
        await self._pool.execute(DELETE_PROPOSED, MOST_PROPOSED)

    async def count_missing_persons(self, version: str) -> int:
        return count_missing_persons(version, await read_standing(self._pool, version))

    async def put_in_force(self, version: str, at: datetime, *, asks: bool) -> int:
        """Let other services take a version, and put it in force for all where one of it and the
        former asks for a second person. Return how many persons are missing, and do nothing if any
        are."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", PUT_IN_FORCE)
            standing = await read_standing(connection, version)
            if missing := count_missing_persons(version, standing):
                return missing
            former = standing.in_force
            is_free = not asks and not (former and former.asks)
            if not is_free and not (former and former.version == version):
                because = why_in_force(standing)
                await connection.execute(INSERT_IN_FORCE, version, asks, because, at)
            await connection.execute(PUT_TAKEN, version, at)
            return 0


INSERT_VERSION = """
insert into router.version (version, record, first_at, approved_by, files)
values ($1, $2, $3, $4, $5) on conflict do nothing
"""
INSERT_PROPOSED = """
insert into router.proposed_version (version, at, approved_by, files) values ($1, $2, $3, $4)
on conflict do nothing
"""
DELETE_PROPOSED = """
delete from router.proposed_version where version in (
    select version from router.proposed_version order by at desc, version offset $1)
"""
PUT_TAKEN = """
insert into router.taken_version (version, at) values ($1, $2)
on conflict (one) do update set version = excluded.version, at = excluded.at
"""
INSERT_IN_FORCE = """
insert into router.in_force (version, asks, because, at) values ($1, $2, $3, $4)
"""
