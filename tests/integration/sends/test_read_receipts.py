"""What citizens are shown as read, from the router's transaction to a provider."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from deliverer.meta.read_receipt_store import EXPIRY_SECONDS, TYPING_SECONDS, ReadReceiptStore
from deliverer.meta.read_receipts import MAX_ATTEMPTS, ReadReceiptSender
from deliverer.transport.http_client import http_client
from router.store.save import UPSERT_MARK
from services import clock, metrics
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.integration.message_provider import NUMBER, Account, Office

Place = tuple[Office, Account]
TEXT = {"type": "text", "text": {"body": "Ja."}}
REFUSED = (400, {"error": {"code": 131009}})
BUSY = (503, {"error": {"code": 131016}})
STOPPED = (401, {"error": {"code": 190}})


async def asked(pool: Pool, wamid: str = "wamid.c", **more: Any) -> UUID:
    """A mark as the router asks for it; `more`: person, number, typing, and its age in seconds."""
    id = clock.new_id()
    given = {"number": NUMBER, "person": clock.new_id(), "typing": False, "age": 0} | more
    at = clock.now() - timedelta(seconds=given["age"])
    row = (given["number"], given["person"], id, wamid, at, given["typing"], at)
    await pool.execute(UPSERT_MARK, *([value] for value in row))
    return id


@asynccontextmanager
async def marking(office: Office, account: Account) -> AsyncIterator[None]:
    """They go out, as by one process."""
    async with http_client(8, 5.0) as poster:
        work = ReadReceiptSender(ReadReceiptStore(office.pool), poster, {NUMBER: account})
        async with background_task(work.run()), background_task(work.sweep()):
            yield


async def until_gone(pool: Pool) -> None:
    """Until none of them waits any more."""
    async with asyncio.timeout(15):
        while await pool.fetchval("select count(*) from deliverer.mark"):
            await asyncio.sleep(0.02)


async def until_offered(office: Office, count: int) -> None:
    async with asyncio.timeout(15):
        while len(office.provider.marks) < count:
            await asyncio.sleep(0.02)


def counted(outcome: str) -> float:
    labels = {"number": NUMBER, "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("postkamer_marks_total", labels) or 0


async def test_a_mark_is_offered_once_and_is_then_forgotten(place: Place) -> None:
    office, account = place
    before = counted("marked")
    await asked(office.pool)
    async with marking(office, account):
        await until_gone(office.pool)
        # What comes later comes after it, so nothing more of the first was under way.
        await asked(office.pool, "wamid.later", typing=True)
        await until_gone(office.pool)
    plain = {"messaging_product": "whatsapp", "status": "read"}
    assert office.provider.marks == [
        plain | {"message_id": "wamid.c"},
        plain | {"message_id": "wamid.later", "typing_indicator": {"type": "text"}},
    ]
    assert counted("marked") == before + 2


async def test_of_one_citizen_the_newest_is_offered_and_what_is_older_changes_nothing(
    place: Place,
) -> None:
    office, account = place
    person = clock.new_id()
    await asked(office.pool, "wamid.1", person=person, age=5)
    newest = await asked(office.pool, "wamid.2", person=person, age=1)
    await asked(office.pool, "wamid.0", person=person, age=9)
    row = await office.pool.fetchrow("select id, wamid from deliverer.mark")
    assert tuple(row or ()) == (newest, "wamid.2")
    async with marking(office, account):
        await until_gone(office.pool)
    assert [mark["message_id"] for mark in office.provider.marks] == ["wamid.2"]


async def test_what_is_claimed_and_replaced_meanwhile_is_not_lost_with_the_old_one(
    place: Place,
) -> None:
    office, _ = place
    marks, person = ReadReceiptStore(office.pool), clock.new_id()
    await asked(office.pool, "wamid.1", person=person, age=5)
    [old] = await marks.claim({NUMBER: 4}, 4)
    assert await marks.claim({NUMBER: 4}, 4) == []
    await asked(office.pool, "wamid.2", person=person)
    await marks.reschedule(old, 60)
    await marks.delete(old)
    [new] = await marks.claim({NUMBER: 4}, 4)
    assert (new.wamid, new.attempt) == ("wamid.2", 1)


async def test_the_deliverers_own_rights_are_enough(place: Place, empty: str) -> None:
    office, _ = place
    for age in (0, 1, EXPIRY_SECONDS + 1):
        await asked(office.pool, typing=True, age=age)
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        marks = ReadReceiptStore(own)
        assert await marks.delete_overdue() == [NUMBER]
        first, second = await marks.claim({NUMBER: 4}, 4)
        await marks.reschedule(first, 60)
        await marks.delete(second)
    assert await office.pool.fetch("select id from deliverer.mark") == [(first.id,)]


async def test_a_process_that_was_killed_leaves_its_mark_to_the_next_one(place: Place) -> None:
    office, account = place
    await asked(office.pool)
    await ReadReceiptStore(office.pool).claim({NUMBER: 4}, 4)
    soon = "select due_at - now() < interval '1 minute' from deliverer.mark"
    assert await office.pool.fetchval(soon)
    await office.pool.execute("update deliverer.mark set due_at = now()")
    async with marking(office, account):
        await until_gone(office.pool)
    assert len(office.provider.marks) == 1


@pytest.mark.parametrize(
    ("age", "expected"), [(TYPING_SECONDS - 10, True), (TYPING_SECONDS + 1, False)]
)
async def test_nobody_types_any_more_after_as_long_as_meta_shows_it(
    place: Place, age: int, expected: bool
) -> None:
    office, account = place
    await asked(office.pool, typing=True, age=age)
    async with marking(office, account):
        await until_gone(office.pool)
    [mark] = office.provider.marks
    assert ("typing_indicator" in mark) == expected


@pytest.mark.parametrize("sent", [False, True])
async def test_nobody_types_any_more_once_an_answer_is_on_its_way(place: Place, sent: bool) -> None:
    office, account = place
    person = clock.new_id()
    await asked(office.pool, person=person, typing=True)
    answer = await office.queue(TEXT, person)
    if sent:
        async with office.working(**{NUMBER: account}):
            await office.until(answer, "sent")
    async with marking(office, account):
        await until_gone(office.pool)
    [mark] = office.provider.marks
    assert "typing_indicator" not in mark


async def test_what_meta_puts_off_is_tried_again_and_not_for_ever(place: Place) -> None:
    office, account = place
    later, dropped = counted("later"), counted("dropped")
    office.provider.mark_answers = [BUSY] * MAX_ATTEMPTS
    await asked(office.pool)
    async with marking(office, account):
        for attempt in range(1, MAX_ATTEMPTS):
            await until_offered(office, attempt)
            async with asyncio.timeout(15):
                put_off = "update deliverer.mark set due_at = now() where attempt = $1"
                while counted("later") < later + attempt:
                    await asyncio.sleep(0.02)
                while len(office.provider.marks) == attempt:
                    await office.pool.execute(put_off, attempt)
                    await asyncio.sleep(0.02)
        await until_gone(office.pool)
    assert len(office.provider.marks) == MAX_ATTEMPTS
    assert counted("dropped") == dropped + 1


async def test_what_meta_refuses_is_let_go_at_once(place: Place) -> None:
    office, account = place
    before = counted("refused")
    office.provider.mark_answers = [REFUSED]
    await asked(office.pool)
    async with marking(office, account):
        await until_gone(office.pool)
    assert (len(office.provider.marks), counted("refused")) == (1, before + 1)


async def test_of_a_number_that_is_stopped_nothing_piles_up_and_its_answers_do_not_wait(
    place: Place,
) -> None:
    office, account = place
    office.provider.mark_answers = [STOPPED] * 100
    person = clock.new_id()
    for n in range(20):
        await asked(office.pool, f"wamid.{n}", person=person)
    await asked(office.pool, "wamid.old", age=EXPIRY_SECONDS + 1)
    await asked(office.pool, "wamid.gone", age=EXPIRY_SECONDS + 1, number="206540352242923")
    async with marking(office, account), office.working(**{NUMBER: account}):
        await until_offered(office, 1)
        await office.until(await office.queue(TEXT, person), "sent")
        left = "select count(*) from deliverer.mark"
        async with asyncio.timeout(15):
            while await office.pool.fetchval(left) > 1:
                await asyncio.sleep(0.02)
        await office.pool.execute("update deliverer.mark set created_at = now() - interval '1 day'")
        await until_gone(office.pool)


async def test_a_citizens_answer_goes_while_their_mark_gets_no_answer(place: Place) -> None:
    office, account = place
    office.provider.may_mark.clear()
    person = clock.new_id()
    await asked(office.pool, person=person)
    async with marking(office, account), office.working(**{NUMBER: account}):
        await until_offered(office, 1)
        await office.until(await office.queue(TEXT, person), "sent")
        assert await office.pool.fetchval("select count(*) from deliverer.mark") == 1
        office.provider.may_mark.set()
        await until_gone(office.pool)
