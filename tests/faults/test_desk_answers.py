"""A deliverer is killed again and again while employees answer in ITA: each answer comes on its
citizen's phone once, and what else they register there never does.

`make faults ARGS="-s tests/faults/test_desk_answers.py"`, with POSTKAMER_TEST_DESK_KILLS=300 for
many.
"""

import asyncio
import os
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any

import pytest

from deliverer.destinations.openklant.events import UNDELIVERED
from deploy.local.state import free_port
from sandbox.openklant.error_responses import BASE
from tests.e2e.openklant.test_round_trip import with_open_klant
from tests.support.faults.closing_balance import balance_closes
from tests.support.faults.desk_crash_scenario import (
    CONTACT,
    EMPLOYEES,
    FOUND,
    LIST,
    OURS,
    REACH_SECONDS,
    REFERENCE,
    SCRIPTS,
    SEND,
    TOKEN,
    WAITING,
    Answer,
    AnswerDesk,
    answer_desk,
)
from tests.support.faults.flaky_link import road_to
from tests.support.faults.message_evidence import rows
from tests.support.installation import Installation
from tests.support.observer import Watch, until

KILLS = int(os.environ.get("POSTKAMER_TEST_DESK_KILLS", "4"))
"""Kills of a real deliverer by SIGKILL: half of them at a random moment, half within a second after
it was seen at work on an answer. Each takes four seconds."""
WITH_ANSWERS = 1 + KILLS // 8
"""Fewest kills that meet an answer between ITA and its phone; more follow until these did."""
LIFE_SECONDS = (0.5, 6.0)
"""Life of a deliverer that is killed at a random moment, of which it needs one to start."""

pytestmark = pytest.mark.timeout(180 + 10 * KILLS)

RECORDS = "select count(*) from opened.record"
MESSAGES = """
select conversation, data->>'text', data->'author'->>'id' from opened.record
where kind = 'message' and data->>'direction' = 'out' and data->'author'->>'kind' = 'employee'
"""
CLOSINGS = """
select conversation, data->>'outcome' from opened.record
where kind = 'conversation' and data->>'event' = 'closed'
"""
DOUBT = UNDELIVERED["unknown"].partition(":")[0]

Trace = Callable[[AnswerDesk], Awaitable[int]]


@pytest.fixture(scope="module")
def road_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, road_port: int) -> Iterator[Installation]:
    def change(config: str) -> str:
        config = re.sub(rf":\d+{BASE}", f":{road_port}{BASE}", with_open_klant(config))
        return config.replace("look_seconds", f'answer_channel = "{SEND}"\nlook_seconds')

    installation = Installation(tmp_path_factory.mktemp("desk"), change)
    installation.more["OPENKLANT_TOKEN"] = TOKEN
    try:
        installation.start()
        yield installation
    finally:
        installation.discard()


@pytest.fixture
async def desk(town: Installation, watch: Watch, road_port: int) -> AsyncIterator[AnswerDesk]:
    sandbox = town.ports["POSTKAMER_SANDBOX_PORT"]
    async with road_to(sandbox, road_port) as (road, _), answer_desk(watch, road) as desk:
        yield desk


@pytest.fixture(autouse=True)
async def balance(desk: AnswerDesk, town: Installation) -> AsyncIterator[None]:
    """The balance closes while the deliverer still has its way to Open Klant."""
    yield
    await balance_closes(town)


def requests(each: str) -> Trace:
    async def count(desk: AnswerDesk) -> int:
        return desk.requests[each]

    return count


async def found(desk: AnswerDesk) -> int:
    """Count the commands for the router that were stored."""
    return int(await desk.one(FOUND))


async def published(desk: AnswerDesk) -> int:
    """Count the commands that were stored and are gone, so the router has them."""
    return int(await desk.one(FOUND)) - int(await desk.one(WAITING))


TRACES = (found, requests(CONTACT), published, requests(REFERENCE), requests(LIST))
"""Counts that grow with each step of an answer on its way."""


def crowd(kills: int) -> int:
    """Return how many citizens ask at a time, after so many kills."""
    return min(len(SCRIPTS), 1 + max(0, KILLS - kills) // 4)


async def live_any_time() -> None:
    await asyncio.sleep(random.uniform(*LIFE_SECONDS))  # any moment, not a condition


async def live_until(trace: Trace, desk: AnswerDesk) -> None:
    """Let the deliverer live until a trace grows, and less than a second more."""
    before = await trace(desk)

    async def is_seen() -> bool:
        return await trace(desk) > before or not await desk.backlog()

    await until(is_seen, bool, REACH_SECONDS)
    await asyncio.sleep(random.random() ** 4)  # any moment, and most of them soon


@pytest.mark.long
async def test_answer_from_ita_is_sent_once_however_often_the_deliverer_is_killed(
    desk: AnswerDesk,
) -> None:
    began = time.monotonic()
    await desk.ask(crowd(0))
    await desk.stop()
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.work())
        while desk.kills < KILLS or desk.kills_on_the_way < WITH_ANSWERS:
            await desk.start()
            if not (desk.unfinished() or await desk.backlog()):
                await desk.ask(crowd(desk.kills))
            await until(desk.backlog, bool, REACH_SECONDS)
            if desk.kills % 2:
                await live_any_time()
            else:
                await live_until(TRACES[desk.kills // 2 % len(TRACES)], desk)
            await desk.kill()
        desk.is_closing_time = True
    await desk.finish()
    await check(desk, time.monotonic() - began)


async def check(desk: AnswerDesk, seconds: float) -> None:
    """Each answer is on its phone once and nothing else is, or its task says that it is in doubt;
    the archive has each with its author, and the task of each contact is one that ITA opens."""
    states = await desk.states()
    sent = [one for one in desk.answers() if states[one.klantcontact] == "sent"]
    in_doubt = [one for one in desk.answers() if one not in sent]
    arrived = Counter((one["phone"], one["content"]["body"]) for one in await desk.arrivals())
    show(desk, arrived, in_doubt, seconds)
    assert arrived == Counter(one.on_phone for one in sent)
    await check_doubt(desk, in_doubt)
    await check_archive(desk, {one.question.conversation for one in in_doubt})
    contacts = await desk.contacts(OURS)
    assert [one["metadata"]["gesprek"] for one in contacts if len(one["taken"]) != 1] == []
    assert len(contacts) == len(desk.questions)
    assert await desk.ita(EMPLOYEES[0]).find_faults(OURS) == []


async def check_doubt(desk: AnswerDesk, in_doubt: Sequence[Answer]) -> None:
    """Only a death between the claim of a message and Meta leaves doubt, and the task says so."""
    assert len(in_doubt) <= desk.hits["sending"]
    ids = {str(one.question.klantcontact) for one in in_doubt}

    async def untold() -> list[str]:
        tasks = [one["taken"][0] for one in await desk.contacts(OURS) if one["uuid"] in ids]
        return [task["uuid"] for task in tasks if DOUBT not in task["toelichting"]]

    await until(untold, lambda left: not left, REACH_SECONDS)


async def check_archive(desk: AnswerDesk, in_doubt: Collection[str]) -> None:
    """Every answer is a message of its employee, and a conversation whose task they closed is
    closed as answered, unless an answer is in doubt."""
    answers = Counter((o.question.conversation, o.text, o.author) for o in desk.answers())
    closed = {o.question.conversation for o in desk.registered if o.step.close} - set(in_doubt)

    async def archived() -> tuple[Counter[Any], Counter[Any]]:
        await desk.watch.count(RECORDS)  # the record is opened as far as it has come
        messages, closings = [await rows(desk.watch, sql) for sql in (MESSAGES, CLOSINGS)]
        endings = Counter(map(tuple, closings))
        certain = {row: n for row, n in endings.items() if row[0] not in in_doubt}
        return Counter(map(tuple, messages)), Counter(certain)

    expected = answers, Counter((conversation, "answered") for conversation in closed)
    await until(archived, lambda found: found == expected, REACH_SECONDS)


def show(
    desk: AnswerDesk,
    arrived: Counter[tuple[str, str]],
    in_doubt: Sequence[Answer],
    seconds: float,
) -> None:
    """Print how many deaths met how many answers on their way, and what became of all."""
    answers = desk.answers()
    lost = [one for one in answers if one.on_phone not in arrived and one not in in_doubt]
    twice = [one for one, n in arrived.items() if n > 1]
    print(
        f"\n{desk.kills} deliverers killed in {seconds:.0f} s, {desk.kills_on_the_way} of them with"
        f" answers on their way: {dict(desk.hits)}; {len(desk.questions)} citizens,"
        f" {len(answers)} answers, {len(desk.registered) - len(answers)} calls;"
        f" {len(lost)} lost, {len(twice)} twice, {len(in_doubt)} in doubt"
    )
