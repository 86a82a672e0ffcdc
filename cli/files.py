"""`postkamer files`: files of citizens that wait or are kept from everybody; look, let through."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import click
import msgspec

from archiver.media.judging import RELEASED
from cli.acting import NAME, Operation, named, on_record
from cli.tables import fail, on_tables, say
from services.database import Connection, Pool

MOST = 1000
"""Shown at once; there are more only when something is very wrong."""
STATES = ("waiting", "fetched", "quarantined", "lost")


class File(msgspec.Struct, frozen=True, rename="camel"):
    """Without its name, and without what is in it."""

    id: UUID
    tenant: str
    department: str
    conversation: str
    state: str
    reason: str
    mime_type: str
    size: int
    sent_at: datetime
    attempts: int
    object: UUID | None
    """Its name in the object store, under `media/`."""


@click.group("files")
def group() -> None:
    """Files of citizens (POSTKAMER_DATABASE_URL, as its owner)."""


@group.command("list")
@click.option("--state", type=click.Choice(STATES), help="Of one state alone.")
@click.option("--json", "as_json", is_flag=True)
def list_command(state: str | None, as_json: bool) -> None:
    """Show those that wait, are kept from everybody, or could not be got; the oldest first.

    waiting: to be fetched. fetched: to be scanned.
    """
    wanted = [state] if state else list(STATES)
    found = on_tables("files", lambda pool: _listed(pool, wanted))
    say(found, _lines(found), as_json=as_json)


def _lines(found: Sequence[File]) -> Iterator[str]:
    for one in found:
        yield f"{one.id}  {one.sent_at:%Y-%m-%d %H:%M:%S}Z  {one.state}  {one.tenant}"
        tried = f"attempt {one.attempts}: " if one.state in ("waiting", "fetched") else ""
        yield f"    {one.mime_type or '-'}  {one.size} bytes  {tried}{one.reason or 'on its way'}"
        if one.state == "quarantined":
            yield f"    media/{one.object}"
    yield f"{len(found)} file{'s' * (len(found) != 1)}"


@group.command("release")
@click.argument("file", type=click.UUID)
@click.option("--by", required=True, help="Who answers for it; on the record.")
@click.option("--json", "as_json", is_flag=True)
def release_command(file: UUID, by: str, as_json: bool) -> None:
    """Let a file through that is kept from everybody, when a person has looked at it.

    The department is told, and the record says who did it.
    """
    if (name := named(by)) is None:
        fail(f"--by: {NAME}")
    if not on_record("files", lambda connection: _released(connection, file, name), name):
        fail("no file that is kept from everybody has this id")
    told = ["released; the department is told within seconds"]
    say({"id": file, "state": "available"}, told, as_json=as_json)


async def _listed(pool: Pool, states: Sequence[str]) -> list[File]:
    return [File(**row) for row in await pool.fetch(_LIST, states, MOST)]


async def _released(connection: Connection, file: UUID, by: str) -> tuple[bool, Operation | None]:
    row = await connection.fetchrow(_RELEASE, file, by, RELEASED.format(by))
    if row is None:
        return False, None
    data = {name: row[name] for name in ("department", "conversation")}
    return True, Operation(what="files release", about=str(file), tenant=row["tenant"], data=data)


_LIST = """
select id, tenant, department, conversation, state, reason,
    coalesce(nullif(mime_type, ''), announced->>'mimeType', '') as mime_type, size, sent_at,
    attempts, object
from archiver.media where state = any($1::text[]) order by sent_at limit $2
"""

_RELEASE = """
update archiver.media set state = 'available', released_by = $2, reason = $3, ended_at = now(),
    told = false
where id = $1 and state = 'quarantined' returning tenant, department, conversation
"""
