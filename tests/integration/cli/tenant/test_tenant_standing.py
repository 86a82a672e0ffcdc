"""A municipality that stands still for its final package: what is waited for, what is barred."""

import asyncio

import msgspec
import pytest

from cli.support.output import CommandRefused
from cli.tenant import export, stop
from cli.tenant.drain import WAITING, Drain, Stages, read_drain
from cli.tenant.export import note_left, require_refused
from services import clock
from services.postgres.database import Pool
from tests.support.archiver.records import NUMBER
from tests.support.archiver.signed_log import conversation
from tests.support.cli.one_of_each import add_one_of_each
from tests.support.cli.two_installations import PLACE, Side, write
from tests.support.integration import stops
from tests.support.observer import until
from tests.support.working_keys import install_test_keys


async def drained(pool: Pool, *, hands_over: bool = False) -> Drain:
    place = msgspec.structs.replace(PLACE, hands_over=hands_over)
    async with pool.acquire() as connection:
        drain = await read_drain(connection, place)
    assert drain
    return drain


async def stand_still(pool: Pool) -> None:
    await stops.stop(pool, NUMBER)
    await require_refused(pool, PLACE, as_json=False)


async def test_municipality_that_is_not_stopped_has_no_final_package(pool: Pool) -> None:
    with pytest.raises(CommandRefused, match="is not stopped"):
        await require_refused(pool, PLACE, as_json=False)


async def test_gateway_that_does_not_refuse_yet_is_waited_for_by_the_final_package_too(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop may have been killed before it had waited."""
    monkeypatch.setattr(stop, "WAIT_SECONDS", 0.0)
    await pool.execute(_GATEWAY)
    await stops.stop(pool, NUMBER)
    with pytest.raises(CommandRefused, match="web/1"):
        await require_refused(pool, PLACE, as_json=False)
    async with pool.acquire() as connection:
        assert await read_drain(connection, PLACE) is None
    await pool.execute("update sharing.gateway set refuses = array[$1]", NUMBER)
    await require_refused(pool, PLACE, as_json=False)
    refused_at = (await drained(pool)).refused_at
    await require_refused(pool, PLACE, as_json=False)
    assert (await drained(pool)).refused_at == refused_at, "a later run waits for nothing anew"


async def test_queue_that_was_never_seen_empty_is_waited_for(pool: Pool) -> None:
    await stand_still(pool)
    await pool.execute(
        "insert into balance.consumer (queue, instance) values ('archiver.records', $1)",
        clock.new_id(),
    )
    [waiting] = Stages([["archiver.records"]]).obstacles(await drained(pool))
    assert waiting.startswith("archiver.records: was not seen empty")


async def test_delivery_that_is_sent_again_is_waited_for(pool: Pool) -> None:
    await stand_still(pool)
    assert not any((await drained(pool)).rows.values())
    await pool.execute(_RESEND)
    await pool.execute(_REPLAY)
    assert (await drained(pool)).rows["again"] == 2
    await pool.execute("update deliverer.resend set finished_at = now()")
    await pool.execute("update deliverer.delivery set state = 'settled'")
    assert (await drained(pool)).rows["again"] == 0


async def test_transcript_that_is_being_handed_over_is_waited_for(old: Side) -> None:
    await stand_still(old.pool)
    await write(old, 1)
    await old.pool.execute("update archiver.entry set kind = 'conversation'")
    assert (await drained(old.pool)).rows["closings"] == 0, "it hands nothing over"
    waiting = Stages([]).obstacles(await drained(old.pool, hands_over=True))
    assert waiting == [f"1 {WAITING['closings']}"]
    await old.pool.execute("update archiver.handover_progress set position = 1")
    assert (await drained(old.pool, hands_over=True)).rows["closings"] == 0
    await old.pool.execute(_HANDOVER, conversation(0))
    assert Stages([]).obstacles(await drained(old.pool)) == [f"1 {WAITING['handovers']}"]
    await old.pool.execute("update archiver.handover set claimed_until = now()")
    assert (await drained(old.pool)).rows["handovers"] == 0


async def test_step_that_began_before_the_final_package_is_waited_for(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_test_keys()
    await add_one_of_each(pool, "almelo", NUMBER, 7)
    await stand_still(pool)
    async with pool.acquire() as connection:
        step = connection.transaction()
        await step.start()
        await connection.execute("update archiver.hold set review_on = review_on + 1")
        with monkeypatch.context() as shortly:
            shortly.setattr(export, "STEP_SECONDS", 1)
            with pytest.raises(CommandRefused, match="is being written for too long"):
                await note_left(pool, PLACE.numbers)
        leaving = asyncio.create_task(note_left(pool, PLACE.numbers))
        await until(lambda: pool.fetchval(_WAITS), bool, 10)
        assert not leaving.done()
        await step.commit()
        await leaving


BARRED = (
    "update archiver.request set extension = 'x'",
    "insert into archiver.request select * from archiver.request",
    "update archiver.hold set review_on = review_on + 1",
    "insert into archiver.hold select * from archiver.hold",
    "update archiver.destruction_list set state = 'withdrawn'",
    "insert into archiver.destruction_list select * from archiver.destruction_list",
    "update archiver.disclosure set state = 'drawn'",
    "insert into archiver.disclosure select * from archiver.disclosure",
    "update archiver.disclosure_document set decision = 'closed'",
    "insert into archiver.disclosure_document select * from archiver.disclosure_document",
)


async def stand_apart(pool: Pool) -> None:
    """Leave only the trigger that is tested: those that keep the order of steps come first."""
    for table in sorted({change.split()[2 if "into" in change else 1] for change in BARRED}):
        await pool.execute(f"alter table {table} disable trigger user")
        await pool.execute(f"alter table {table} enable trigger keep_left")


async def test_nothing_is_asked_of_a_municipality_that_left(pool: Pool) -> None:
    install_test_keys()
    await add_one_of_each(pool, "almelo", NUMBER, 7)
    await stand_apart(pool)
    await pool.execute(_OPEN_LIST)
    await stand_still(pool)
    await note_left(pool, PLACE.numbers)
    for change in BARRED:
        with pytest.raises(Exception, match="moves to another installation"):
            await pool.execute(change)


async def test_destruction_list_that_was_being_carried_out_ends(pool: Pool) -> None:
    install_test_keys()
    await add_one_of_each(pool, "almelo", NUMBER, 7)
    await stand_apart(pool)
    await pool.execute("update archiver.destruction_list set state = 'destroying', ended_at = null")
    await stand_still(pool)
    await note_left(pool, PLACE.numbers)
    await pool.execute("update archiver.destruction_list set state = 'destroyed', ended_at = now()")


_GATEWAY = """
insert into sharing.gateway (id, name) values (gen_random_uuid(), 'web/1')
"""
_RESEND = """
insert into deliverer.resend (id, destination, tenant, token, fingerprint, since, until, per_second,
    ordered_at, taken_at)
values (gen_random_uuid(), 'crm-almelo', 'almelo', 't', '', now(), now(), 1, now(), now())
"""
_REPLAY = """
insert into deliverer.delivery (destination, event, tenant, conversation, state, attempts, status,
    at, due_at)
values ('crm-almelo', gen_random_uuid(), 'almelo', 'c', 'replay', 1, 200, now(), now())
"""
_HANDOVER = """
insert into archiver.handover (tenant, target, conversation, sequence, closed_at, due_at, due_since,
    claimed_until)
values ('almelo', 'x', $1, 1, now(), now(), now(), now() + interval '5 minutes')
"""
_OPEN_LIST = "update archiver.destruction_list set state = 'reviewed', ended_at = null"
_WAITS = """
select exists (select from pg_locks where relation = 'archiver.hold'::regclass and not granted)
"""
