"""Answers that come after Meta's 24 hours, held until their citizen writes again: in the ledger."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.accounts import Account
from deliverer.holding import (
    ASK_AGAIN_SECONDS,
    EXPIRED,
    HELD_DAYS,
    MENDED,
    NOT_ASKED,
    STOPPED,
    Holding,
)
from deliverer.late import CLOSED, HELD, IN_TEMPLATE, NOT_NEEDED, WINDOW_CLOSED
from deliverer.ledger import Ledger
from services import clock
from services.contract import SendOutcome
from services.database import connected
from services.hours import AMSTERDAM
from services.night import Night
from services.numbers import LateTemplate
from tests.integration.provider import NUMBER, Office

TEXT = {"type": "text", "text": {"body": "Ja."}}
PICTURE = {"type": "image", "image": {"link": "https://almelo.example/a.png"}}
ASK = {"type": "template", "template": {"name": "schrijf_terug", "language": {"code": "nl"}}}
HEARD = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, sequence, departments)
values ($1, 'almelo', $2, $3, 'kcc', '', '', now(), now(), now() - make_interval(hours => $4), 1,
    '{kcc}')
"""
WROTE = "update router.conversation set last_inbound_at = now(), said_at = now() where person = $1"
STOP = "insert into router.withdrawal values ('almelo', $1, 'stop', now())"
OUTGOING = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    reason, code, type)
values ($1, 'almelo', $2, '', 'kcc', $3, now(), $4, $5, 'template')
"""
AGED = "update deliverer.ledger set held_at = held_at - make_interval(secs => $2) where id = $1"


class Late:
    """A citizen who wrote 30 hours ago, and what waits for them."""

    def __init__(self, office: Office, person: UUID) -> None:
        self.office, self.person = office, person
        self.holding = Holding(office.pool)

    async def answer(self, content: dict[str, Any] = TEXT, **more: Any) -> UUID:
        return await self.office.queue(content, self.person, **more)

    async def held(self, content: dict[str, Any] = TEXT) -> UUID:
        id = await self.answer(content)
        await self.office.until(id, "held")
        return id

    async def ask(self) -> UUID:
        """As the router writes it."""
        id = await self.answer(ASK, asks=True)
        await self.office.pool.execute(OUTGOING, id, NUMBER, "accepted", "", 0)
        return id

    async def writes(self) -> None:
        await self.office.pool.execute(WROTE, self.person)

    async def look(self) -> dict[str, int]:
        return await self.holding.look(clock.now())

    async def state(self, id: UUID) -> tuple[str, str]:
        line = await self.office.line(id)
        return line["state"], line["reason"]

    async def told(self, id: UUID) -> list[tuple[str, str]]:
        """What the router is told of a message, in order."""
        rows = await self.office.pool.fetch("select body from deliverer.outcome order by position")
        said = [msgspec.msgpack.decode(row["body"], type=SendOutcome) for row in rows]
        return [(each.state, each.reason) for each in said if each.message == id]


@pytest.fixture
async def late(place: tuple[Office, Account]) -> Late:
    office, _ = place
    late = Late(office, clock.new_id())
    await office.pool.execute(HEARD, "c", NUMBER, late.person, 30)
    return late


@pytest.fixture
def account(place: tuple[Office, Account]) -> Account:
    return msgspec.structs.replace(place[1], asks=True)


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
        for id in ids:
            assert (await late.state(id))[0] == "held"
        await late.look()
        await late.office.until(newest, "sent")
    said = [m["text"]["body"] for m in late.office.provider.messages]
    assert said == ["0", "1", "2", "3"]
    assert await late.state(ids[1]) == ("sent", "")


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


async def test_nobody_is_asked_at_night_and_an_answer_does_not_wait_for_that(
    late: Late, account: Account
) -> None:
    local = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=2)
    night = Night(*(each.astimezone(AMSTERDAM).time() for each in local))
    account = msgspec.structs.replace(account, night=night)
    async with late.office.working(**{NUMBER: account}):
        answer = await late.held()
        ask = await late.ask()
        await late.writes()
        await late.look()
        await late.office.until(answer, "sent")
        assert (await late.state(ask))[0] == "queued"
    assert [m["type"] for m in late.office.provider.messages] == ["text"]


async def test_with_both_templates_words_that_fit_go_in_the_one_and_the_rest_waits(
    late: Late, account: Account
) -> None:
    """But never before what was said earlier."""
    account = msgspec.structs.replace(account, late=LateTemplate(name="antwoord"))
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
    await first.let_go(set())  # it ends
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
    async with connected(f"{empty}?role=postkamer_deliverer", "test", 2) as own:
        assert await Holding(own).look(clock.now()) == {NUMBER: 1}
        await Ledger(own, clock.new_id(), {}).rest({NUMBER: (clock.now(), "night")})
        assert [line.id for line in await Ledger(own, clock.new_id(), {}).claim(1, set())]
    assert (await late.state(first))[0] in ("queued", "sending")
