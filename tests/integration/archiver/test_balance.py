"""The balance on real tables: decisions are followed to their end, and what is gone is named."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from archiver.balance import round, turn
from archiver.balance.acceptances import Acceptances
from archiver.balance.monitor import keep_balance
from archiver.balance.round import OtherCluster, RoundResult, run_round
from archiver.balance.sheet import Sheet
from archiver.balance.store import count_gaps, load_sheet
from archiver.balance.turn import try_turn
from archiver.operator_actions import operation_outbox
from cli.main import main
from deploy.local.rabbitmq import Broker
from services import clock
from services.amqp.connection import broker_connection
from services.amqp.partition_publisher import PartitionPublisher
from services.postgres.database import Pool, connection_pool
from services.published_batches import published_batch_reports
from tests.support.archiver.commands import OPERATOR
from tests.support.archiver.desk import ANNA, BERT, Desk
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, keys_of, writer_of
from tests.support.installation import EXAMPLE
from tests.support.observer import until
from tests.support.router.batch_office import NUMBER

SETTLE = """
insert into deliverer.delivery (destination, event, conversation, state, attempts, status, at,
    tenant)
select unnest(destinations), unnest(events), 'x', $1, 1, 200, now(), 'almelo' from router.inbox
on conflict (destination, event) do update set state = excluded.state
"""
PUBLISH = "update router.lease set published = (select max(xact) from router.inbox)"
AGE = "update balance.open set began_at = began_at - interval '2 hours'"
DRAIN = """
insert into balance.consumer (queue, instance, drained_at)
select queue, '00000000-0000-7000-8000-000000000001', now() from (
    select 'deliverer.destination.' || unnest(destinations) as queue from router.inbox
    union select 'archiver.records') q
on conflict (queue, instance) do update set drained_at = excluded.drained_at
"""


class Office:
    """A desk at which citizens write, and the balance of it."""

    def __init__(self, desk: Desk, pool: Pool, archiver: Pool) -> None:
        """`archiver` has the rights of that service, and no others."""
        self.desk, self.pool, self.archiver = desk, pool, archiver

    async def round(self) -> RoundResult:
        result = await run_round(self.archiver)
        assert result
        return result

    async def sheet(self) -> Sheet:
        await self.round()
        return await load_sheet(self.archiver)

    async def parts(self, equation: str) -> dict[str, int]:
        """Parts of one equation that are not 0, over all subjects, with the whole."""
        counts: dict[str, int] = {}
        for line in (await self.sheet()).lines:
            if line.equation == equation:
                assert line.difference == 0
                for part, count in ({"whole": line.whole} | line.parts).items():
                    counts[part] = counts.get(part, 0) + count
        return {part: count for part, count in counts.items() if count}

    async def is_drained(self) -> None:
        """Everything is published, and every queue was drained since."""
        await self.pool.execute(PUBLISH)
        await self.round()
        await self.pool.execute(DRAIN)

    async def missing(self) -> list[tuple[str, str]]:
        return [(each.equation, each.id) for each in (await self.sheet()).missing]


@pytest.fixture
async def office(desk: Desk, pool: Pool, empty: str) -> AsyncIterator[Office]:
    await desk.heard((ANNA, "er ligt afval"), (BERT, "mijn paspoort is verlopen"))
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 2) as archiver:
        yield Office(desk, pool, archiver)


async def test_everything_decided_is_followed_until_its_end(office: Office) -> None:
    assert await office.parts("item") == {"whole": 2, "decided": 2}
    record = await office.parts("record")
    assert record == {"whole": record["whole"], "recorded": record["whole"]}
    begun = (await office.parts("delivery"))["whole"]
    assert await office.parts("delivery") == {"whole": begun, "under way": begun}
    for state, part in (("aside", "aside"), ("parked", "parked"), ("settled", "settled")):
        await office.pool.execute(SETTLE, state)
        assert await office.parts("delivery") == {"whole": begun, part: begun}
    assert await office.pool.fetchval("select count(*) from balance.open") == 0
    assert (await office.sheet()).is_closed


async def test_repeat_of_meta_counts_as_repeated(office: Office) -> None:
    conversation = await office.pool.fetchval("select min(id) from router.conversation")
    came = {"receipt": clock.new_id(), "item_index": 0}
    await office.desk.add("segment", conversation, {}, **came)
    assert await office.parts("item") == {"whole": 3, "decided": 2, "repeated": 1}


async def test_delivery_is_missing_only_after_its_queue_was_drained(office: Office) -> None:
    assert await office.missing() == []
    await office.pool.execute(DRAIN)  # drained, but the router has not published it yet
    assert await office.missing() == []
    await office.is_drained()
    begun = (await office.parts("delivery"))["whole"]
    missing = await office.missing()
    assert len(missing) == begun and {equation for equation, _ in missing} == {"delivery"}
    await office.pool.execute("update balance.consumer set drained_at = null")  # a restart
    assert len(await office.missing()) == begun
    await office.pool.execute(SETTLE, "settled")  # it turns up
    assert await office.missing() == []


async def test_record_that_was_deleted_by_hand_is_named(office: Office) -> None:
    [record] = await office.pool.fetch("select record from router.inbox limit 1")
    await office.pool.execute("delete from archiver.entry where id = $1", record["record"])
    await office.is_drained()
    assert ("record", str(record["record"])) in await office.missing()


async def test_decision_that_was_deleted_by_hand_is_named(office: Office) -> None:
    [gone] = await office.pool.fetch(
        "delete from router.inbox where key = (select key from router.inbox limit 1)"
        " returning record"
    )
    assert await office.missing() == []  # a router of an older version may have decided it
    await office.pool.execute(AGE)
    assert await office.missing() == [("item", str(gone["record"]))]
    assert (await office.sheet()).missing_counts["item"] == 1


def traced(url: str) -> dict[str, str]:
    """Settings of `trace`."""
    return {
        "POSTKAMER_DATABASE_URL": url,
        "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_CONFIG": str(EXAMPLE),
        "POSTKAMER_OPERATOR": OPERATOR,
    }


RECORDED = "select e.id from archiver.entry e join router.inbox i on i.record = e.id limit 1"
ENDED = {
    "record": ("archiver.entry", "id", RECORDED),
    "delivery": ("deliverer.delivery", "event", "select events[1] from router.inbox limit 1"),
    "send": ("deliverer.ledger", "id", "select id from deliverer.ledger limit 1"),
    "quarantine": ("router.quarantine", "id", "select id from router.quarantine limit 1"),
    "item": ("router.inbox", "record", RECORDED),
}
"""Equation -> the table of its rows, the column of their id, and a query of one id."""


@pytest.mark.parametrize("equation", ENDED)
async def test_row_that_is_deleted_after_its_end_is_named_until_it_is_back(
    office: Office, empty: str, equation: str
) -> None:
    pool, (table, column, query) = office.pool, ENDED[equation]
    await office.desk.office.takes(office.desk.office.came(b"no webhook"))
    conversation = await pool.fetchval("select min(id) from router.conversation")
    await office.desk.takes(office.desk.office.order(conversation=conversation))
    await pool.execute(SETTLE, "settled")
    await pool.execute("update deliverer.ledger set state = 'sent'")
    await pool.execute("update router.quarantine set again_at = now()")
    came = {"receipt": clock.new_id(), "item_index": 0}
    await office.desk.add("segment", conversation, {}, **came)  # a repeat has no decision
    before = await office.sheet()
    assert before.is_closed

    id = await pool.fetchval(query)
    await pool.execute(f"create table kept as table {table} with no data")
    await pool.execute(
        f"with gone as (delete from {table} where {column} = $1 returning *)"
        " insert into kept select * from gone",
        id,
    )
    shown = (await asyncio.to_thread(run, empty, code=1)).stdout
    assert f"gone     {equation}  {id}" in shown
    assert ("2 things are" if equation == "record" else "1 thing is") + " missing" in shown
    assert (await office.sheet()).lines == before.lines, "the sums have it as ended"
    told = await asyncio.to_thread(postkamer, "trace", str(id), "--reason", "x", env=traced(empty))
    assert "the balance misses it since" in told.output and "Now: done" not in told.output
    await pool.execute(f"insert into {table} overriding system value select * from kept")
    assert "is still there" in (await asyncio.to_thread(run, empty)).stdout
    assert (await office.sheet()).lines == before.lines


async def test_accepted_loss_is_not_named_again(office: Office, empty: str) -> None:
    await office.pool.execute(SETTLE, "settled")
    assert (await office.sheet()).is_closed
    await office.pool.execute("delete from deliverer.delivery")
    await office.is_drained()
    begun = (await office.parts("delivery"))["whole"]
    accept = "--accept", "all", "--reason", "oefening"
    assert f"{begun} things are missing" in (await asyncio.to_thread(run, empty, code=1)).stdout
    for command in (accept, ()):
        assert "is still there" in (await asyncio.to_thread(run, empty, *command)).stdout
    assert await office.parts("delivery") == {"whole": begun, "settled": begun}


BY_HAND = """
with missing as (
    delete from balance.open where part = 'missing' returning equation, id, subject
)
insert into balance.accepted (equation, id, subject, operation)
select equation, id, subject, $1 from missing
"""


async def move_operations(pool: Pool) -> None:
    async def has_no_key(_: object) -> bool:
        return False

    outbox = operation_outbox(pool, ["almelo"], has_no_key)
    records = await outbox.fetch_unpublished(100, [])
    await (await writer_of(pool)).add(records)
    await outbox.mark_published(records)


async def test_loss_that_was_accepted_by_hand_is_missing_again(
    office: Office, pool: Pool, empty: str
) -> None:
    await pool.execute(SETTLE, "settled")
    assert (await office.sheet()).is_closed
    await pool.execute("delete from deliverer.delivery where event = (select min(event::text)"
                       " from deliverer.delivery)::uuid")  # fmt: skip
    await asyncio.to_thread(run, empty, code=1)
    await asyncio.to_thread(run, empty, "--accept", "all", "--reason", "oefening")
    keys = await keys_of(pool)
    acceptances = Acceptances(keys)
    assert await acceptances.compare(office.archiver) == 0, "its operation is not on the record yet"
    await move_operations(pool)
    for each in (acceptances, Acceptances(keys)):
        assert await each.compare(office.archiver) == 0
    [operation] = await pool.fetch("select id from archiver.entry where kind = 'operation'")
    await pool.execute("delete from deliverer.delivery")
    for named, back in ((None, 0), (operation["id"], 1)):
        await asyncio.to_thread(run, empty, code=1)
        lost = len(await office.missing())
        await pool.execute(BY_HAND, named)
        assert (await office.sheet()).is_closed and lost
        assert await acceptances.compare(office.archiver) == lost + back
        assert len(await office.missing()) == lost + back
        assert await acceptances.compare(office.archiver) == 0
    await asyncio.to_thread(run, empty, "--accept", "all", "--reason", "oefening")
    await move_operations(pool)
    assert await acceptances.compare(office.archiver) == 0
    assert (await office.sheet()).is_closed


async def test_entry_that_no_decision_names_leaves_a_hole_in_the_record(
    office: Office, empty: str
) -> None:
    conversation = await office.pool.fetchval("select min(id) from router.conversation")
    await office.desk.add("note", conversation, {"text": "gebeld"})
    await office.pool.execute(SETTLE, "settled")
    assert (await office.sheet()).is_closed
    await office.pool.execute("create table kept as table archiver.entry with no data")
    position = await office.pool.fetchval(
        "with gone as (delete from archiver.entry where kind = 'note' returning *),"
        " kept as (insert into kept select * from gone) select position from gone"
    )
    assert f"gone     entry  {position}  " in (await asyncio.to_thread(run, empty, code=1)).stdout
    assert (await office.sheet()).missing_counts["entry"] == 1
    await office.pool.execute("insert into archiver.entry select * from kept")
    assert "is still there" in (await asyncio.to_thread(run, empty)).stdout
    await office.pool.execute("delete from archiver.entry where kind = 'note'")
    await asyncio.to_thread(run, empty, code=1)
    accept = "--accept", str(position), "--reason", "oefening"
    assert "is still there" in (await asyncio.to_thread(run, empty, *accept)).stdout
    acceptances = Acceptances(await keys_of(office.pool))
    await move_operations(office.pool)
    assert await acceptances.compare(office.archiver) == 0
    await office.pool.execute("insert into archiver.entry select * from kept")
    await asyncio.to_thread(run, empty)
    assert await acceptances.compare(office.archiver) == 0, "what is back stays accepted"
    await office.pool.execute("update balance.lost_entry set operation = null")
    assert await acceptances.compare(office.archiver) == 1
    assert "is still there" in (await asyncio.to_thread(run, empty)).stdout


async def steps_of_pass(office: Office) -> list[int]:
    """Steps to the end of the archiver's pass, a decision or entry at a time: the number of things
    that are gone, in each."""
    gone: list[int] = []
    while not gone or await office.pool.fetchval("select position from balance.past"):
        result = await run_round(office.archiver, past=1)
        assert result and len(gone) < 60
        gone.append(result.missing)
    return gone


async def test_archiver_goes_through_the_past_in_bounded_steps(
    office: Office, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round, "PAST_AT_ONCE", 1)
    for _ in range(3):
        await office.desk.heard((ANNA, "nog een"), (BERT, "en nog een"))
    await office.pool.execute(SETTLE, "settled")
    assert (await office.sheet()).is_closed
    await steps_of_pass(office)  # the pass of before ends
    await office.pool.execute("delete from deliverer.delivery")
    step = await run_round(office.archiver, past=1)
    total = await office.pool.fetchval("select sum(cardinality(events)) from router.inbox")
    assert step and 0 < step.missing < total / 2, "the pass of the archiver has begun"
    shown = (await asyncio.to_thread(run, empty, code=1)).stdout
    assert f"{total} things are missing" in shown, "the command makes a pass of its own beside it"
    entries = await office.pool.fetchval("select size from archiver.head")
    began = await office.pool.fetchval("select began_at from balance.past")
    gone = await steps_of_pass(office)
    assert len(gone) == entries - 1 and not any(gone), "and that of the archiver goes on"
    assert await office.pool.fetchval("select whole_at from balance.past") >= began
    await office.pool.execute("delete from archiver.entry where item is null")
    before = await office.pool.fetchval("select now()")
    lacking = entries - await office.pool.fetchval("select count(*) from archiver.entry")
    assert lacking > 3
    await steps_of_pass(office)
    whole = await office.pool.fetchval("select whole_at from balance.past")
    assert whole < before, "the pass had begun before they were deleted"
    assert (await office.sheet()).missing_counts["entry"] == lacking


async def test_command_waits_for_its_turn_and_says_so_if_none_comes(
    office: Office, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.is_drained()
    assert await office.missing()
    accept = "--accept", "all", "--reason", "oefening"
    async with office.pool.acquire() as connection, connection.transaction():
        assert await try_turn(connection)
        assert await run_round(office.archiver) is None
        waiting = asyncio.create_task(asyncio.to_thread(run, empty, *accept))
        waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        await until(lambda: office.pool.fetchval(waits), bool, 10)
    assert "The balance closes" in (await waiting).stdout
    monkeypatch.setattr(turn, "TURN_SECONDS", 1)
    async with office.pool.acquire() as connection, connection.transaction():
        assert await try_turn(connection)
        for arguments in ((), accept, ("--begin", "--reason", "oefening")):
            refused = await asyncio.to_thread(run, empty, *arguments, code=1)
            assert "others draw up the balance all the time" in refused.stderr


async def test_nothing_is_hidden_by_saying_that_it_was_cleared_or_is_yet_to_come(
    office: Office, empty: str
) -> None:
    await office.pool.execute(SETTLE, "settled")
    assert (await office.sheet()).is_closed
    await office.pool.execute("update router.cleared set first_at = now() - interval '6 days'")
    refused = await asyncio.to_thread(run, empty, code=1)
    assert "somebody hides them from the balance" in refused.stderr
    await office.pool.execute("update router.cleared set first_at = now() - interval '8 days'")
    far = "first_xact = 1e15, first_position = 1e15, end_xact = 1e16, end_position = 1e16"
    await office.pool.execute(f"update balance.past set {far}, xact = 1e15, position = 1e15")
    await office.pool.execute("delete from deliverer.delivery")
    await office.round()  # it ends that pass
    assert {equation for equation, _ in await office.missing()} == {"delivery"}


async def test_rows_of_the_balance_itself_that_are_deleted_end_no_archiver(
    office: Office, empty: str
) -> None:
    await office.pool.execute("delete from balance.past")
    assert (await office.sheet()).is_closed
    await office.pool.execute("delete from balance.progress")
    with capture_logs() as lines:
        keeping = asyncio.create_task(keep_balance(office.archiver, await keys_of(office.pool)))
        await until(lambda: asyncio.sleep(0, lines), bool, 10)
        assert not keeping.done() and lines[0]["event"] == "balance.failed"
        keeping.cancel()
    assert "--begin" in (await asyncio.to_thread(run, empty, code=1)).stderr
    begun = await asyncio.to_thread(run, empty, "--begin", "--reason", "rij gewist")
    assert "The balance closes" in begun.stdout


async def test_send_without_its_line_in_the_ledger_is_named(office: Office) -> None:
    conversation = await office.pool.fetchval("select min(id) from router.conversation")
    command = office.desk.office.order(conversation=conversation)
    await office.desk.takes(command)
    assert await office.parts("send") == {"whole": 1, "waiting": 1}
    await office.pool.execute("delete from deliverer.ledger where id = $1", command.id)
    assert await office.missing() == [("send", str(command.id))]


async def test_item_that_no_copy_of_its_body_brought_is_named(office: Office, pool: Pool) -> None:
    receipt = await pool.fetchval("delete from archiver.entry where item = 0 returning receipt")
    await pool.execute("update balance.progress set begun_at = now() + interval '1 hour'")
    await office.round()
    await pool.execute(AGE)
    assert ("receipt", str(receipt)) in await office.missing()


async def test_missing_batch_is_named_after_ten_minutes(office: Office, pool: Pool) -> None:
    source = UUID(int=7)
    await pool.execute(
        "insert into router.gap (partition, source, number) values (1, $1, 5)", source
    )
    assert await office.missing() == []
    await pool.execute("update router.gap set since = now() - interval '11 minutes'")
    assert await office.missing() == [("batch", f"{source}:5")]


async def test_last_batches_of_a_source_that_ended_are_named_once_its_queue_was_drained(
    office: Office, pool: Pool, empty: str
) -> None:
    source, other, done = clock.new_id(), clock.new_id(), clock.new_id()
    known = "insert into router.source (partition, source, next) values (3, $1, 5)"
    told = "insert into balance.published (source, partition, next) values ($1, 3, $2)"
    for each, count in ((source, 7), (other, 2), (done, 5)):
        await pool.execute(told, each, count)
    for each in (source, done):
        await pool.execute(known, each)
    drained = "insert into balance.consumer values ('router.partition.3', $1, now() + $2::interval)"
    await pool.execute(drained, clock.new_id(), timedelta(hours=-1))
    assert await office.missing() == []
    await pool.execute("update balance.consumer set drained_at = now()")
    assert await office.missing() == [], "they may be late"
    await pool.execute("update balance.published set lost_at = lost_at - interval '11 minutes'")
    assert sorted(await office.missing()) == sorted(
        ("batch", f"{each}:{n}") for each, ns in ((source, (5, 6)), (other, (0, 1))) for n in ns
    )
    assert await count_gaps(office.archiver) == {3: 4}
    await pool.execute("update router.source set next = 7 where source = $1", source)
    assert sorted(await office.missing()) == [("batch", f"{other}:{n}") for n in (0, 1)]
    await asyncio.to_thread(run, empty, "--accept", f"{other}:1", "--reason", "oefening", code=0)
    assert await office.missing() == []


async def test_process_tells_how_many_batches_it_has_published(
    office: Office, pool: Pool, broker: Broker
) -> None:
    source, rows = clock.new_id(), "select partition, next from balance.published order by 1"
    async with broker_connection(broker.url, "test") as link:
        publisher = PartitionPublisher(link, source, 2)
        async with published_batch_reports(pool, [publisher]):
            for partition in (0, 1, 1):
                await publisher.publish(partition, [], 5)
        assert [tuple(row) for row in await pool.fetch(rows)] == [(0, 1), (1, 2)]


async def test_round_does_not_look_at_rows_of_a_running_transaction(
    office: Office, pool: Pool
) -> None:
    before = await office.parts("item")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("create temporary table busy () on commit drop")
        await office.desk.heard((ANNA, "en nog iets"))
        assert await office.parts("item") == before
    after = await office.parts("item")
    assert after["whole"] == before["whole"] + 1


def run(url: str, *arguments: str, code: int = 0) -> Any:
    env = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_OPERATOR": OPERATOR}
    result = CliRunner().invoke(main, ["balance", *arguments], env=env)
    assert result.exit_code == code, result.output
    return result


async def test_command_names_what_is_missing_until_it_is_accepted(
    office: Office, pool: Pool, empty: str
) -> None:
    conversation = await pool.fetchval("select min(id) from router.conversation")
    command = office.desk.office.order(conversation=conversation)
    await office.desk.takes(command)
    await pool.execute("delete from deliverer.ledger where id = $1", command.id)
    shown = await asyncio.to_thread(run, empty, code=1)
    assert f"missing  send  {command.id}  {NUMBER}" in shown.stdout
    sheet = msgspec.json.decode((await asyncio.to_thread(run, empty, "--json", code=1)).stdout)
    assert sheet["missing_counts"]["send"] == 1
    accepted = await asyncio.to_thread(
        run, empty, "--accept", str(command.id), "--reason", "test van 29 november"
    )
    assert "The balance closes" in accepted.stdout and "accepted" in accepted.stdout
    again = await asyncio.to_thread(
        run, empty, "--accept", str(command.id), "--reason", "x", code=1
    )
    assert "nothing is missing under this id" in again.stderr
    assert await pool.fetchval("select what from access.operation") == "balance accept"


async def test_decisions_of_an_older_router_are_not_compared(office: Office, pool: Pool) -> None:
    await pool.execute(
        "update router.inbox set record = null, is_item = false, records = '{}', events = '{}',"
        " destinations = '{}', send = null"
    )
    await office.round()
    await pool.execute(AGE)
    assert await office.missing() == [] and (await office.sheet()).lines == []
    await office.desk.heard((ANNA, "na de upgrade"))
    assert (await office.sheet()).is_closed


async def test_body_of_a_webhook_is_followed_into_the_record(office: Office, pool: Pool) -> None:
    receipt = await pool.fetchval("delete from archiver.entry where kind = 'receipt' returning id")
    await office.is_drained()
    assert ("record", str(receipt)) in await office.missing()


async def test_open_transaction_makes_the_balance_late_and_no_busier(
    office: Office, pool: Pool
) -> None:
    assert (await office.sheet()).round_at
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("create temporary table busy () on commit drop")
        await office.desk.heard((ANNA, "en nog iets"))
        assert not (await office.round()).is_full
        before = (await office.sheet()).round_at
        await pool.execute("update router.inbox set decided_at = decided_at - interval '1 hour'")
        assert (await office.sheet()).round_at == before
    assert (await office.sheet()).round_at != before


async def test_restore_into_another_cluster_stops_the_balance_until_it_begins_anew(
    office: Office, pool: Pool, empty: str
) -> None:
    await office.sheet()
    await pool.execute("update balance.progress set cluster = cluster + 1")
    await pool.execute("update router.inbox set xact = xact + 5000000")
    await pool.execute("update router.lease set published = 5000000")
    with pytest.raises(OtherCluster):
        await office.round()
    assert "--begin" in (await asyncio.to_thread(run, empty, code=1)).stderr
    begun = await asyncio.to_thread(run, empty, "--begin", "--reason", "teruggezet")
    assert "The balance closes" in begun.stdout
    assert await pool.fetchval("select count(*) from router.inbox where xact is not null") == 0
    assert await pool.fetchval("select max(published) from router.lease") == 0
    await pool.execute("delete from archiver.entry where kind = 'message'")
    assert "is still there" in (await asyncio.to_thread(run, empty)).stdout, "it was before"


@pytest.mark.parametrize(
    "options", [("--reason", "x"), ("--accept", "x"), ("--accept", "x", "--begin", "--reason", "x")]
)
def test_command_is_misused(options: tuple[str, ...], empty: str) -> None:
    run(empty, *options, code=2)


async def test_all_that_is_missing_is_accepted_at_once(office: Office, empty: str) -> None:
    await office.is_drained()
    assert await office.missing()
    accepted = await asyncio.to_thread(run, empty, "--accept", "all", "--reason", "oefening")
    assert "The balance closes" in accepted.stdout


async def test_quarantined_item_is_followed_until_a_person_has_decided(
    office: Office, pool: Pool
) -> None:
    await office.desk.office.takes(office.desk.office.came(b"no webhook"))
    assert await office.parts("quarantine") == {"whole": 1, "waiting": 1}
    id = await pool.fetchval("update router.quarantine set again_at = now() returning id")
    assert await office.parts("quarantine") == {"whole": 1, "again": 1}
    await office.desk.office.takes(office.desk.office.came(b"no webhook either"))
    await office.round()
    await pool.execute("delete from router.quarantine where id <> $1", id)
    missing = await office.missing()
    assert [equation for equation, _ in missing] == ["quarantine"]
