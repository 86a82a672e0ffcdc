"""Held answers of citizens who never write: they end, and the ledger goes on."""

import asyncio

import pytest

from deliverer.meta.closed_window import HELD, NOT_NEEDED, WINDOW_CLOSED
from deliverer.meta.held_messages import (
    ASK_FAILED,
    ASK_FAILED_SECONDS,
    EXPIRED,
    STOPPED,
    TEMPLATE_NEEDS_ADMIN,
)
from services.whatsapp.delivery_status import MAX_HOLD, REOPEN_REQUEST_VALID_FOR
from tests.support.integration.late_answers import Late
from tests.support.observer import until

UNKNOWN_TEMPLATE = 132001, "132001: dit sjabloon bestaat niet in deze taal"
NO_WHATSAPP = 131026, "131026: dit nummer kan geen WhatsApp-bericht ontvangen"
REACTION = {"type": "reaction", "reaction": {"emoji": "x"}}
PASSED = """
update deliverer.ledger set created_at = created_at - make_interval(secs => $2),
    held_at = held_at - make_interval(secs => $2), wrote_at = wrote_at - make_interval(secs => $2),
    heard_at = heard_at - make_interval(secs => $2)
where person = $1
"""
WAITS_FOR_OUTCOME = """
select exists (select from pg_locks where not granted
    and relation = 'deliverer.outcome'::regclass)
"""


async def test_held_answer_expires_after_a_week_and_the_next_one_goes_on(late: Late) -> None:
    async with late.working():
        first, second = await late.hold(), await late.answer()
        await late.sweep()
        for seconds, expected in (
            (MAX_HOLD.total_seconds() - 60, ("held", HELD)),
            (61.0, ("failed", EXPIRED)),
        ):
            await late.age(first, seconds)
            await late.sweep()
            assert await late.state_and_reason(first) == expected
        assert await late.told(first) == [("held", HELD), ("failed", EXPIRED)]
        assert await late.state(second) == "held"
        await late.write()
        await late.sweep()
        await late.office.until(second, "sent")
    assert len(late.office.provider.messages) == 1


async def test_held_answer_ends_at_once_when_the_citizen_says_stop(late: Late) -> None:
    async with late.working():
        first = await late.hold()
        await late.office.stopped(late.person)
        await late.write()  # the STOP opens the window
        await late.sweep()
    assert await late.state_and_reason(first) == ("failed", STOPPED)
    assert (await late.told(first))[-1] == ("failed", STOPPED)
    assert late.office.provider.messages == []


@pytest.mark.parametrize("by_status", [False, True])
async def test_held_answer_fails_a_minute_after_its_reopen_request_fails(
    late: Late, by_status: bool
) -> None:
    """Meta refuses the request at once, or by a status later."""
    code, why = NO_WHATSAPP if by_status else UNKNOWN_TEMPLATE
    async with late.working():
        first = await late.hold()
        if by_status:
            ask = await late.ask("sent")
            failed = "update router.outgoing set status='failed', code=$2, reason=$3 where id=$1"
            await late.office.pool.execute(failed, ask, code, why)
        else:
            late.office.provider.message_answers = [(400, {"error": {"code": code}})]
            await late.ask("failed")
        await late.sweep()
        assert await late.state(first) == "held"  # the router may have asked anew
        await late.age(first, ASK_FAILED_SECONDS)
        await late.sweep()
    reason = f"{ASK_FAILED} ({why})" + ("" if by_status else f"; {TEMPLATE_NEEDS_ADMIN}")
    assert (await late.office.line(first))["code"] == code
    assert await late.state_and_reason(first) == ("failed", reason)
    assert (await late.told(first))[-1] == ("failed", reason)


async def test_held_answer_waits_when_a_second_reopen_request_is_sent(late: Late) -> None:
    async with late.working():
        first = await late.hold()
        await late.ask_in_vain()
        await late.ask("sent")
        await late.age(first, ASK_FAILED_SECONDS)
        await late.sweep()
    assert await late.state(first) == "held"


async def test_second_reopen_request_that_fails_ends_only_what_waits_for_it(late: Late) -> None:
    """A citizen whom the first one reached may write until the week is over."""
    async with late.working():
        first = await late.hold()
        await late.ask("sent")
        later = REOPEN_REQUEST_VALID_FOR.total_seconds() + ASK_FAILED_SECONDS
        await late.office.pool.execute(PASSED, late.person, later)
        second = await late.answer()
        await late.sweep()
        assert await late.state(second) == "held"
        await late.ask_in_vain()
        await late.age(second, ASK_FAILED_SECONDS)
        await late.sweep()
    assert [await late.state(id) for id in (first, second)] == ["held", "failed"]


@pytest.mark.parametrize("failed_first", [False, True])
async def test_held_answer_goes_when_the_citizen_writes_without_having_been_asked(
    late: Late, failed_first: bool
) -> None:
    """Also when the next request comes before the sweep: it is not needed."""
    async with late.working():
        first = await late.hold()
        if failed_first:
            await late.ask_in_vain()
        await late.age(first, ASK_FAILED_SECONDS)
        await late.write()
        ask = await late.ask("failed")
        assert (await late.office.line(ask))["reason"] == NOT_NEEDED
        assert late.office.sent_types == ["template"] * failed_first
        await late.sweep()
        await late.office.until(first, "sent")
    assert await late.told(first) == [("held", HELD), ("sent", "")]


async def test_reopen_request_that_was_not_needed_does_not_fail_what_still_waits(
    late: Late,
) -> None:
    """Nor did it ask anybody: where the one before failed, the citizen knows of nothing."""
    async with late.working():
        first = await late.hold()
        await late.write()
        await late.ask("failed")
        await late.write(hours_ago=30)
        await late.age(first, ASK_FAILED_SECONDS)
        await late.sweep()
        assert await late.state(first) == "held"
        await late.ask_in_vain()
        await late.sweep()
    assert await late.state(first) == "failed"


async def test_stop_between_two_statements_of_a_sweep_lets_nothing_go(late: Late) -> None:
    """The sweep waits for the lock while it tells of another answer; then the STOP comes."""
    pool = late.office.pool
    other = Late(late.office, await late.office.wrote(30, conversation="o"))
    async with late.working():
        first, expired = await late.hold(), await other.hold()
    await late.age(expired, MAX_HOLD.total_seconds() + 1)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table deliverer.outcome in exclusive mode")
        sweep = asyncio.create_task(late.sweep())
        await until(lambda: pool.fetchval(WAITS_FOR_OUTCOME), bool, 10)
        await late.office.stopped(late.person)
        await late.write()
    await sweep
    assert await late.state(first) == "held"
    await late.sweep()
    assert await late.state_and_reason(first) == ("failed", STOPPED)
    assert await late.state_and_reason(expired) == ("failed", EXPIRED)


async def test_reaction_and_answer_to_nobody_recent_fail_instead_of_waiting(late: Late) -> None:
    stopped, stranger = await late.office.wrote(30), await late.office.wrote(24 * 90)
    await late.office.stopped(stopped)
    async with late.working():
        await late.hold()
        for id in (
            await late.answer(REACTION),
            *[await Late(late.office, person).answer() for person in (stopped, stranger)],
        ):
            assert (await late.office.until(id, "failed"))["reason"] == WINDOW_CLOSED
