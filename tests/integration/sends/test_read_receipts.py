"""Read receipts and typing indicators, from the router's transaction to a provider."""

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
from services.postgres.database import connection_pool
from services.sealing.columns import WAMID, bind
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.support.integration.message_provider import NUMBER, OTHER_NUMBER, TEXT, Office
from tests.support.integration.stops import start, stop
from tests.support.observer import until, until_true

REFUSED = (400, {"error": {"code": 131009}})
BUSY = (503, {"error": {"code": 131016}})
STOPPED = (401, {"error": {"code": 190}})


async def ask(office: Office, wamid: str = "wamid.c", **more: Any) -> UUID:
    """A mark as the router asks for it; `more`: person, number, typing, and its age in seconds."""
    id = clock.new_id()
    given = {"number": NUMBER, "person": clock.new_id(), "typing": False, "age": 0} | more
    at = clock.now() - timedelta(seconds=given["age"])
    where = given["number"], given["person"], id
    row = (*where, RING.seal_text(wamid, WAMID, bind(*where)), at, given["typing"], at)
    await office.pool.execute(UPSERT_MARK, *([value] for value in row))
    return id


@asynccontextmanager
async def marking(office: Office) -> AsyncIterator[None]:
    """Marks go out, as by one process."""
    async with http_client(8, 5.0) as poster:
        work = ReadReceiptSender(ReadReceiptStore(office.pool), poster, {NUMBER: office.account})
        async with background_task(work.run()), background_task(work.sweep()):
            yield


async def until_left(office: Office, count: int = 0) -> None:
    """Wait until at most `count` read receipts are left."""
    left = "select count(*) from deliverer.mark"
    await until(lambda: office.pool.fetchval(left), lambda found: found <= count, 15)


async def until_offered(office: Office, count: int) -> None:
    await until_true(lambda: len(office.provider.marks) >= count, 15)


async def mark_all(office: Office) -> list[dict[str, Any]]:
    async with marking(office):
        await until_left(office)
    return office.provider.marks


def mark_count(outcome: str) -> float:
    labels = {"number": NUMBER, "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("postkamer_marks_total", labels) or 0


async def test_mark_is_offered_once_and_then_forgotten(office: Office) -> None:
    before = mark_count("marked")
    await ask(office)
    async with marking(office):
        await until_left(office)
        # What comes later comes after it, so nothing more of the first was under way.
        await ask(office, "wamid.later", typing=True)
        await until_left(office)
    plain = {"messaging_product": "whatsapp", "status": "read"}
    assert office.provider.marks == [
        plain | {"message_id": "wamid.c"},
        plain | {"message_id": "wamid.later", "typing_indicator": {"type": "text"}},
    ]
    assert mark_count("marked") == before + 2


async def test_only_the_newest_mark_of_a_citizen_is_offered(office: Office) -> None:
    person = clock.new_id()
    await ask(office, "wamid.1", person=person, age=5)
    newest = await ask(office, "wamid.2", person=person, age=1)
    await ask(office, "wamid.0", person=person, age=9)
    assert [row["id"] for row in await office.pool.fetch("select id from deliverer.mark")] == [
        newest
    ]
    assert [mark["message_id"] for mark in await mark_all(office)] == ["wamid.2"]


async def test_mark_that_replaces_a_claimed_one_is_not_lost_with_it(office: Office) -> None:
    marks, person = ReadReceiptStore(office.pool), clock.new_id()
    await ask(office, "wamid.1", person=person, age=5)
    [old] = await marks.claim({NUMBER: 4}, 4)
    assert await marks.claim({NUMBER: 4}, 4) == []
    await ask(office, "wamid.2", person=person)
    await marks.reschedule(old, 60)
    await marks.delete(old)
    [new] = await marks.claim({NUMBER: 4}, 4)
    assert (new.wamid, new.attempt) == ("wamid.2", 1)


async def test_deliverer_may_claim_reschedule_and_delete_marks(office: Office, empty: str) -> None:
    for age in (0, 1, EXPIRY_SECONDS + 1):
        await ask(office, typing=True, age=age)
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        marks = ReadReceiptStore(own)
        assert await marks.delete_overdue() == [NUMBER]
        first, second = await marks.claim({NUMBER: 4}, 4)
        await marks.reschedule(first, 60)
        await marks.delete(second)
    assert await office.pool.fetch("select id from deliverer.mark") == [(first.id,)]


async def test_mark_that_a_killed_process_claimed_is_offered_by_the_next(office: Office) -> None:
    await ask(office)
    await ReadReceiptStore(office.pool).claim({NUMBER: 4}, 4)
    soon = "select due_at - now() < interval '1 minute' from deliverer.mark"
    assert await office.pool.fetchval(soon)
    await office.pool.execute("update deliverer.mark set due_at = now()")
    assert len(await mark_all(office)) == 1


@pytest.mark.parametrize(
    ("age", "answer", "expected"),
    [
        (TYPING_SECONDS - 10, "", True),
        (TYPING_SECONDS + 1, "", False),
        (0, "queued", False),
        (0, "sent", False),
    ],
)
async def test_typing_indicator_ends_after_its_time_or_with_an_answer(
    office: Office, age: int, answer: str, expected: bool
) -> None:
    person = clock.new_id()
    await ask(office, person=person, typing=True, age=age)
    if answer:
        id = await office.queue(TEXT, person)
    if answer == "sent":
        async with office.working():
            await office.until(id, "sent")
    [mark] = await mark_all(office)
    assert ("typing_indicator" in mark) is expected


async def test_mark_that_meta_puts_off_is_retried_and_dropped_in_the_end(office: Office) -> None:
    later, dropped = mark_count("later"), mark_count("dropped")
    office.provider.mark_answers = [BUSY] * MAX_ATTEMPTS
    await ask(office)

    async def left() -> int:
        attempt = int(mark_count("later") - later)  # a claim in flight has a higher one
        put_off = "update deliverer.mark set due_at = now() where attempt = $1"
        await office.pool.execute(put_off, attempt)
        return int(await office.pool.fetchval("select count(*) from deliverer.mark"))

    async with marking(office):
        await until(left, lambda found: found == 0, 30)
    assert len(office.provider.marks) == MAX_ATTEMPTS
    assert mark_count("later") == later + MAX_ATTEMPTS - 1
    assert mark_count("dropped") == dropped + 1


async def test_mark_that_meta_refuses_is_dropped_at_once(office: Office) -> None:
    before = mark_count("refused")
    office.provider.mark_answers = [REFUSED]
    await ask(office)
    assert len(await mark_all(office)) == 1
    assert mark_count("refused") == before + 1


async def test_marks_of_a_stopped_number_expire_and_delay_no_answer(office: Office) -> None:
    office.provider.mark_answers = [STOPPED] * 100
    person = clock.new_id()
    for n in range(20):
        await ask(office, f"wamid.{n}", person=person)
    await ask(office, "wamid.old", age=EXPIRY_SECONDS + 1)
    await ask(office, "wamid.gone", age=EXPIRY_SECONDS + 1, number=OTHER_NUMBER)
    async with marking(office), office.working():
        await until_offered(office, 1)
        await office.send(TEXT, person)
        await until_left(office, 1)
        await office.pool.execute("update deliverer.mark set created_at = now() - interval '1 day'")
        await until_left(office)


async def test_mark_that_hangs_does_not_delay_the_citizens_answer(office: Office) -> None:
    office.provider.may_mark.clear()
    person = clock.new_id()
    await ask(office, person=person)
    async with marking(office), office.working():
        await until_offered(office, 1)
        await office.send(TEXT, person)
        assert await office.pool.fetchval("select count(*) from deliverer.mark") == 1
        office.provider.may_mark.set()
        await until_left(office)


async def test_receipts_of_a_stopped_number_rest(office: Office) -> None:
    await ask(office)
    await stop(office.pool, NUMBER)
    store = ReadReceiptStore(office.pool)
    assert await store.claim({NUMBER: 4}, 4) == []
    await start(office.pool)
    assert len(await store.claim({NUMBER: 4}, 4)) == 1
