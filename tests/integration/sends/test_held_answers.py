"""Answers that come after Meta's 24 hours, held in the ledger until their citizen writes again."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec

from deliverer.meta.closed_window import HELD, IN_TEMPLATE
from deliverer.meta.held_messages import HeldMessages
from deliverer.meta.ledger import Ledger
from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.calendar.quiet_hours import QuietHours
from services.config.numbers import LateAnswerTemplate
from services.postgres.database import connection_pool
from services.whatsapp.delivery_status import MAX_HOLD, WINDOW_CLOSED_CODE
from tests.support.integration.late_answers import ASK, PICTURE, Late
from tests.support.integration.message_provider import NUMBER, TEXT
from tests.support.integration.stops import start, stop


def change_account(late: Late, **changed: Any) -> None:
    late.office.account = msgspec.structs.replace(late.office.account, **changed)


async def test_late_answer_of_any_type_is_held_and_the_router_told_once(late: Late) -> None:
    async with late.working():
        first, second = await late.hold(PICTURE), await late.answer()
        assert (await late.sweep()) == {NUMBER: 1}
        await late.sweep()
    assert late.office.provider.messages == []
    for id in (first, second):
        assert await late.state_and_reason(id) == ("held", HELD)
        assert await late.told(id) == [("held", HELD)]


async def test_template_overtakes_held_answers_and_a_text_does_not(late: Late) -> None:
    async with late.working():
        await late.hold()
        before = await late.answer()
        await late.sweep()
        await late.ask("sent")
        await late.office.send(ASK, late.person)
        after, sent = await late.answer(), await late.answer(ASK)
        await late.sweep()
        await late.office.until(sent, "sent")
        assert {await late.state(id) for id in (before, after)} == {"held"}
    assert late.office.sent_types == ["template"] * 3


async def test_message_of_a_test_token_fails_at_once_behind_a_held_answer(late: Late) -> None:
    """Held, it would have the citizen asked to write."""
    async with late.working():
        held = await late.hold()
        test = await late.answer()
        await late.office.pool.execute(_TEST, test)
        await late.office.until(test, "failed")
        await late.sweep()
    assert await late.state(held) == "held"
    assert [state for state, _ in await late.told(test)] == ["failed"]
    assert late.office.provider.messages == []


async def test_held_answers_go_in_order_before_newer_ones_when_the_citizen_writes(
    late: Late,
) -> None:
    words = [{"type": "text", "text": {"body": f"{n}"}} for n in range(4)]
    async with late.working():
        await late.hold(words[0])
        ids = [await late.answer(words[n]) for n in (1, 2)]
        await late.sweep()
        await late.write()
        newest = await late.answer(words[3])
        await late.office.send(TEXT)  # it is due later: what may go by now has gone before it
        assert [await late.state(id) for id in ids] == ["held", "held"]
        await late.sweep()
        await late.office.until(newest, "sent")
    said = [m["text"]["body"] for m in late.office.provider.messages]
    assert said == ["Ja.", "0", "1", "2", "3"]
    assert await late.state_and_reason(ids[1]) == ("sent", "")


async def test_reopen_request_waits_for_the_morning_and_a_held_answer_does_not(late: Late) -> None:
    local = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=2)
    change_account(late, quiet_hours=QuietHours(*(t.astimezone(AMSTERDAM).time() for t in local)))
    async with late.working():
        answer = await late.hold()
        ask = await late.ask()
        # It rests by now: what is not needed when it is looked at first is not asked at all.
        await late.office.until_reason(ask, "night_rest")
        await late.write()
        await late.sweep()
        await late.office.until(answer, "sent")
        await late.office.send(TEXT, late.person)
        assert await late.state(ask) == "queued"
    assert late.office.sent_types == ["text"] * 2


async def test_text_goes_in_the_template_unless_an_earlier_answer_is_held(late: Late) -> None:
    change_account(late, late_template=LateAnswerTemplate(name="antwoord"))
    async with late.working():
        line = await late.office.send(TEXT, late.person)
        assert line["reason"] == IN_TEMPLATE
        await late.hold(PICTURE)
        text = await late.answer()
        await late.sweep()
        assert await late.state(text) == "held"


async def test_answer_that_meta_refuses_as_late_waits_for_the_next_message(late: Late) -> None:
    await late.write()
    async with late.working():
        late.office.provider.message_answers = [(400, {"error": {"code": WINDOW_CLOSED_CODE}})]
        first = await late.hold()
        await late.sweep()
        assert await late.state(first) == "held"  # they wrote nothing new
        await late.write()
        await late.sweep()
        line = await late.office.until(first, "sent")
    assert line["attempt"] == 2
    assert late.office.sent_types == ["text"] * 2


async def test_held_answer_waits_for_the_merged_person_after_a_merge(late: Late) -> None:
    found = clock.new_id()
    async with late.working():
        first = await late.hold()
        merged = "update router.conversation set person = $2 where person = $1"
        await late.office.pool.execute(merged, late.person, found)
        await late.sweep()
        assert await late.state(first) == "held"
        await late.write(person=found)
        await late.sweep()
        await late.office.until(first, "sent")


async def test_process_that_ends_before_it_holds_an_answer_does_not_tell_of_it(
    late: Late,
) -> None:
    """Held and told are one transaction: what is claimed and not settled is known as such."""
    id = await late.answer()
    first = Ledger(late.office.pool, clock.new_id(), {})
    [line] = await first.claim(4, set())
    assert line.id == id and await late.told(id) == []
    await first.release(set())  # it ends
    async with late.working():
        await late.office.until(id, "held")
    assert await late.told(id) == [("held", HELD)]


async def test_simultaneous_sweeps_tell_of_a_held_answer_once(late: Late) -> None:
    async with late.working():
        first = await late.hold()
    ids = [await late.answer() for _ in range(20)]
    await asyncio.gather(*(late.sweep() for _ in range(4)))
    for id in (first, *ids):
        assert await late.told(id) == [("held", HELD)]


async def test_deliverer_may_sweep_and_defer_held_answers(late: Late, empty: str) -> None:
    async with late.working():
        first = await late.hold()
        await late.ask()
        await late.write()
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        assert await HeldMessages(own).sweep(clock.now()) == {NUMBER: 1}
        assert await late.state_and_reason(first) == ("queued", "")  # it waits for nothing more
        ledger = Ledger(own, clock.new_id(), {})
        await ledger.defer_for_quiet_hours({NUMBER: (clock.now(), "night")})
        assert [line.id for line in await ledger.claim(1, set())]
    assert await late.state(first) in ("queued", "sending")


_TEST = "update deliverer.ledger set test = true where id = $1"


async def test_held_answers_of_a_stopped_number_rest(late: Late) -> None:
    """Neither time nor the citizen does anything to them here: after the move all counts again."""
    async with late.working():
        first = await late.hold()
    await stop(late.office.pool, NUMBER)
    behind = await late.answer()

    async def states_after_a_sweep() -> tuple[str, str]:
        await late.sweep()
        return await late.state(first), await late.state(behind)

    await late.age(first, MAX_HOLD.total_seconds() + 1)
    assert await states_after_a_sweep() == ("held", "queued")
    await late.write()
    assert await states_after_a_sweep() == ("held", "queued")
    await start(late.office.pool)
    assert await states_after_a_sweep() == ("queued", "queued")
