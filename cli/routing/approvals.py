"""Approvals of versions of the rules: a person stands for a version."""

from cli.support.audit import Operation
from cli.support.person import identify_person
from router.store.versions import Approval
from services.postgres.database import Connection


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


_APPROVE = """
insert into router.approval (version, by, identified) values ($1, $2, $3)
on conflict do nothing returning true
"""
_APPROVED_AT = """
select at from router.approval where (version, by, identified) = ($1, $2, $3)
"""
