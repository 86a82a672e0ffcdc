"""Approvals of versions of the rules: a person stands for a version."""

from cli.support.audit import Operation
from cli.support.output import CommandRefused
from cli.support.person import identify_person
from router.store.versions import Approval
from services.postgres.database import Connection

UNPROVEN = "--alone is for a person who is proven, by a token or a login of their own"


async def approve_version(
    connection: Connection, version: str, by: str, alone: str = ""
) -> tuple[Approval, Operation | None]:
    """Let the person who runs the command stand for a version. Who does already changes nothing.

    `by` names a person who is not proven. `alone` is why nobody else need stand for it.
    """
    person = await identify_person(connection, by, tenant="")
    if alone and person.identified != "proven":
        raise CommandRefused(UNPROVEN)
    key = version, person.name, person.identified
    is_new = await connection.fetchval(_APPROVE, *key, bool(alone))
    at = await connection.fetchval(_APPROVED_AT, *key)
    approval = Approval(by=person.name, identified=person.identified, at=at)
    data = {"alone": True, "reason": alone} if alone else {}
    operation = Operation(what="rules approve", about=version, data=data)
    return approval, operation if is_new else None


_APPROVE = """
insert into router.approval as known (version, by, identified, alone) values ($1, $2, $3, $4)
on conflict (version, by, identified) do update set alone = true
where excluded.alone and not known.alone returning true
"""
_APPROVED_AT = """
select at from router.approval where (version, by, identified) = ($1, $2, $3)
"""
