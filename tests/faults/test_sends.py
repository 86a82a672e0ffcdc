"""A deliverer is killed at every step of a send, again and again: a citizen never gets a message
twice, and never none without somebody being told.

`make faults ARGS="-s tests/faults/test_sends.py"`, with POSTKAMER_TEST_SEND_KILLS=300 for many.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import aiohttp
import asyncpg
import pytest

from tests.support.citizens import post
from tests.support.faults.closing_balance import balance_closes
from tests.support.faults.event_recorder import listening
from tests.support.faults.flaky_link import road_to
from tests.support.faults.phones import LOST, Phones, ringing, takes
from tests.support.faults.send_crash_points import HOLDS
from tests.support.faults.send_crash_scenario import REACH_SECONDS, SETTLE_SECONDS, Letters, led
from tests.support.installation import Installation, installed
from tests.support.observer import Watch, until

KILLS = int(os.environ.get("POSTKAMER_TEST_SEND_KILLS", "12"))
"""Kills of a real deliverer by SIGKILL: half of them at a step, half at a random moment. Each takes
two seconds."""
CITIZENS, AT_ONCE = 48, 4
"""Citizens in all, and those with two messages when a deliverer dies at a step: the second message
waits behind the first."""
CROWD = 16
"""Citizens with a message on its way when a deliverer dies at any moment."""
STARTS_SECONDS = 0.6
"""Seconds in which a deliverer starts, forked, on two busy cores."""
UNCONFIRMED = "postkamer_sends_unconfirmed"

pytestmark = pytest.mark.timeout(180 + 5 * KILLS)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("sends")) as town:
        yield town


@pytest.fixture
async def letters(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> AsyncIterator[Letters]:
    async def tell(body: bytes) -> int:
        return await post(session, town.gateway, body)

    async with (
        listening(town) as witness,
        ringing(tell) as (phones, meta),
        road_to(town.database.port) as (road, port),
    ):
        led(watch, meta, port)
        letters = Letters(watch, witness, phones, road)
        letters.database = await asyncpg.connect(town.database.url)
        yield letters
        await letters.ends()
        await letters.database.close()


@pytest.fixture(autouse=True)
async def balance(letters: Letters, town: Installation) -> AsyncIterator[None]:
    """The balance closes while the deliverer still has its way to the database."""
    yield
    await balance_closes(town)


async def test_deliverer_killed_at_any_step_of_a_send_sends_once_or_reports_it(
    letters: Letters,
) -> None:
    await letters.opens("step", CITIZENS, first=0)
    for kill in range(max(KILLS // 2, len(HOLDS))):
        step = list(HOLDS)[kill % len(HOLDS)]
        citizens = (await letters.free())[:AT_ONCE]
        firsts = await letters.order(citizens, 2, f"step {kill}:")
        async with HOLDS[step](letters) as reached:
            await letters.starts()
            await reached(firsts)
            await letters.dies()
            left = await letters.left()
            await AFTER[(kill + kill // len(HOLDS)) % len(AFTER)](letters)
        await after_all(letters)
        there = letters.met(left, step) | letters.phones.told  # by now its status may have come
        assert there.intersection(firsts), f"none was at {step}"
        await letters.time_passes()
    await check(letters)


async def nothing_yet(_: Letters) -> None:
    """The database does what the dead one had asked for once it can, before the next one starts."""


AFTER = (Letters.noticed, nothing_yet, Letters.succeeded)
"""Events between a death and the end of the hold that kept the deliverer at its step."""


async def after_all(letters: Letters) -> None:
    """Everything that was kept is done or never will be, and none runs."""
    if letters.runs:
        await asyncio.sleep(random.uniform(0, 0.3))  # any moment, not a condition
        await letters.dies()
    await letters.gone()
    await letters.all_read()


def whims(phones: Phones) -> None:
    """Meta takes some time, loses what it did not take or its answer, says later or no."""

    async def whim() -> int:
        await asyncio.sleep(random.uniform(0, 0.1))  # any time, not a condition
        return random.choices((0, LOST, 131000, 131026), (8, 1, 1, 1))[0]

    phones.whim = whim


async def some_moment(letters: Letters) -> None:
    """Somewhere in a start, or in the middle of sending."""
    if random.random() < 0.25:
        await asyncio.sleep(random.uniform(0, STARTS_SECONDS))  # any moment, not a condition
        return
    wanted = letters.phones.requests + random.randint(1, CROWD)

    async def requests() -> bool:
        return letters.phones.requests >= wanted or not await letters.going()

    await until(requests, bool, REACH_SECONDS)
    await asyncio.sleep(random.uniform(0, 0.2))  # any moment, not a condition


@pytest.mark.long
async def test_deliverer_killed_at_any_moment_sends_once_or_reports_it(
    letters: Letters,
) -> None:
    await letters.opens("moment", CITIZENS, first=1000)
    whims(letters.phones)
    for kill in range(KILLS // 2):
        citizens = sorted(letters.conversations, key=lambda _: random.random())[:CROWD]
        await letters.order(citizens, 1, f"moment {kill}:")
        await letters.starts()
        await some_moment(letters)
        await letters.dies()
        await after_all(letters)
        letters.met(await letters.left(), "")
        await letters.time_passes()
    await check(letters)


async def check(letters: Letters) -> None:
    """Each message is on a phone once, or somebody was told; in order; what Meta told counts."""
    letters.phones.whim = takes
    await letters.finish()
    states = {id: state for id, (state, _) in (await letters.states()).items()}
    arrived = [arrival.id for arrival in letters.phones.arrivals]
    assert letters.phones.twice() == []
    mine = [id for ids in letters.accepted.values() for id in ids]
    assert [id for id in mine if states[id] not in WORDS] == []
    assert [id for id in mine if states[id] == "sent" and id not in arrived] == []
    assert [id for id in mine if states[id] == "failed" and id in arrived] == []
    told = letters.phones.told
    assert [id for id in told if states[id] != "sent"] == []
    order = {id: n for n, id in enumerate(arrived)}
    for ids in letters.accepted.values():
        places = [order[id] for id in ids if id in arrived]
        assert places == sorted(places)
    wanted = {id: "delivered" if id in told else WORDS[states[id]] for id in mine}
    await until(lambda: missing_events(letters, wanted), lambda left: not left, SETTLE_SECONDS)
    for words in (await letters.said()).values():
        assert len({word for _, word in words}) == len(words), "one word, two events"
    await check_alarm(letters, states)
    show(letters, arrived, states)


WORDS = {"sent": "", "unconfirmed": "unknown", "failed": "failed"}
"""State of a line in the end -> what its sender was told last; nothing, as long as Meta tells
nothing, of what Meta has taken."""


async def missing_events(letters: Letters, wanted: dict[str, str]) -> dict[str, str]:
    """Messages whose last event, as wanted here, is missing."""
    last = {id: words[-1][1] for id, words in (await letters.said()).items()}
    return {id: word for id, word in wanted.items() if last.get(id, "") != word}


async def check_alarm(letters: Letters, states: dict[str, str]) -> None:
    """The metric counts every unconfirmed message, whichever deliverer found it."""
    count = list(states.values()).count("unconfirmed")
    assert count, "nothing was left unconfirmed, so nothing was tried"
    await until(
        lambda: letters.watch.metric("deliverer", UNCONFIRMED), lambda n: n == count, REACH_SECONDS
    )


def show(letters: Letters, arrived: list[str], states: dict[str, str]) -> None:
    """Print the steps at which deaths met messages, and the fate of these."""
    found = Counter(
        (where, states[id], "on the phone" if id in arrived else "not on the phone")
        for id, where in letters.hits
    )
    messages = sum(map(len, letters.accepted.values()))
    print(f"\n{letters.kills} deliverers killed, {messages} messages; these were met on their way:")
    for (where, state, there), n in sorted(found.items()):
        print(f"{where:14} {state:12} {there:16} {n:5}")
