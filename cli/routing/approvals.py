"""Approvals of versions of the rules: who stands for a version, and since when."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from cli.support.audit import Operation
from cli.support.person import identify_person
from services.contract import Identified
from services.postgres.database import Connection, Pool

MAX_APPROVALS = 20
"""Most approvals of one version in a list, the first ones; a council has fewer who must agree."""


class Approval(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A person who stands for a version."""

    by: str
    identified: Identified
    at: datetime


async def list_approvals(
    tables: "Pool | Connection", versions: Iterable[str]
) -> dict[str, list[Approval]]:
    """Return the approvals of each version that has any, the first one first."""
    found: dict[str, list[Approval]] = {}
    for row in await tables.fetch(_APPROVALS, [*versions], MAX_APPROVALS):
        approval = Approval(by=row["by"], identified=row["identified"], at=row["at"])
        found.setdefault(row["version"], []).append(approval)
    return found


async def approve_version(
    connection: Connection, version: str, by: str
) -> tuple[Approval, Operation | None]:
    """Let the person who runs the command stand for a version. Who does already changes nothing.

    `by` names a person who is not proven.
    """
    person = await identify_person(connection, by, tenant="")
    key = version, person.name, person.identified
    is_new = await connection.fetchval(_APPROVE, *key)
    at = await connection.fetchval(_APPROVED_AT, *key)
    approval = Approval(by=person.name, identified=person.identified, at=at)
    return approval, Operation(what="rules approve", about=version) if is_new else None


_APPROVALS = """
select known.version, approval.* from unnest($1::text[]) known (version) cross join lateral (
    select by, identified, at from router.approval a where a.version = known.version
    order by at, by limit $2) approval
"""
_APPROVE = """
insert into router.approval (version, by, identified) values ($1, $2, $3)
on conflict do nothing returning true
"""
_APPROVED_AT = """
select at from router.approval where (version, by, identified) = ($1, $2, $3)
"""
