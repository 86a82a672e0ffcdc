"""Record the actions of operators on the command line (`postkamer token revoke` ...).

A row waits in `access.operation` until its action is on the record, and is then deleted. If the
process ends in between, the action is added again, which changes nothing.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog

from services import clock, metrics
from services.contract import Identified, Record
from services.http.person_tokens import TokenProof
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.outbox import Outbox, Relay
from services.postgres.times import clamp_time

REFUSED_SECONDS = 60.0
"""Pause for an action that was refused: a person must inspect it, and finds it in the log."""
DEEPEST = 32
"""Levels of an action's data; commands write a few. Whoever reads the record later must reach the
bottom too."""
UNREADABLE = b""
"""Data of the record of a row that cannot be read. It is added nowhere."""

APPROVAL = "rules approve"
"""Action of a person who stands for a version of the rules."""
HasKey = Callable[[TokenProof], Awaitable[bool]]
"""Function that says if an identity provider of the archiver's own configuration has a key."""
AddRecords = Callable[[Sequence[Record]], Awaitable[object]]
"""Function that adds the records that are new, all of them or none."""

log = structlog.get_logger()


async def record_operator_actions(
    pool: Pool,
    tenants: Collection[str],
    add: AddRecords,
    has_key: HasKey,
    *,
    must_prove: bool = False,
) -> None:
    """Record actions for as long as the service runs. Those refused stay in the table.

    With `must_prove` this is production: commands are told so, and what a person did who is not
    proven all the same is reported.
    """
    say = partial(pool.execute, _SAY_INSTALLATION, must_prove)
    await retry_while_unavailable(say, "installation")
    outbox = operation_outbox(pool, tenants, has_key, must_prove=must_prove)
    await Relay(outbox, partial(_add_records, add=add), REFUSED_SECONDS).run()


def operation_outbox(
    pool: Pool, tenants: Collection[str], has_key: HasKey, *, must_prove: bool = False
) -> Outbox[Record]:
    """Return the actions that wait. `tenants` are the municipalities in the configuration."""

    async def fetch(limit: int, suspended: Sequence[str]) -> list[Record]:
        rows = await pool.fetch(_UNRECORDED, limit, suspended)
        return [await _read_row(row, tenants, has_key) for row in rows]

    async def delete(records: Sequence[Record]) -> None:
        actions = {each.id: msgspec.json.decode(each.data, type=_Action) for each in records}
        stated = {id: each for id, each in actions.items() if each.identified == "stated"}
        for action in actions.values():
            if action.what == APPROVAL:
                settle = _LOWER_APPROVAL if action.identified == "stated" else _CONFIRM_APPROVAL
                await pool.execute(settle, action.about, action.by)
        if must_prove:  # before they are gone: rather told twice than never
            metrics.operations_unproven.inc(len(stated))
            for id in stated:
                log.error("operation.stated", record=id)
        await pool.execute(_DELETE_RECORDED, [record.id for record in records])
        metrics.archive_records.labels(kind="operation").inc(len(records))

    return Outbox("operations", fetch, delete, lambda record: str(record.id))


class _Action(msgspec.Struct, frozen=True):
    """Action as its record has it."""

    what: str
    about: str
    by: str
    identified: Identified


async def _add_records(records: Sequence[Record], add: AddRecords) -> Sequence[Record]:
    """Return those that are on the record, at the time of this process: a row states its own. A
    refused record does not hold up the others."""
    records = _report_unreadable(records)
    stamped = [msgspec.structs.replace(record, at=clock.now()) for record in records]
    try:
        await retry_while_unavailable(lambda: add(stamped), "operations")
    except Exception as error:
        if len(records) == 1:
            log.error("operation.refused", record=records[0].id, exc_info=error)
            return []
        return [each for record in records for each in await _add_records([record], add)]
    return records


def _report_unreadable(records: Sequence[Record]) -> Sequence[Record]:
    """Report rows that cannot be read, each time, and return the other records. No command writes
    such a row: somebody has changed the table by hand."""
    for record in records:
        if record.data == UNREADABLE:
            metrics.operations_unproven.inc()
            log.error("operation.refused", record=record.id, reason="its data cannot be read")
    return [record for record in records if record.data != UNREADABLE]


async def _read_row(row: Any, tenants: Collection[str], has_key: HasKey) -> Record:
    """Return the record of an action, with UNREADABLE if its data cannot be read."""
    try:
        data = msgspec.json.decode(row["data"], type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        data = None
    if data is None or not _is_within(data, DEEPEST):
        return Record(id=row["id"], kind="operation", at=row["at"], data=UNREADABLE)
    return _record_of_row(row, data, tenants, await _identified(row, data, has_key))


def _is_within(value: object, levels: int) -> bool:
    """Return True if a value has at most so many levels of objects and lists."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_within(each, levels - 1) for each in inner)


async def _identified(row: Any, data: Mapping[str, Any], has_key: HasKey) -> Identified:
    """Return `proven` only for a token of a provider that is the archiver's too, or for the login
    that wrote the row. The command verified a token with a configuration that its caller names, who
    may have made a provider."""
    proof = data.get("proof")
    if row["identified"] == "stated":
        return "stated"
    if proof is None and row["session"] == row["by"]:
        return "proven"
    with suppress(msgspec.ValidationError):
        if await has_key(msgspec.convert(proof, TokenProof)):
            return "proven"
    log.error("operation.unproven", record=row["id"])
    return "stated"


def _record_of_row(
    row: Any, data: Mapping[str, Any], tenants: Collection[str], identified: Identified
) -> Record:
    """Return the record of an action. A municipality that is neither in the configuration nor on
    the record is only named in it: its own record would make keys for a typing error."""
    fields = {name: row[name] for name in ("what", "about", "by", "session")}
    fields |= {"identified": identified, "statedAt": row["at"]}
    is_known = row["has_keys"] or row["tenant"] in ("", *tenants)
    if not is_known:
        fields["tenant"] = row["tenant"]
    return Record(
        id=row["id"],
        kind="operation",
        at=row["at"],
        tenant=row["tenant"] if is_known else "",
        data=msgspec.json.encode({**data, **fields}),
    )


_UNRECORDED = f"""
select id, {clamp_time("at")} as at, tenant, by, session, identified, what, about, data, exists (
    select from archiver.municipality_key k where k.tenant = operation.tenant) as has_keys
from access.operation
where id <> all($2::text[]::uuid[]) order by id limit $1
"""
_SAY_INSTALLATION = """
insert into access.installation (production) values ($1)
on conflict (only_one) do update set production = excluded.production
"""
_LOWER_APPROVAL = """
with proven as (delete from router.approval
    where version = $1 and by = $2 and identified = 'proven' returning version, by, at)
insert into router.approval (version, by, identified, at)
select version, by, 'stated', at from proven on conflict do nothing
"""
_CONFIRM_APPROVAL = """
update router.approval set confirmed_at = now()
where version = $1 and by = $2 and identified = 'proven' and confirmed_at is null
"""
_DELETE_RECORDED = "select archiver.operations_moved($1::uuid[])"
