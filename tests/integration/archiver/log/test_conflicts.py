"""A row with the id of a new entry: a repeat changes nothing, and a forgery keeps nothing out."""

from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from archiver.intake import Batch, Intake
from archiver.log.conflicts import ForgedEntry
from archiver.operator_actions import record_operator_actions
from archiver.quarantine import Quarantine
from services import clock, metrics
from services.contract import Record
from services.http.person_tokens import TokenProof
from services.tasks import background_task
from tests.support.archiver.signed_log import ENTRIES, Log, entry
from tests.support.observer import until

FORGE = """
insert into archiver.entry (id, position, kind, at, tenant, conversation, department, sequence,
    salt, sealed, leaf)
values ($1, $2, $3, now(), '', '', '', 0, $4, '', sha256(''))
"""
SALT = bytes(16)
FORGERIES: dict[str, tuple[int, str, bytes | None]] = {
    "without a place": (-1, "message", SALT),
    "behind the log": (10_000, "message", SALT),
    "at the place of another": (3, "message", SALT),
    "as if erased": (3, "message", None),
    "of another kind": (3, "operation", None),
}


def forks() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_archive_forks_total") or 0.0


async def has_no_key(_: TokenProof) -> bool:
    return False


async def test_forged_row_is_not_taken_for_the_entry(log: Log) -> None:
    for forgery in FORGERIES.values():
        message, before = entry(5000), forks()
        await log.pool.execute(FORGE, message.id, *forgery)
        with capture_logs() as logs, pytest.raises(ForgedEntry):
            await log.writer.add([message])
        assert [each["record"] for each in logs if each["event"] == "entry.forged"] == [message.id]
        assert forks() - before == 1
        await log.pool.execute("delete from archiver.entry where id = $1", message.id)
        assert await log.writer.add([message]) == 1


async def test_erased_row_that_is_rewritten_for_a_moment_is_not_taken_for_the_entry(
    log: Log,
) -> None:
    """Its leaf is that of its columns, and it is alone at its place; the tree has another leaf."""
    erased, message, before = log.records[0].id, entry(5000), forks()
    await log.eraser.erase_entry(erased, "test")
    [sealed] = await log.writer.seal([message])
    row = *msgspec.structs.astuple(sealed.columns), sealed.sealed, sealed.leaf
    kept = await log.pool.fetchrow(f"select {REWRITTEN} from archiver.entry where id = $1", erased)
    await log.pool.execute(REWRITE, erased, *row)
    with pytest.raises(ForgedEntry):
        await log.writer.add([message])
    assert forks() - before == 1
    await log.pool.execute(REWRITE, message.id, *kept)
    assert await log.writer.add([message]) == 1
    assert await log.writer.add([log.records[0], message]) == 0


REWRITTEN = (
    "id, kind, at, tenant, conversation, department, message, receipt, item, sequence, sealed, leaf"
)
REWRITE = f"""
update archiver.entry set ({REWRITTEN}) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
where id = $1
"""


async def test_repeat_of_what_the_log_has_or_had_is_none(log: Log) -> None:
    """Destroyed entries are not written again, also under a new key of their conversation."""
    before = forks()
    await log.eraser.erase_entry(log.records[0].id, "test")
    await log.erase(1)
    await log.erase(2)
    renewed = entry(5000, conversation=log.records[5].conversation)
    await log.writer.add([renewed])
    assert await log.writer.add([*log.records, renewed]) == 0
    assert forks() == before


async def test_operation_whose_entry_is_forged_waits_on(log: Log) -> None:
    id, other = clock.new_id(), clock.new_id()
    for each in (id, other):
        await log.pool.execute(BY_COMMAND, each)
    await log.pool.execute(FORGE, id, -1, "operation", SALT)
    waiting = "select array_agg(id) from access.operation"
    recording = record_operator_actions(log.pool, ["almelo"], log.writer.add, has_no_key)
    async with background_task(recording):
        left = await until(lambda: log.pool.fetchval(waiting), lambda ids: len(ids) < 2, 10.0)
    assert left == [id]
    assert await log.pool.fetchval(ARCHIVED, other) == 1


async def test_operation_that_cannot_be_holds_up_no_other(log: Log) -> None:
    left = [UUID(int=n) for n in range(3)]
    for id, data in zip(left, (nested(5000), nested(40), '{"n": 1e5000}'), strict=True):
        await log.pool.execute(WITH_DATA, id, "now", data)
    far, other, before = clock.new_id(), clock.new_id(), unproven()
    await log.pool.execute(WITH_DATA, far, "20000-01-01", "{}")
    await log.pool.execute(BY_COMMAND, other)
    waiting = "select array_agg(id order by id) from access.operation"
    recording = record_operator_actions(log.pool, ["almelo"], log.writer.add, has_no_key)
    async with background_task(recording):
        assert await until(lambda: log.pool.fetchval(waiting), lambda ids: ids == left, 10.0)
    assert await log.pool.fetchval(ARCHIVED, other) == await log.pool.fetchval(ARCHIVED, far) == 1
    assert unproven() - before == len(left)


def unproven() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_operations_unproven_total") or 0.0


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


WITH_DATA = """
insert into access.operation (id, by, what, at, data)
values ($1, 'x', 'token revoke', $2::text::timestamptz, $3)
"""
BY_COMMAND = "insert into access.operation (id, by, what) values ($1, 'x', 'token revoke')"
ARCHIVED = "select count(*) from archiver.entry where id = $1 and position >= 0"


async def test_message_whose_entry_is_forged_goes_to_quarantine(log: Log) -> None:
    records: list[Record] = [entry(5000), entry(5001)]
    await log.pool.execute(FORGE, records[0].id, -1, "message", SALT)
    intake = Intake(log.writer, Quarantine(log.pool, log.keys))
    await intake._write_batch(Batch([], records, await log.writer.seal(records)))
    await log.pool.execute("delete from archiver.entry where position < 0")
    assert await log.pool.fetchval("select count(*) from archiver.quarantine") == 1
    size = await log.pool.fetchval("select size from archiver.head")
    assert size == ENTRIES + 2  # the other, and the entry of the quarantine
