"""Answers that come after Meta's 24 hours, held until their citizen writes again: in the ledger."""

import asyncio
from datetime import timedelta

import msgspec

from deliverer.meta.accounts import Account
from deliverer.meta.closed_window import CLOSED, HELD, IN_TEMPLATE
from deliverer.meta.held_messages import HeldMessages
from deliverer.meta.ledger import Ledger
from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.calendar.quiet_hours import QuietHours
from services.config.numbers import LateAnswerTemplate
from services.postgres.database import connection_pool
from tests.support.integration.late_answers import ASK, PICTURE, TEXT, WROTE, Late
from tests.support.integration.message_provider import NUMBER
from tests.support.observer import until


async def test_what_is_late_is_held_whatever_it_is_and_the_router_told_once(
    late: Late, account: Account
) -> None:
    async with late.office.working(**{NUMBER: account}):
        first = await late.held(PICTURE)
        second = await late.answer()
        assert (await late.look()) == {NUMBER: 1}
        await late.look()
    assert late.office.provider.messages == []
    for id in (first, second):
        assert await late.state(id) == ("held", HELD)
        assert await late.told(id) == [("held", HELD)]


async def test_what_asks_overtakes_what_is_held_and_so_does_any_template_but_no_text(
    late: Late, account: Account
) -> None:
    async with late.office.working(**{NUMBER: account}):
        await late.held()
        before = await late.answer()
        await late.look()
        for id in (await late.ask(), await late.answer(ASK)):
            await late.office.until(id, "sent")
        after = await late.answer()
        sent = await late.answer(ASK)
        await late.look()
        await late.office.until(sent, "sent")
        assert {(await late.state(id))[0] for id in (before, after)} == {"held"}
    assert [m["type"] for m in late.office.provider.messages] == ["template"] * 3


async def test_once_they_write_all_of_it_goes_in_order_before_anything_newer(
    late: Late, account: Account
) -> None:
    words = [{"type": "text", "text": {"body": f"{n}"}} for n in range(4)]
    async with late.office.working(**{NUMBER: account}):
        await late.held(words[0])
        ids = [await late.answer(words[n]) for n in (1, 2)]
        await late.look()
        await late.writes()
        newest = await late.answer(words[3])
        other = await late.office.queue(TEXT)  # due later: what may go by now has gone before it
        await late.office.until(other, "sent")
        for id in ids:
            assert (await late.state(id))[0] == "held"
        await late.look()
        await late.office.until(newest, "sent")
    said = [m["text"]["body"] for m in late.office.provider.messages]
    assert said == ["Ja.", "0", "1", "2", "3"]
    assert await late.state(ids[1]) == ("sent", "")


async def test_nobody_is_asked_at_night_and_an_answer_does_not_wait_for_that(
    late: Late, account: Account
) -> None:
    local = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=2)
    night = QuietHours(*(each.astimezone(AMSTERDAM).time() for each in local))
    account = msgspec.structs.replace(account, quiet_hours=night)
    async with late.office.working(**{NUMBER: account}):
        answer = await late.held()
        ask = await late.ask()
        # It rests by now: what is not needed when it is looked at first is not asked at all.
        await until(lambda: late.state(ask), lambda found: "night_rest" in found[1], 10)
        await late.writes()
        await late.look()
        await late.office.until(answer, "sent")
        await late.office.until(await late.answer(), "sent")
        assert (await late.state(ask))[0] == "queued"
    assert [m["type"] for m in late.office.provider.messages] == ["text"] * 2


async def test_with_both_templates_words_that_fit_go_in_the_one_and_the_rest_waits(
    late: Late, account: Account
) -> None:
    """But never before what was said earlier."""
    account = msgspec.structs.replace(account, late_template=LateAnswerTemplate(name="antwoord"))
    async with late.office.working(**{NUMBER: account}):
        line = await late.office.until(await late.answer(), "sent")
        assert line["reason"] == IN_TEMPLATE
        await late.held(PICTURE)
        text = await late.answer()
        await late.look()
        assert (await late.state(text))[0] == "held"


async def test_what_meta_finds_too_late_waits_for_the_next_message(
    late: Late, account: Account
) -> None:
    await late.writes()
    async with late.office.working(**{NUMBER: account}):
        late.office.provider.message_answers = [(400, {"error": {"code": CLOSED}})]
        first = await late.held()
        await late.look()
        assert (await late.state(first))[0] == "held"  # they wrote nothing new
        await late.writes()
        await late.look()
        line = await late.office.until(first, "sent")
    assert line["attempt"] == 2
    assert [m["type"] for m in late.office.provider.messages] == ["text"] * 2


async def test_after_a_merge_it_waits_for_whom_they_were_found_to_be(
    late: Late, account: Account
) -> None:
    found = clock.new_id()
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        merged = "update router.conversation set person = $2 where person = $1"
        await late.office.pool.execute(merged, late.person, found)
        await late.look()
        assert (await late.state(first))[0] == "held"
        await late.office.pool.execute(WROTE, found)
        await late.look()
        await late.office.until(first, "sent")


async def test_a_process_that_ends_before_it_is_written_down_has_neither_told_nor_lost_it(
    late: Late, account: Account
) -> None:
    """Held and told are one transaction: what is claimed and not settled is known as such."""
    id = await late.answer()
    first = Ledger(late.office.pool, clock.new_id(), {})
    [line] = await first.claim(4, set())
    assert await late.told(id) == []
    await first.release(set())  # it ends
    async with late.office.working(**{NUMBER: account}):
        await late.office.until(id, "held")
    assert await late.told(id) == [("held", HELD)]
    assert line.id == id


async def test_two_processes_that_look_at_once_tell_it_once(late: Late, account: Account) -> None:
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
    ids = [await late.answer() for _ in range(20)]
    await asyncio.gather(*(late.look() for _ in range(4)))
    for id in (first, *ids):
        assert await late.told(id) == [("held", HELD)]


async def test_the_deliverers_own_rights_are_enough(
    late: Late, account: Account, empty: str
) -> None:
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        await late.ask()
        await late.writes()
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        assert await HeldMessages(own).sweep(clock.now()) == {NUMBER: 1}
        assert await late.state(first) == ("queued", "")  # it waits for nothing more
        await Ledger(own, clock.new_id(), {}).defer_for_quiet_hours(
            {NUMBER: (clock.now(), "night")}
        )
        assert [line.id for line in await Ledger(own, clock.new_id(), {}).claim(1, set())]
    assert (await late.state(first))[0] in ("queued", "sending")
