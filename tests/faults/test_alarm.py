"""A real alarm of the broker: the door says 503 at once, hangs nobody, and opens by itself."""

import asyncio

import aiohttp
import pytest

from tests.integration.services.test_broker_alarms import ALARMS, alarm
from tests.support.citizens import post, text, webhook
from tests.support.installation import Installation
from tests.support.observer import Watch, until

pytestmark = pytest.mark.alone

CITIZENS = 50
ANSWER_SECONDS = 2.0
BACK_SECONDS = 5.0
DURING_SECONDS = 5.0
"""Seconds of the alarm. Three confirms may take less, after which a connection is given up."""


class Citizens:
    """Each posts a message until it is taken, then the next; all answers are kept."""

    def __init__(self, session: aiohttp.ClientSession, town: Installation, run: str) -> None:
        self._session, self._town, self._run = session, town, run
        self.stopped = False
        self.taken: list[str] = []
        self.answers: list[tuple[int, float]] = []
        """(status, seconds)."""
        self.task = asyncio.create_task(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(citizen) for citizen in range(CITIZENS)))

    async def _one(self, citizen: int) -> None:
        loop = asyncio.get_running_loop()
        n = 0
        while not self.stopped:
            said = f"{self._run} {citizen} {n}"
            body = webhook(text(said, f"wamid.{self._run}.{citizen}.{n}", citizen))
            started = loop.time()
            status = await post(self._session, self._town.gateway, body)
            self.answers.append((status, loop.time() - started))
            if status == 200:
                self.taken.append(said)
                n += 1
            else:
                await asyncio.sleep(0.05)  # the sender's wait between two attempts

    async def count(self) -> int:
        return len(self.taken)


async def ready(session: aiohttp.ClientSession, town: Installation) -> tuple[int, str]:
    async with session.get(f"{town.operations('gateway')}/health/ready") as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("kind", ALARMS)
async def test_gateway_answers_503_during_a_broker_alarm_and_goes_on_after_it(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, kind: str
) -> None:
    loop = asyncio.get_running_loop()
    run = f"alarm-{kind}"
    citizens = Citizens(session, town, run)
    await until(citizens.count, lambda n: n >= 200, 30)

    async with alarm(town.broker, kind):
        await until(lambda: watch.metric("gateway", "postkamer_broker_blocked"), bool, 5)
        during = len(citizens.answers)
        end = loop.time() + DURING_SECONDS
        while loop.time() < end:
            status, said = await ready(session, town)
            assert status == 503 and "memory or disk" in said
            assert await watch.metric("gateway", "postkamer_broker_blocked") == 1
            await asyncio.sleep(0.1)
        assert {status for status, _ in citizens.answers[during + CITIZENS :]} == {503}
    before = await citizens.count()
    await until(citizens.count, lambda n: n > before + 2 * CITIZENS, BACK_SECONDS)
    assert (await ready(session, town))[0] == 200
    citizens.stopped = True
    await citizens.task

    assert {status for status, _ in citizens.answers} == {200, 503}
    assert max(seconds for _, seconds in citizens.answers) < ANSWER_SECONDS
    archived = await until(
        lambda: watch.archived(f"{run} "), lambda rows: len(rows) >= len(citizens.taken), 60
    )
    said = [said for _, said in archived]
    assert len(said) == len(set(said)) and set(citizens.taken) <= set(said)
