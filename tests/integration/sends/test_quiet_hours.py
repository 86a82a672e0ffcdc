"""What goes to somebody who did not write first: by day, while consent holds, and before nobody."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.calendar.quiet_hours import QuietHours
from services.whatsapp.delivery_status import WITHDRAWN
from tests.support.integration.message_provider import NUMBER, Account, Office

TEXT = {"type": "text", "text": {"body": "Ja."}}
TEMPLATE = {"type": "template", "template": {"name": "morgen", "language": {"code": "nl"}}}
UNASKED: dict[str, Any] = {"content": TEMPLATE, "purpose": "herinneringen"}
AGREED = """
insert into router.consent (tenant, person, purpose, source, given_at, recorded_at, recorded_by)
values ('almelo', $1, 'herinneringen', 'balie', now() - interval '1 hour', now(), 'crm')
"""
HOUR = timedelta(hours=1)


def night(begins: timedelta, ends: timedelta) -> QuietHours:
    """Around this moment."""
    now = clock.now().astimezone(AMSTERDAM)
    return QuietHours((now + begins).time(), (now + ends).time())


def at_night(account: Account, ends: timedelta, begins: timedelta = -HOUR) -> dict[str, Account]:
    return {NUMBER: msgspec.structs.replace(account, quiet_hours=night(begins, ends))}


@pytest.fixture
async def anna(place: tuple[Office, Account]) -> UUID:
    """Who agreed to it."""
    person = clock.new_id()
    await place[0].pool.execute(AGREED, person)
    return person


async def waits(office: Office, id: UUID) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while not (line := await office.line(id))["reason"].startswith("night_rest: "):
            await asyncio.sleep(0.02)
    return line


async def test_what_nobody_asked_for_waits_for_the_morning_and_holds_up_no_answer(
    place: tuple[Office, Account], anna: UUID
) -> None:
    office, account = place
    first = await office.queue(person=anna, **UNASKED)
    second = await office.queue(person=anna, **UNASKED)
    ends = timedelta(seconds=4)
    async with office.working(**at_night(account, ends)):
        line = await waits(office, first)
        assert (line["state"], line["attempt"], line["claimed_at"]) == ("queued", 0, None)
        for answer in (TEXT, TEMPLATE):  # a template to who wrote goes at any time
            await office.until(await office.queue(answer, anna), "sent")
        assert [m["type"] for m in office.provider.messages] == ["text", "template"]
        assert clock.now() < line["due_at"]
        for id in (first, second):
            sent = await office.until(id, "sent")
            assert (sent["attempt"], sent["reason"]) == (1, "")
            assert sent["claimed_at"] >= line["due_at"]
    assert len(office.provider.messages) == 4


async def test_an_answer_with_a_file_waits_for_no_morning_either(
    place: tuple[Office, Account], anna: UUID
) -> None:
    office, account = place
    async with office.working(**at_night(account, HOUR)):
        await waits(office, await office.queue(person=anna, **UNASKED))
        file = await office.uploaded(b"\x89PNG", name="a.png")
        answer = await office.queue({"type": "image", "image": {}}, anna, media=file)
        await office.until(answer, "sent")
    [message] = office.provider.messages
    assert message["image"] == {"id": "1"}


async def test_whoever_asks_is_told_until_when_it_waits(
    place: tuple[Office, Account], anna: UUID
) -> None:
    office, account = place
    id = await office.queue(person=anna, **UNASKED)
    async with office.working(**at_night(account, HOUR)):
        line = await waits(office, id)
    until: datetime = line["due_at"].astimezone(AMSTERDAM)
    assert line["reason"] == f"night_rest: wacht tot {until.hour}:{until:%M} uur"
    assert abs(until - clock.now() - HOUR) < timedelta(minutes=1)


async def test_what_is_put_off_or_stopped_into_the_night_waits_for_the_morning(
    place: tuple[Office, Account], anna: UUID
) -> None:
    office, account = place
    put_off, stopped = [await office.queue(person=anna, **UNASKED) for _ in range(2)]
    later = "update deliverer.ledger set due_at = now() + interval '2 s', attempt = 1 where id = $1"
    await office.pool.execute(later, put_off)
    stop = (
        "update deliverer.ledger set due_at = now() + interval '9 h', stopped = true where id = $1"
    )
    await office.pool.execute(stop, stopped)
    async with office.working(**at_night(account, HOUR, begins=timedelta())):
        for id in (put_off, stopped):
            assert (await waits(office, id))["claimed_at"] is None
    assert office.provider.messages == []


async def test_what_lost_its_consent_while_it_waited_fails_and_the_rest_goes_on(
    place: tuple[Office, Account], anna: UUID
) -> None:
    office, account = place
    other, third = clock.new_id(), clock.new_id()
    await office.pool.execute(AGREED, other)
    ended = "update router.consent set ended_at = now(), ended_by = 'stop' where person = $1"
    await office.pool.execute(ended, anna)
    # Another partition put it on record beside the STOP that outweighs it.
    stop = "insert into router.withdrawal values ('almelo', $1, 'stop', now())"
    await office.pool.execute(stop, other)
    earlier = "insert into router.withdrawal values ('almelo', $1, 'stop', now() - interval '2 h')"
    await office.pool.execute(AGREED, third)
    await office.pool.execute(earlier, third)
    async with office.working(**{NUMBER: account}):
        for person in (anna, other, clock.new_id()):
            line = await office.until(await office.queue(person=person, **UNASKED), "failed")
            assert line["reason"] == str(WITHDRAWN)
            await office.until(await office.queue(TEXT, person), "sent")
        await office.until(await office.queue(person=third, **UNASKED), "sent")
    assert [m["type"] for m in office.provider.messages] == ["text"] * 3 + ["template"]


async def test_a_night_is_of_one_number(place: tuple[Office, Account], anna: UUID) -> None:
    office, account = place
    awake = msgspec.structs.replace(account, number="20000001")
    id = await office.queue(person=anna, number="20000001", **UNASKED)
    async with office.working(**at_night(account, HOUR), **{"20000001": awake}):
        await office.until(id, "sent")
