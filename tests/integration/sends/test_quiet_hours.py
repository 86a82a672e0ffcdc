"""Business-initiated messages: by day, while consent holds, and delaying no answer."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.calendar.quiet_hours import QuietHours
from services.whatsapp.delivery_status import WITHDRAWN
from tests.support.integration.message_provider import NUMBER, OTHER_NUMBER, TEXT, Office

TEMPLATE = {"type": "template", "template": {"name": "morgen", "language": {"code": "nl"}}}
REMINDER: dict[str, Any] = {"content": TEMPLATE, "purpose": "herinneringen"}
HOUR = timedelta(hours=1)


def make_night(office: Office, ends: timedelta = HOUR, begins: timedelta = -HOUR) -> None:
    """Quiet hours of its number around this moment."""
    now = clock.now().astimezone(AMSTERDAM)
    night = QuietHours((now + begins).time(), (now + ends).time())
    office.account = msgspec.structs.replace(office.account, quiet_hours=night)


async def agreed(office: Office) -> UUID:
    """A person who consented to reminders an hour ago."""
    person = clock.new_id()
    sql = (
        "insert into router.consent"
        " (tenant, person, purpose, source, given_at, recorded_at, recorded_by) values"
        " ('almelo', $1, 'herinneringen', 'balie', now() - interval '1 hour', now(), 'crm')"
    )
    await office.pool.execute(sql, person)
    return person


@pytest.fixture
async def anna(office: Office) -> UUID:
    return await agreed(office)


async def until_it_waits(office: Office, id: UUID) -> dict[str, Any]:
    return await office.until_reason(id, "night_rest: ")


async def test_reminders_wait_for_the_morning_and_delay_no_answer(
    office: Office, anna: UUID
) -> None:
    ids = [await office.queue(person=anna, **REMINDER) for _ in range(2)]
    make_night(office, ends=timedelta(seconds=4))
    async with office.working():
        line = await until_it_waits(office, ids[0])
        assert (line["state"], line["attempt"], line["claimed_at"]) == ("queued", 0, None)
        for answer in (TEXT, TEMPLATE):  # a template to who wrote goes at any time
            await office.send(answer, anna)
        assert office.sent_types == ["text", "template"]
        assert clock.now() < line["due_at"]
        for id in ids:
            sent = await office.until(id, "sent")
            assert (sent["attempt"], sent["reason"]) == (1, "")
            assert sent["claimed_at"] >= line["due_at"]
    assert len(office.provider.messages) == 4


async def test_waiting_reminder_says_until_when_and_delays_no_file(
    office: Office, anna: UUID
) -> None:
    id = await office.queue(person=anna, **REMINDER)
    make_night(office)
    async with office.working():
        line = await until_it_waits(office, id)
        await office.until(await office.queue_image(person=anna), "sent")
    assert office.sent_types == ["image"]
    due = line["due_at"].astimezone(AMSTERDAM)
    assert line["reason"] == f"night_rest: wacht tot {due.hour}:{due:%M} uur"
    assert abs(due - clock.now() - HOUR) < timedelta(minutes=1)


async def test_reminder_that_is_retried_or_resumed_at_night_waits_for_the_morning(
    office: Office, anna: UUID
) -> None:
    put_off, stopped = [await office.queue(person=anna, **REMINDER) for _ in range(2)]
    for id, change in (
        (put_off, "due_at = now() + interval '2 s', attempt = 1"),
        (stopped, "due_at = now() + interval '9 h', stopped = true"),
    ):
        await office.pool.execute(f"update deliverer.ledger set {change} where id = $1", id)
    make_night(office, begins=timedelta())
    async with office.working():
        for id in (put_off, stopped):
            assert (await until_it_waits(office, id))["claimed_at"] is None
    assert office.provider.messages == []


async def test_reminder_fails_when_consent_ended_while_it_waited(
    office: Office, anna: UUID
) -> None:
    other, third = await agreed(office), await agreed(office)
    ended = "update router.consent set ended_at = now(), ended_by = 'stop' where person = $1"
    await office.pool.execute(ended, anna)
    await office.stopped(other)  # another partition recorded consent beside the later STOP
    await office.stopped(third, hours=2)
    async with office.working():
        for person in (anna, other, clock.new_id()):
            line = await office.send(person=person, **REMINDER, end="failed")
            assert line["reason"] == str(WITHDRAWN)
            await office.send(TEXT, person)
        await office.send(person=third, **REMINDER)
    assert office.sent_types == ["text"] * 3 + ["template"]


async def test_night_of_one_number_does_not_hold_another(office: Office, anna: UUID) -> None:
    awake = msgspec.structs.replace(office.account, number=OTHER_NUMBER)
    make_night(office)
    async with office.working(**{NUMBER: office.account, OTHER_NUMBER: awake}):
        await office.send(person=anna, number=OTHER_NUMBER, **REMINDER)
