"""Answers that were held, and whose citizen never writes: they end, and the ledger goes on."""

import pytest

from deliverer.accounts import Account
from deliverer.holding import (
    ASK_AGAIN_SECONDS,
    EXPIRED,
    HELD_DAYS,
    MENDED,
    NOT_ASKED,
    STOPPED,
)
from deliverer.late import HELD, NOT_NEEDED, WINDOW_CLOSED
from services import clock
from tests.integration.provider import NUMBER
from tests.integration.waiting import AGED, HEARD, STOP, Late


async def test_a_week_of_silence_ends_it_and_what_it_held_back_goes_on(
    late: Late, account: Account
) -> None:
    pool = late.office.pool
    async with late.office.working(**{NUMBER: account}):
        first, second = await late.held(), await late.answer()
        await late.look()
        await pool.execute(AGED, first, HELD_DAYS * 86400.0 - 60)
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
        await pool.execute(AGED, first, ASK_AGAIN_SECONDS)
        await late.look()
    line = await late.office.line(first)
    assert (line["state"], line["code"]) == ("failed", code)
    assert line["reason"] == f"{NOT_ASKED} ({why})" + ("" if by_status else f"; {MENDED}")
    assert (await late.told(first))[-1] == ("failed", line["reason"])


async def test_asked_anew_it_waits_though_the_question_before_failed(
    late: Late, account: Account
) -> None:
    async with late.office.working(**{NUMBER: account}):
        first = await late.held()
        late.office.provider.message_answers = [(400, {"error": {"code": 132015}})]
        await late.office.until(await late.ask(), "failed")
        await late.office.until(await late.ask(), "sent")
        await late.office.pool.execute(AGED, first, ASK_AGAIN_SECONDS)
        await late.look()
    assert (await late.state(first))[0] == "held"


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
