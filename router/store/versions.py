"""The versions of rules and texts, with the persons who stand for them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services import clock
from services.contract import Identified
from services.http.person_tokens import TokenProof
from services.postgres.database import Connection, Pool

MAX_VERSIONS = 1000
"""Most versions in one list, the newest first: four years with a new one each working day."""
MAX_APPROVALS = 20
"""Most approvals of one version in a list, the first ones; a council has fewer who must agree."""


class Approval(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A person who stands for a version."""

    by: str
    identified: Identified
    at: datetime


class VersionSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A version without its files.

    `record` is its id in the archive. `in_force`: it is the version in force; unset if that is not
    known. `waiting`: it waits for a second person, has no record, and decided nothing. A name in
    the files themselves (`approved_by`) is the first of the approvals, stated.
    """

    version: str
    record: UUID | msgspec.UnsetType = msgspec.UNSET
    first_at: datetime
    approvals: list[Approval]
    in_force: bool | msgspec.UnsetType = msgspec.UNSET
    waiting: bool | msgspec.UnsetType = msgspec.UNSET


async def list_versions(pool: Pool, current: str = "") -> list[VersionSummary]:
    """Return the versions, the newest first; `current` is the version in force, if known. Where a
    second person is asked for, the database knows."""
    rows = await pool.fetch(_VERSIONS, MAX_VERSIONS)
    current = await pool.fetchval(_ASKING) or current
    approvals = await list_approvals(pool, [row["version"] for row in rows])
    return [_summary(row, approvals.get(row["version"], []), current) for row in rows]


async def find_version(
    pool: Pool, version: str, current: str
) -> tuple[VersionSummary, str | None] | None:
    """Return a version, and the one that came before it if any; None if there is none such. Before
    one that waits comes the one in force."""
    row = await pool.fetchrow(_VERSION, version)
    if row is None:
        return None
    current = await pool.fetchval(_ASKING) or current
    approvals = await list_approvals(pool, [version])
    before = row["before"] if row["record"] else current
    return _summary(row, approvals.get(version, []), current), before


async def find_first_use(pool: Pool, version: str) -> datetime | None:
    """Return when a version first decided; None if it never did."""
    first_at: datetime | None = await pool.fetchval(_FIRST_USE, version)
    return first_at


async def find_first_uses(pool: Pool, versions: Iterable[str]) -> dict[str, datetime]:
    """Return when each of these versions first decided."""
    rows = await pool.fetch(_FIRST_USES, [*versions])
    return {row["version"]: row["first_at"] for row in rows}


def _summary(row: Any, approvals: list[Approval], current: str) -> VersionSummary:
    version, first_at = row["version"], row["first_at"]
    if row["approved_by"]:
        in_files = Approval(by=row["approved_by"], identified="stated", at=first_at)
        approvals = [in_files, *approvals]
    is_proposed = row["record"] is None
    return VersionSummary(
        version=version,
        record=msgspec.UNSET if is_proposed else row["record"],
        first_at=first_at,
        approvals=approvals,
        in_force=version == current if current else msgspec.UNSET,
        waiting=True if is_proposed else msgspec.UNSET,
    )


async def list_approvals(
    tables: "Pool | Connection", versions: Iterable[str]
) -> dict[str, list[Approval]]:
    """Return the approvals of each version that has any, the first one first."""
    found: dict[str, list[Approval]] = {}
    for row in await tables.fetch(_APPROVALS, [*versions], MAX_APPROVALS):
        approval = Approval(by=row["by"], identified=row["identified"], at=row["at"])
        found.setdefault(row["version"], []).append(approval)
    return found


async def stand_for(pool: Pool, version: str, by: str, proof: TokenProof) -> Approval:
    """Let a person stand for a version, on the record with the proof. Who does already changes
    nothing."""
    given = clock.new_id(), version, by, msgspec.json.encode(proof).decode()
    at = await pool.fetchval("select router.stand_for($1, $2, $3, $4::jsonb)", *given)
    return Approval(by=by, identified="proven", at=at)


async def load_files(tables: "Pool | Connection", version: str) -> dict[str, str] | None:
    """Return the text of each file of a version by its name; None if there is no such version."""
    files = await tables.fetchval(_FILES, version)
    return None if files is None else msgspec.msgpack.decode(files, type=dict[str, str])


_KNOWN = """
select version, record, first_at, approved_by, files from router.version
union all
select version, null, at, approved_by, files from router.proposed_version p
where not exists (select from router.version v where v.version = p.version)
"""
"""Versions that decided anything, and those that wait for a second person."""
_VERSIONS = f"""
select version, record, first_at, approved_by from ({_KNOWN}) known
order by first_at desc, version limit $1
"""
_VERSION = f"""
select version, record, first_at, approved_by, (
    select earlier.version from router.version earlier
    where earlier.first_at < v.first_at
        or (earlier.first_at = v.first_at and earlier.version > v.version)
    order by earlier.first_at desc, earlier.version limit 1) as before
from ({_KNOWN}) v where version = $1
"""
"""The one before is the next in the list; one that waits is never that."""
_FILES = f"select files from ({_KNOWN}) known where version = $1"
_ASKING = """
select case when asks then version end from router.in_force order by n desc limit 1
"""
_APPROVALS = """
select known.version, approval.* from unnest($1::text[]) known (version) cross join lateral (
    select by, identified, at from router.approval a where a.version = known.version
    order by at, by limit $2) approval
"""
_FIRST_USE = "select first_at from router.version where version = $1"
_FIRST_USES = "select version, first_at from router.version where version = any($1)"
