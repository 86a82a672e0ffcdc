"""The ledger of what goes to Meta, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from deliverer.graph import Later, Sent
from deliverer.ledger import Ledger
from services import clock
from services.database import Pool, connected, migrate
from tests.integration.conftest import all_migrations

_INSERT = """
insert into deliverer.ledger (id, number, conversation, person, address_kind, address, content,
    created_at, due_at)
values ($1, '106540352242922', 'c', $2, 'phone', '31612345678', '{"type": "text"}', now(), now())
"""


@pytest.fixture
async def pool(empty: str) -> AsyncIterator[Pool]:
    await migrate(empty, all_migrations())
    async with connected(empty, "test", 4) as pool:
        yield pool


async def _queue(pool: Pool, count: int, person: UUID | None = None) -> list[UUID]:
    """Lines, of one citizen or of a citizen each."""
    ids = [clock.new_id() for _ in range(count)]
    for id in ids:
        await pool.execute(_INSERT, id, person or clock.new_id())
    return ids


async def test_a_claim_whose_answer_was_lost_is_found_again_by_its_process_alone(
    pool: Pool,
) -> None:
    ids = await _queue(pool, 3)
    mine, other = Ledger(pool, clock.new_id(), {}), Ledger(pool, clock.new_id(), {})
    lost = await mine.claim(10, set())
    assert {line.id for line in lost} == set(ids)
    assert await other.claim(10, set()) == []
    found = await mine.claim(10, set())
    assert sorted(found, key=lambda line: line.id) == sorted(lost, key=lambda line: line.id)


async def test_what_a_process_holds_is_not_given_to_it_again(pool: Pool) -> None:
    await _queue(pool, 2)
    ledger = Ledger(pool, clock.new_id(), {})
    first, second = await ledger.claim(10, set())
    assert await ledger.claim(10, {first.opaque}) == [second]
    assert await ledger.claim(10, {first.opaque, second.opaque}) == []


async def test_a_citizen_s_messages_go_one_at_a_time_and_in_order(pool: Pool) -> None:
    ids = await _queue(pool, 3, clock.new_id())
    ledger = Ledger(pool, clock.new_id(), {})
    for id in ids:
        (line,) = await ledger.claim(10, set())
        assert line.id == id
        assert await ledger.claim(10, {line.opaque}) == []
        await ledger.settle(line, Sent(f"wamid.{id}"), clock.now())


async def test_what_is_written_late_of_one_attempt_does_not_touch_the_next(pool: Pool) -> None:
    (id,) = await _queue(pool, 1)
    ledger = Ledger(pool, clock.new_id(), {})
    (first,) = await ledger.claim(10, set())
    await ledger.settle(first, Later(0.0, 131000, "131000: later"), clock.now())
    (second,) = await ledger.claim(10, set())
    assert (second.id, second.attempt) == (id, 2)
    await ledger.settle(first, Later(0.0, 131000, "131000: later"), clock.now())
    await ledger.settle(first, Sent("wamid.first"), clock.now())
    state = await pool.fetchval("select state from deliverer.ledger where id = $1", id)
    assert state == "sending"
    assert await pool.fetchval("select count(*) from deliverer.outcome") == 0
