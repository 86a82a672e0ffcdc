"""Friday 15:00 to Monday 9:00, on a simulated clock, with all of it running: an answer that comes
too late waits for the citizen, who is asked to write; and goes in order once they did."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from deliverer.meta.held_messages import EXPIRED
from router.conversation.reopen_request import ASKED
from services.calendar.opening_hours import AMSTERDAM
from services.whatsapp.delivery_status import MAX_HOLD
from tests.support.citizens import NUMBER
from tests.support.e2e.crm_desk import AUTHOR, Desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.observer import Watch, until
from tests.support.simulated_clock import SimulatedClock, simulated

FRIDAY = datetime(2026, 11, 27, 15, tzinfo=AMSTERDAM)
MONDAY = datetime(2026, 11, 30, 9, tzinfo=AMSTERDAM)
SECONDS = 15.0
FATIMA, JAN, SANNE, MURAT = "31600000011", "31600000012", "31600000013", "31600000014"
TEXTS = ("Ja, u kunt hem ophalen.", "Neem uw legitimatie mee.")


def open_on_weekdays(text: str) -> str:
    """The department of whoever asks nothing that a rule knows; nothing goes out by itself. The
    number uses Direct Send, which Meta refuses until the account is let in."""
    fallback = 'fallback = "klantcontact"'
    ask = '\nask_template = {name = "schrijf_terug"}\ndirect_send = true'
    text = text.replace(fallback, fallback + ask, 1)
    return text.replace("Mo-Fr 08:30-17:00; PH off", "Mo-Fr 09:00-17:00; PH off", 1)


@pytest.fixture(scope="module")
def clock() -> Iterator[SimulatedClock]:
    with simulated(FRIDAY) as clock:
        yield clock


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, clock: SimulatedClock) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("town"), open_on_weekdays)
    town.more, town.database.more = clock.environment, clock.environment
    try:
        town.start()
        yield town
    finally:
        town.discard()


async def _answer(desk: Desk, conversation: str, words: str) -> str:
    """Answer as any CRM does, which tries 503 again with the same key. One comes when the clock
    jumps by days while a connection to the database is made: its server has waited long enough."""
    order = {"conversationId": conversation, "author": AUTHOR, "type": "text"}
    body, key = order | {"text": {"body": words}}, f"{conversation} {words}"
    taken = await until(
        lambda: desk.post("/v1/messages", body, key), lambda one: one[0] != 503, SECONDS
    )
    assert taken[0] == 202, taken
    return str(taken[1]["id"])


async def _wait_for_held(watch: Watch, count: int) -> None:
    """Wait until the deliverer's metric shows so many held answers."""
    held = "postkamer_answers_held"
    await until(lambda: watch.metric("deliverer", held), lambda n: n == count, SECONDS)


async def _waits(desk: Desk, id: str) -> None:
    told = await until(lambda: desk.status(id), lambda s: s["reason"] == ASKED, SECONDS)
    assert told["status"] == "accepted"


async def test_friday_question_is_answered_on_monday_once_the_citizen_writes(
    watch: Watch, session: aiohttp.ClientSession, clock: SimulatedClock
) -> None:
    desk, phone = Desk(watch), Phone(watch, session, FATIMA)
    asked = await phone.asks("is mijn vergunning al klaar")
    conversation = asked["conversationId"]

    # The CRM hears of it while the desk is still there. Noon is the hour for what would end in the
    # weekend; at three that has passed: at once.
    (closing,) = await until(lambda: watch.told(conversation, "window-closing"), bool, SECONDS)
    ends = datetime.fromisoformat(closing["windowUntil"])
    assert timedelta(0) <= ends - (FRIDAY + timedelta(days=1)) < timedelta(minutes=2)
    assert clock.now() < FRIDAY.replace(hour=17)

    clock.set(MONDAY)  # nobody answered: 66 hours later
    first = await _answer(desk, conversation, TEXTS[0])
    await _waits(desk, first)
    assert await until(phone.got, bool, SECONDS) == ["schrijf_terug"]
    second = await _answer(desk, conversation, TEXTS[1])
    await _waits(desk, second)
    await _wait_for_held(watch, 2)

    clock.passes(timedelta(hours=3))
    ask = await _last_template(watch)
    press = {"kind": "button", "row": "ja", "about": ask}
    # After a leap the gateway may answer 503 for a moment, as its connections are of before; Meta
    # repeats.
    assert await phone.is_taken("Ja, stuur maar", wait=SECONDS, **press)
    got = await until(phone.got, lambda got: len(got) == 3, SECONDS)
    assert got == ["schrijf_terug", *TEXTS]
    for id in (first, second):
        await until(lambda id=id: desk.status(id), _is_delivered, SECONDS)  # type: ignore[misc]
    (pressed,) = await watch.events("Ja, stuur maar")
    assert not pressed["event"]["data"]["task"]
    await _is_on_the_record(watch, conversation, first)


async def _is_on_the_record(watch: Watch, conversation: str, held: str) -> None:
    """The record has all messages in order; a held answer also says that it waited."""
    said = await until(lambda: watch.messages(conversation), lambda m: len(m) == 5, SECONDS)
    assert [(m["direction"], m["type"], m["text"]) for m in said] == [
        ("in", "text", "is mijn vergunning al klaar"),
        ("out", "text", TEXTS[0]),
        ("out", "template", ""),
        ("out", "text", TEXTS[1]),
        ("in", "button", "Ja, stuur maar"),
    ]
    assert said[2]["author"] == {"kind": "automated", "id": "postkamer", "identified": None}
    states = (
        "select count(*) from opened.record where kind = 'send'"
        f" and message = '{held}' and data->>'state' in ('held', 'sent')"
    )
    await until(lambda: watch.count(states), lambda n: n == 2, SECONDS)
    ends = _ends_with("delivered")
    told = await until(lambda: _status_events(watch, conversation, held), ends, SECONDS)
    assert (told[0], told[-1]) == (("accepted", ASKED), ("delivered", ""))


async def _status_events(watch: Watch, conversation: str, message: str) -> list[tuple[str, str]]:
    """Status and reason, as the CRM heard of it."""
    told = await watch.told(conversation, "message-status-changed")
    return [(each["status"], each["reason"]) for each in told if each["messageId"] == message]


def _ends_with(status: str) -> Callable[[list[tuple[str, str]]], bool]:
    return lambda told: bool(told) and told[-1][0] == status


async def test_held_answer_fails_after_a_week_when_the_citizen_never_writes(
    watch: Watch, session: aiohttp.ClientSession, clock: SimulatedClock
) -> None:
    desk, phone = Desk(watch), Phone(watch, session, JAN)
    clock.set(FRIDAY + timedelta(days=7))
    asked = await phone.asks("wanneer komt de kerstmarkt", after_leap=True)
    clock.set(MONDAY + timedelta(days=7))
    conversation = asked["conversationId"]
    assert await _meta_says(watch, JAN) == 131047
    answer = await _answer(desk, conversation, TEXTS[0])
    await _waits(desk, answer)
    assert await until(phone.got, bool, SECONDS) == ["schrijf_terug"]

    clock.passes(timedelta(days=MAX_HOLD.days, minutes=-10))
    await _wait_for_held(watch, 1)
    assert (await desk.status(answer))["status"] == "accepted"
    clock.passes(timedelta(minutes=10))
    told = await until(lambda: desk.status(answer), lambda s: s["status"] != "accepted", SECONDS)
    assert (told["status"], told["reason"]) == ("failed", EXPIRED)
    told_of_it = await until(
        lambda: _status_events(watch, conversation, answer), _ends_with("failed"), SECONDS
    )
    assert [status for status, _ in told_of_it] == ["accepted", "failed"]
    await _wait_for_held(watch, 0)
    assert await phone.got() == ["schrijf_terug"]

    # What asked a week ago is no question any more: for what is answered now there is another.
    await _waits(desk, await _answer(desk, conversation, TEXTS[1]))
    got = await until(phone.got, lambda got: len(got) == 2, SECONDS)
    assert got == ["schrijf_terug"] * 2


@pytest.mark.long
async def test_killed_router_and_deliverer_ask_once_and_answer_once(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, clock: SimulatedClock
) -> None:
    desk, phone = Desk(watch), Phone(watch, session, SANNE)
    clock.set(FRIDAY + timedelta(days=21))
    asked = await phone.asks("mag mijn hond los in het park", after_leap=True)
    clock.set(MONDAY + timedelta(days=21))
    await _without(town, "deliverer")
    answer = await _answer(desk, asked["conversationId"], TEXTS[0])
    line = f"select count(*) from deliverer.ledger where id = '{answer}'"
    await until(lambda: watch.count(line), bool, SECONDS)
    await _without(town, "router")
    await _again(town, "deliverer")
    await until(lambda: watch.count(f"{line} and state = 'held'"), bool, SECONDS)
    await _without(town, "deliverer")
    await _again(town, "router")  # what is held is a row: one of the two tells it
    await _again(town, "deliverer")
    await _waits(desk, answer)
    for name in ("router", "deliverer"):
        await _without(town, name)
        await _again(town, name)
    await until(phone.got, bool, SECONDS)
    await _without(town, "deliverer")
    await phone.writes("ja graag")
    await until(lambda: watch.archived("ja graag"), bool, SECONDS)
    await _again(town, "deliverer")
    await until(lambda: desk.status(answer), _is_delivered, SECONDS)
    assert await phone.got() == ["schrijf_terug", TEXTS[0]]


async def test_late_answer_goes_at_once_when_meta_lets_the_account(
    watch: Watch, session: aiohttp.ClientSession, clock: SimulatedClock
) -> None:
    health = f"{watch.town.sandbox}/phone/numbers/{NUMBER}/_health"
    async with session.post(health, json={"directSend": "enabled"}) as answered:
        assert answered.status == 200
    desk, phone = Desk(watch), Phone(watch, session, MURAT)
    clock.set(FRIDAY + timedelta(days=28))
    asked = await phone.asks("hoe laat is de raad", after_leap=True)
    clock.set(MONDAY + timedelta(days=28))
    answer = await _answer(desk, asked["conversationId"], TEXTS[0])
    await until(lambda: desk.status(answer), _is_delivered, SECONDS)
    assert await phone.got() == [TEXTS[0]]
    refused = "select count(*) from deliverer.number_health where \"check\" = 'direct_send'"
    assert await watch.count(refused) == 0
    sent = "select count(*) from opened.record where kind = 'send' and data->>'state' = 'sent'"
    way = f"{sent} and message = '{answer}' and data->>'reason' like 'direct_send: %'"
    await until(lambda: watch.count(way), lambda n: n == 1, SECONDS)
    price = f"select count(*) from router.charge where id = '{answer}' and category = 'utility'"
    await until(lambda: watch.count(price), lambda n: n == 1, SECONDS)


async def _without(town: Installation, name: str) -> None:
    await asyncio.to_thread(town.kill, name)


async def _again(town: Installation, name: str) -> None:
    await asyncio.to_thread(town.restart, name)
    await asyncio.to_thread(town.wait_until_ready, name)


async def _meta_says(watch: Watch, phone: str) -> int:
    """Its code for a text by now."""
    url = f"{watch.town.sandbox}/graph/v26.0/{NUMBER}/messages"
    text = {"type": "text", "text": {"body": "Ja."}}
    body = {"messaging_product": "whatsapp", "to": f"+{phone}"} | text
    headers = {"Authorization": "Bearer sandbox-access-token"}
    async with watch.session.post(url, json=body, headers=headers) as answer:
        return int((await answer.json())["error"]["code"])


async def _last_template(watch: Watch) -> str:
    """Meta's name for it, which the button's answer quotes."""
    url = f"{watch.town.sandbox}/phone/received?after=0"
    async with watch.session.get(url) as answer:
        templates = [each for each in await answer.json() if each["type"] == "template"]
    return str(templates[-1]["wamid"])


def _is_delivered(told: dict[str, Any]) -> bool:
    return bool(told["status"] == "delivered")
