"""Answers that were held, and whose citizen never writes: they end, and the ledger goes on."""

import asyncio

import pytest

from deliverer.meta.accounts import Account
from deliverer.meta.closed_window import HELD, NOT_NEEDED, WINDOW_CLOSED
from deliverer.meta.held_messages import (
    ASK_FAILED,
    ASK_FAILED_SECONDS,
    EXPIRED,
    STOPPED,
    TEMPLATE_NEEDS_ADMIN,
)
from services import clock
from services.whatsapp.delivery_status import MAX_HOLD, REOPEN_REQUEST_VALID_FOR
from tests.support.integration.late_answers import AGED, HEARD, STOP, Late
from tests.support.integration.message_provider import NUMBER
from tests.support.observer import until

PASSED = """
update deliverer.ledger set created_at = created_at - make_interval(secs => $2),
    held_at = held_at - make_interval(secs => $2), wrote_at = wrote_at - make_interval(secs => $2),
    heard_at = heard_at - make_interval(secs => $2)
where person = $1
"""
STANDS = """
select exists (select from pg_locks where not granted
    and relation = 'deliverer.outcome'::regclass)
"""


async def test_a_week_of_silence_ends_it_and_what_it_held_back_goes_on(
    late: Late, account: Account
) -> None:
    pool = late.office.pool
    async with late.office.working(**{NUMBER: account}):
        first, second = await late.held(), await late.answer()
        await late.look()
        await pool.execute(AGED, first, MAX_HOLD.total_seconds() - 60)
        await late.look()
        assert (await late.state(first))[0] == "held"
        await pool.execute(AGED, first, 61.0)
        await late.look()
        assert await late.state(first) == ("failed", EXPIRED)
        assert await late.told(first) == [("held", HELD), ("failed", EXPIRED)]
        assert (await late.state(second))[0] == "held"
        await late.writes()
        await late.look()
        await late.office.until(second, "sent")
    assert len(late.office.provider.messages) == 1


async def test_stop_ends_it_at_once_though_it_opens_the_window(
    late: Late, account: Account
) -> None:
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        await late.office.pool.execute(STOP, late.person)
        await late.writes()
        await late.look()
    assert await late.state(first) == ("failed", STOPPED)
    assert (await late.told(first))[-1] == ("failed", STOPPED)
    assert late.office.provider.messages == []


@pytest.mark.parametrize("by_status", [False, True])
async def test_where_the_question_fails_it_does_not_wait_in_silence(
    late: Late, account: Account, by_status: bool
) -> None:
    """At Meta at once, or by a status later: a minute on, it says why, and whose fault that is."""
    pool = late.office.pool
    unknown = 400, {"error": {"code": 132001, "message": "unknown"}}
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        late.office.provider.message_answers = [] if by_status else [unknown]
        ask = await late.ask()
        await late.office.until(ask, "sent" if by_status else "failed")
        code, why = 132001, "132001: dit sjabloon bestaat niet in deze taal"
        if by_status:
            code, why = 131026, "131026: dit nummer kan geen WhatsApp-bericht ontvangen"
            failed = "update router.outgoing set status='failed', code=$2, reason=$3 where id=$1"
            await pool.execute(failed, ask, code, why)
        await late.look()
        assert (await late.state(first))[0] == "held"  # the router may have asked anew
        await pool.execute(AGED, first, ASK_FAILED_SECONDS)
        await late.look()
    line = await late.office.line(first)
    assert (line["state"], line["code"]) == ("failed", code)
    assert line["reason"] == f"{ASK_FAILED} ({why})" + (
        "" if by_status else f"; {TEMPLATE_NEEDS_ADMIN}"
    )
    assert (await late.told(first))[-1] == ("failed", line["reason"])


async def test_asked_anew_it_waits_though_the_question_before_failed(
    late: Late, account: Account
) -> None:
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        late.office.provider.message_answers = [(400, {"error": {"code": 132015}})]
        await late.office.until(await late.ask(), "failed")
        await late.office.until(await late.ask(), "sent")
        await late.office.pool.execute(AGED, first, ASK_FAILED_SECONDS)
        await late.look()
    assert (await late.state(first))[0] == "held"


async def test_a_second_question_that_fails_ends_only_what_waits_for_it(
    late: Late, account: Account
) -> None:
    """Whom the first one reached may write until the week is over."""
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        await late.office.until(await late.ask(), "sent")
        later = REOPEN_REQUEST_VALID_FOR.total_seconds() + ASK_FAILED_SECONDS
        await late.office.pool.execute(PASSED, late.person, later)
        second = await late.answer()
        await late.look()
        assert (await late.state(second))[0] == "held"
        late.office.provider.message_answers = [(400, {"error": {"code": 132015}})]
        await late.office.until(await late.ask(), "failed")
        await late.office.pool.execute(AGED, second, ASK_FAILED_SECONDS)
        await late.look()
    assert (await late.state(first))[0] == "held"
    assert (await late.state(second))[0] == "failed"


@pytest.mark.parametrize("failed_first", [False, True])
async def test_whom_the_question_never_reached_is_answered_when_they_write_all_the_same(
    late: Late, account: Account, failed_first: bool
) -> None:
    """Also where its turn comes, and it is not needed, before anybody looks at what waits."""
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        if failed_first:
            late.office.provider.message_answers = [(400, {"error": {"code": 132015}})]
            await late.office.until(await late.ask(), "failed")
        await late.office.pool.execute(AGED, first, ASK_FAILED_SECONDS)
        await late.writes()
        ask = await late.office.until(await late.ask(), "failed")
        assert ask["reason"] == NOT_NEEDED
        await late.look()
        await late.office.until(first, "sent")
    assert await late.told(first) == [("held", HELD), ("sent", "")]


async def test_a_question_that_was_not_needed_has_not_failed_for_what_still_waits(
    late: Late, account: Account
) -> None:
    """Nor was anybody asked by it: where the one before failed, they know of nothing."""
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        await late.writes()
        await late.office.until(await late.ask(), "failed")
        await late.silent()
        await late.office.pool.execute(AGED, first, ASK_FAILED_SECONDS)
        await late.look()
        assert (await late.state(first))[0] == "held"
        late.office.provider.message_answers = [(400, {"error": {"code": 132015}})]
        await late.office.until(await late.ask(), "failed")
        await late.look()
    assert (await late.state(first))[0] == "failed"


async def test_a_stop_that_comes_between_two_statements_of_a_look_lets_nothing_go(
    late: Late, account: Account
) -> None:
    """The look stands still at what it tells of another answer; then it comes."""
    pool, other = late.office.pool, Late(late.office, clock.new_id())
    await pool.execute(HEARD, "o", NUMBER, other.person, 30)
    async with late.office.working(**{NUMBER: account}):
        first, expired = await late.held(), await other.held()
    await pool.execute(AGED, expired, MAX_HOLD.total_seconds() + 1)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table deliverer.outcome in exclusive mode")
        look = asyncio.create_task(late.look())
        await until(lambda: pool.fetchval(STANDS), bool, 10)
        await pool.execute(STOP, late.person)
        await late.writes()
    await look
    assert (await late.state(first))[0] == "held"
    await late.look()
    assert await late.state(first) == ("failed", STOPPED)
    assert await late.state(expired) == ("failed", EXPIRED)


async def test_nobody_is_asked_for_what_waits_no_more(late: Late, account: Account) -> None:
    async with late.office.working(**{NUMBER: account}):
        await late.held()
        await late.writes()
        ask = await late.ask()
        line = await late.office.until(ask, "failed")
    assert line["reason"] == NOT_NEEDED
    assert late.office.provider.messages == []


async def test_a_reaction_waits_for_nothing_and_fails_as_it_did(
    late: Late, account: Account
) -> None:
    reaction = {"type": "reaction", "reaction": {"emoji": "x"}}
    async with late.office.working(**{NUMBER: account}):
        await late.held()
        line = await late.office.until(await late.answer(reaction), "failed")
    assert line["reason"] == WINDOW_CLOSED


async def test_what_is_no_answer_any_more_fails_as_it_did(late: Late, account: Account) -> None:
    stopped, stranger = Late(late.office, clock.new_id()), Late(late.office, clock.new_id())
    for n, (who, hours) in enumerate(((stopped, 30), (stranger, 24 * 90))):
        await late.office.pool.execute(HEARD, f"o{n}", NUMBER, who.person, hours)
    await late.office.pool.execute(STOP, stopped.person)
    async with late.office.working(**{NUMBER: account}):
        for who in (stopped, stranger):
            line = await late.office.until(await who.answer(), "failed")
            assert line["reason"] == WINDOW_CLOSED
