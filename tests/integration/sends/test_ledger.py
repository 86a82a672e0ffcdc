"""The ledger of what goes to Meta, on a real PostgreSQL."""

import asyncio
import re
from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.meta import shared_pacing
from deliverer.meta.closed_window import IN_TEMPLATE
from deliverer.meta.graph_api import Failed, RetryLater, Sent
from deliverer.meta.ledger import PACE_SECONDS, SHUT, Ledger
from deliverer.meta.ledger_sql import CLAIM, PAIR_MESSAGES, PAIR_SECONDS
from deliverer.meta.send_outcomes import outcome_outbox
from deliverer.meta.shared_pacing import TICKS, consume_shared, shared_capacity
from router.model.changes import Changes
from router.store.save import save_changes
from services import clock
from services.contract import AUTOMATED_AUTHOR, SendOutcome
from services.keys.working_keys import working_keys
from services.postgres.database import DATABASE_ERRORS, Pool, is_transient
from services.sealing.columns import OUTCOME, WAMID, bind
from services.sealing.key_ring import RING
from tests.support.integration.sealed_lines import seal_lines
from tests.support.observer import until, until_true
from tests.support.working_keys import MASTER

_INSERT = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, created_at, due_at)
values ($1, $3, 'c', 1, $2, 'phone', '31612345678', '{"type": "text"}', now(), now())
"""


async def _queue(
    pool: Pool, count: int, person: UUID | None = None, number: str = "106540352242922"
) -> list[UUID]:
    """Lines, of one citizen or of a citizen each."""
    ids = [clock.new_id() for _ in range(count)]
    for id in ids:
        await pool.execute(_INSERT, id, person or clock.new_id(), number)
    await seal_lines(pool)
    return ids


async def test_claim_whose_answer_was_lost_is_found_again_by_its_process_alone(
    pool: Pool,
) -> None:
    ids = await _queue(pool, 3)
    mine, other = Ledger(pool, clock.new_id(), {}), Ledger(pool, clock.new_id(), {})
    lost = await mine.claim(10, set())
    assert {line.id for line in lost} == set(ids)
    assert await other.claim(10, set()) == []
    found = await mine.claim(10, set())
    assert sorted(found, key=lambda line: line.id) == sorted(lost, key=lambda line: line.id)


async def test_messages_that_a_process_holds_are_not_given_to_it_again(pool: Pool) -> None:
    await _queue(pool, 2)
    ledger = Ledger(pool, clock.new_id(), {})
    first, second = await ledger.claim(10, set())
    assert await ledger.claim(10, {first.opaque}) == [second]
    assert await ledger.claim(10, {first.opaque, second.opaque}) == []


async def test_messages_of_a_citizen_go_one_at_a_time_and_in_order(pool: Pool) -> None:
    ids = await _queue(pool, 3, clock.new_id())
    ledger = Ledger(pool, clock.new_id(), {})
    for id in ids:
        (line,) = await ledger.claim(10, set())
        assert line.id == id
        assert await ledger.claim(10, {line.opaque}) == []
        await ledger.settle(line, Sent(f"wamid.{id}"), clock.now())


async def test_business_initiated_messages_keep_order_and_an_answer_overtakes(pool: Pool) -> None:
    first, second, answer = await _queue(pool, 3, clock.new_id())
    purpose = "update deliverer.ledger set purpose = 'afspraken' where id = any($1::uuid[])"
    await pool.execute(purpose, [first, second])
    ledger = Ledger(pool, clock.new_id(), {})
    (line,) = await ledger.claim(10, set())
    await ledger.settle(line, RetryLater(60.0, 131056, "later"), clock.now())
    (line,) = await ledger.claim(10, set())
    assert line.id == answer, "an answer overtakes it, the second one does not"
    await ledger.settle(line, Sent("wamid.answer"), clock.now())
    assert await ledger.claim(10, set()) == []
    await pool.execute("update deliverer.ledger set due_at = now() where id = $1", first)
    for id in (first, second):
        (line,) = await ledger.claim(10, set())
        assert line.id == id
        await ledger.settle(line, Sent(f"wamid.{id}"), clock.now())


async def test_late_verdict_of_one_attempt_does_not_change_the_next(pool: Pool) -> None:
    (id,) = await _queue(pool, 1)
    ledger = Ledger(pool, clock.new_id(), {})
    (first,) = await ledger.claim(10, set())
    await ledger.settle(first, RetryLater(0.0, 131000, "131000: later"), clock.now())
    (second,) = await ledger.claim(10, set())
    assert (second.id, second.attempt) == (id, 2)
    await ledger.settle(first, RetryLater(0.0, 131000, "131000: later"), clock.now())
    await ledger.settle(first, Sent("wamid.first"), clock.now())
    state = await pool.fetchval("select state from deliverer.ledger where id = $1", id)
    assert state == "sending"
    assert await pool.fetchval("select count(*) from deliverer.outcome") == 0


async def test_attempt_knows_how_long_ago_the_first_one_was(pool: Pool) -> None:
    (id,) = await _queue(pool, 1)
    ledger = Ledger(pool, clock.new_id(), {})
    (line,) = await ledger.claim(10, set())
    assert line.tried == 0
    await pool.execute("update deliverer.ledger set first_at = now() - interval '1 day'")
    await ledger.settle(line, RetryLater(0.0, 80007, "80007: later"), clock.now())
    (line,) = await ledger.claim(10, set())
    assert (line.id, line.attempt) == (id, 2) and 86400 <= line.tried < 86500
    assert await ledger.claim(10, set()) == [line]


async def test_messages_of_a_stopped_number_resume_at_a_pace_and_no_others_do(
    pool: Pool,
) -> None:
    ledger = Ledger(pool, clock.new_id(), {})
    ours, theirs = await _queue(pool, 3), await _queue(pool, 2, number="206540352242923")
    (put_off,) = await _queue(pool, 1)
    for line in await ledger.claim(10, set()):
        later = RetryLater(3600.0, 190, "190: stopped", stop=line.id != put_off)
        await ledger.settle(line, later, clock.now())
    assert await ledger.claim(10, set()) == []
    await ledger.resume_stopped()
    rows = await pool.fetch(_PLACES, PACE_SECONDS)
    places = {row["id"]: row["place"] for row in rows}
    assert [places[id] for id in (*ours, *theirs)] == [0, 1, 2, 0, 1]
    assert places[put_off] > 1000


async def test_message_in_flight_is_not_resumed(pool: Pool) -> None:
    (id,) = await _queue(pool, 1)
    ledger = Ledger(pool, clock.new_id(), {})
    (line,) = await ledger.claim(10, set())
    await ledger.settle(line, RetryLater(0.0, 190, "190: stopped", stop=True), clock.now())
    (line,) = await ledger.claim(10, set())
    await Ledger(pool, clock.new_id(), {}).resume_stopped()
    await ledger.settle(line, RetryLater(3600.0, 131000, "131000: later"), clock.now())
    await ledger.resume_stopped()
    assert await pool.fetchval("select due_at > now() from deliverer.ledger where id = $1", id)


async def test_unconfirmed_messages_are_counted_for_a_day_or_until_known(
    pool: Pool,
) -> None:
    ids = await _queue(pool, 3)
    await _queue(pool, 1, number="206540352242923")
    await Ledger(pool, clock.new_id(), {}).claim(10, set())
    await pool.execute("update deliverer.ledger set claimed_at = now() - interval '1 hour'")
    assert await Ledger(pool, clock.new_id(), {}).sweep(clock.now()) == 4
    ledger = Ledger(pool, clock.new_id(), {})
    assert await ledger.count_unconfirmed() == {"106540352242922": 3, "206540352242923": 1}
    await pool.execute("update deliverer.ledger set state = 'sent' where id = $1", ids[0])
    yesterday = "update deliverer.ledger set claimed_at = now() - interval '25 hours' where id = $1"
    await pool.execute(yesterday, ids[1])
    assert await ledger.count_unconfirmed() == {"106540352242922": 1, "206540352242923": 1}


_PLACES = """
select id, round(extract(epoch from due_at - min(due_at) over ()) / $1::float8)::int as place
from deliverer.ledger
"""


OTHER_NUMBER = "206540352242923"
NUMBER = "106540352242922"


async def test_claim_keeps_to_the_room_of_each_number_and_numbers_take_turns(pool: Pool) -> None:
    await _queue(pool, 30)
    await _queue(pool, 3, number=OTHER_NUMBER)
    ledger = Ledger(pool, clock.new_id(), {})
    lines = await ledger.claim(8, set(), {NUMBER: 30, OTHER_NUMBER: 30})
    assert [line.number for line in lines].count(OTHER_NUMBER) == 3
    assert len(lines) == 8
    held = {line.opaque for line in lines}
    lines = await ledger.claim(8, held, {NUMBER: 2, OTHER_NUMBER: 30})
    assert [line.number for line in lines] == [NUMBER] * 2
    held |= {line.opaque for line in lines}
    assert await ledger.claim(8, held, {NUMBER: 0, OTHER_NUMBER: 0}) == []


async def test_messages_of_a_number_that_left_the_configuration_are_claimed(pool: Pool) -> None:
    ids = await _queue(pool, 2, number=OTHER_NUMBER)
    ledger = Ledger(pool, clock.new_id(), {})
    assert {line.id for line in await ledger.claim(8, set(), {NUMBER: 5})} == set(ids)


async def test_citizen_is_sent_no_more_than_meta_takes_for_one(pool: Pool) -> None:
    person = clock.new_id()
    await _queue(pool, PAIR_MESSAGES + 2, person)
    other = await _queue(pool, 1)
    ledger = Ledger(pool, clock.new_id(), {})
    for _ in range(PAIR_MESSAGES):
        lines = await ledger.claim(1, set(), {NUMBER: 1})
        for line in lines:
            await ledger.settle(line, Sent("wamid.x"), clock.now())
    (line,) = await ledger.claim(8, set(), {NUMBER: 8})
    assert line.id == other[0]
    passed = "update deliverer.ledger set claimed_at = claimed_at - interval '{} seconds'"
    await pool.execute(passed.format(PAIR_SECONDS))
    (line,) = await ledger.claim(8, {line.opaque}, {NUMBER: 8})
    assert line.id != other[0]


async def test_claim_reads_only_what_is_due_however_much_waits(
    pool: Pool,
) -> None:
    [due] = await _queue(pool, 1)
    backlog = """
    insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
        content, created_at, due_at, purpose)
    select gen_random_uuid(), $1, 'c', 1, gen_random_uuid(), 'phone', '31600000000', '{}', now(),
        now() + interval '8 hours', $2 from generate_series(1, 3000)
    """
    for number in ("106540352242922", "gone"):
        for purpose in ("", "herinneringen"):
            await pool.execute(backlog, number, purpose)
    await pool.execute("vacuum analyze deliverer.ledger")
    given = clock.new_id(), "{}", 32, ["106540352242922"], [20], 60.0
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(f"explain (analyze, costs off) {CLAIM}", *given)
    plan = "\n".join(row[0] for row in rows)
    assert "ledger_due" in plan
    assert not [n for n in re.findall(r"Rows Removed by Filter: (\d+)", plan) if int(n) > 10]
    assert max(int(n) for n in re.findall(r"rows=(\d+)", plan)) < 10
    ledger = Ledger(pool, clock.new_id(), {})
    await pool.execute("update deliverer.ledger set state = 'queued' where id = $1", due)
    assert [line.id for line in await ledger.claim(10, set(), {"106540352242922": 20})] == [due]


async def test_message_that_was_due_first_goes_first(pool: Pool) -> None:
    first, second, third = await _queue(pool, 3)
    due = "update deliverer.ledger set due_at = now() - make_interval(secs => $2) where id = $1"
    for id, seconds in ((first, 1), (second, 3), (third, 2)):
        await pool.execute(due, id, seconds)
    ledger, order = Ledger(pool, clock.new_id(), {}), []
    for _ in range(3):
        [line] = await ledger.claim(1, {f"{id}.1" for id in order})
        order.append(line.id)
    assert order == [second, third, first]


AGE = "update deliverer.pace set tick = tick + $1::int"
"""Messages that were sent count so many ticks longer."""
FOREVER = 36000


@pytest.mark.parametrize("rate", [80.0, 1.0])
async def test_rate_of_a_number_is_shared_by_all_processes(pool: Pool, rate: float) -> None:
    most = int(rate)
    await _queue(pool, 3 * most)
    first, second = (Ledger(pool, clock.new_id(), {}) for _ in range(2))
    rooms, rates = {NUMBER: 1000}, {NUMBER: rate}
    assert len(await first.claim(1000, set(), rooms, rates)) == most
    await pool.execute(AGE, FOREVER)
    assert await second.claim(1000, set(), rooms, rates) == []
    await pool.execute(AGE, -2 * FOREVER)
    assert len(await second.claim(1000, set(), rooms, rates)) == most


async def test_processes_that_claim_at_once_keep_to_the_rate_together(pool: Pool) -> None:
    await _queue(pool, 100)
    ledgers = [Ledger(pool, clock.new_id(), {}) for _ in range(4)]
    rooms, rates = {NUMBER: 1000}, {NUMBER: 20.0}

    held = set[str]()
    for total in (20, 40):
        for _ in range(5):
            claims = (each.claim(1000, held, rooms, rates) for each in ledgers)
            held |= {line.opaque for lines in await asyncio.gather(*claims) for line in lines}
        assert len(held) == total
        await pool.execute(AGE, -2 * FOREVER)  # a second later


async def test_process_that_stands_still_in_its_turn_holds_up_no_other(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _queue(pool, 3)
    monkeypatch.setattr(shared_pacing, "TURN_SECONDS", 0.2)
    still, others = Ledger(pool, clock.new_id(), {}), Ledger(pool, clock.new_id(), {})
    rooms, rates = {NUMBER: 1000}, {NUMBER: 20.0}
    thaw, look = asyncio.Event(), shared_pacing.shared_capacity

    async def stand_still(*arguments: Any) -> dict[str, int]:
        monkeypatch.setattr(shared_pacing, "shared_capacity", look)
        await thaw.wait()
        return await look(*arguments)

    monkeypatch.setattr(shared_pacing, "shared_capacity", stand_still)
    frozen = asyncio.create_task(still.claim(9, set(), rooms, rates))
    await until_true(lambda: shared_pacing.shared_capacity is look)
    lines = await until(lambda: others.claim(9, set(), rooms, rates), bool, 5)
    assert len(lines) == 3
    thaw.set()
    with pytest.raises(DATABASE_ERRORS) as raised:
        await frozen
    assert is_transient(raised.value), "it claims again"


async def test_messages_of_a_tick_add_up_and_older_ones_make_room(pool: Pool) -> None:
    add = (
        "insert into deliverer.pace values ($1, $2, floor(extract(epoch from now()) * 50) + $3, 9)"
    )
    await pool.execute(add, NUMBER, 64, FOREVER)  # places that no tick has
    await pool.execute(add, NUMBER, 65, -TICKS)
    async with pool.acquire() as connection:
        room = await shared_capacity(connection, {NUMBER: 100}, {NUMBER: 80.0})
        assert room == {NUMBER: 71}
        async with connection.transaction():  # one moment
            for _ in range(2):
                await consume_shared(connection, [NUMBER] * 3, {NUMBER: 80.0})
            room = await shared_capacity(connection, {NUMBER: 100}, {NUMBER: 80.0})
    assert room == {NUMBER: 65}


async def test_settled_send_still_learns_its_wamid_and_only_a_doubtful_one_goes_again(
    pool: Pool,
) -> None:
    went, lost, sent = await _queue(pool, 3)
    state = "update deliverer.ledger set state = $2, wamid = $3, first_at = now() where id = $1"
    await pool.execute(state, went, "unconfirmed", "")
    await pool.execute(state, lost, "unconfirmed", "")
    known = RING.seal_text("wamid.known", WAMID, bind(sent))
    await pool.execute(state, sent, "sent", known)
    steps = [
        Changes(settled_send=(went, "")),
        Changes(settled_send=(went, "wamid.late")),
        Changes(settled_send=(sent, "wamid.other")),
        *(Changes(repeated_send=id) for id in (lost, sent)),
    ]
    async with pool.acquire() as connection:
        for step in steps:
            await save_changes(connection, [step])
    rows = await pool.fetch("select id, state, wamid, first_at from deliverer.ledger")
    wamids = {row["id"]: RING.unseal_text(row["wamid"], WAMID, bind(row["id"])) for row in rows}
    lines = {row["id"]: (row["state"], wamids[row["id"]], row["first_at"] is None) for row in rows}
    assert lines == {
        went: ("sent", "wamid.late", False),
        lost: ("queued", "", True),
        sent: ("sent", "wamid.known", False),
    }


async def test_send_that_a_status_settled_first_still_tells_how_it_went(pool: Pool) -> None:
    await _queue(pool, 1)
    ledger = Ledger(pool, clock.new_id(), {})
    [line] = await ledger.claim(9, set())
    async with pool.acquire() as connection:
        await save_changes(connection, [Changes(settled_send=(line.id, "wamid.1"))])
    settle = lambda verdict: ledger.settle(line, verdict, clock.now())  # noqa: E731
    await settle(Sent("wamid.1"))
    await settle(Failed(131026, "x"))
    assert await pool.fetchval("select count(*) from deliverer.outcome") == 0
    for _ in range(2):  # its commit may have been lost
        await settle(Sent("wamid.1", IN_TEMPLATE))
    row = await pool.fetchrow("select state, code, reason from deliverer.ledger")
    assert tuple(row) == ("sent", 0, IN_TEMPLATE)
    [outcome] = await pool.fetch("select id, number, body from deliverer.outcome")
    body = RING.unseal(outcome["body"], OUTCOME, bind(outcome["id"], outcome["number"]))
    told = msgspec.msgpack.decode(body, type=SendOutcome)
    assert (told.message, told.state, told.reason) == (line.id, "sent", IN_TEMPLATE)


@pytest.mark.parametrize("column", ["address", "author", "wamid_of_another"])
async def test_row_that_does_not_open_fails_and_holds_back_no_other(
    pool: Pool, column: str
) -> None:
    shut, fine = await _queue(pool, 2)
    value = f"~1{'0' * 16}{'A' * 60}" if column != "address" else f"~2{'0' * 16}{'A' * 60}"
    name = "about_wamid" if column == "wamid_of_another" else column
    await pool.execute(f"update deliverer.ledger set {name} = $2 where id = $1", shut, value)
    await pool.execute("update deliverer.ledger set author_kind = $1", AUTOMATED_AUTHOR.kind)
    ledger = Ledger(pool, clock.new_id(), {})
    async with working_keys(pool, [MASTER]):  # as in a service, it looks for the key first
        claimed = await ledger.claim(5, ())
    assert [entry.id for entry in claimed] == [fine]
    row = await pool.fetchrow("select state, reason from deliverer.ledger where id = $1", shut)
    assert row and tuple(row) == ("failed", SHUT)
    [told] = await outcome_outbox(pool).fetch_unpublished(9, [])
    assert (told.message, told.state, told.reason) == (shut, "failed", SHUT)


@pytest.mark.parametrize(
    "content",
    ['"x"', "[]", "null", '{"type":"text","sealed":5}', '{"type":"text","sealed":["~1"]}',
     '{"type":"text","sealed":"[]"}'],
)  # fmt: skip
async def test_row_with_other_json_than_a_content_fails_and_holds_back_no_other(
    pool: Pool, content: str
) -> None:
    shut, fine = await _queue(pool, 2)
    await pool.execute("update deliverer.ledger set content = $2 where id = $1", shut, content)
    claimed = await Ledger(pool, clock.new_id(), {}).claim(5, ())
    assert [entry.id for entry in claimed] == [fine]
    state = "select state from deliverer.ledger where id = $1"
    assert await pool.fetchval(state, shut) == "failed"
