"""The verdict of the fault tests finds what goes wrong when a promise is broken on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aio_pika
import aiohttp
import pytest

from services.amqp import topology
from tests.support.faults.batch_crash_points import gone, locked, waiting
from tests.support.faults.broken_service import ACK_FIRST, AUTO_ACK, break_service, mend_service
from tests.support.faults.crowd import Crowd
from tests.support.faults.message_evidence import arriving, seen
from tests.support.faults.partition_holders import PARTITIONS
from tests.support.faults.verdict import faults
from tests.support.installation import Installation
from tests.support.observer import Watch
from tests.support.small_queues import other_policy

pytestmark = [pytest.mark.alone, pytest.mark.long]

CITIZENS, EACH, SECONDS = 20, 4, 0.5
DRAIN_SECONDS = 60.0
ROUNDS = 22
"""Consumers that end with everything in hand: one more than the broker's default forgives."""
EMPTY_SECONDS = 0.5
"""Wait for a message where all may be deleted already."""
DROP_HEAD = {"max-length-bytes": 20_000, "overflow": "drop-head"}
DEFAULT_LIMIT = {"delivery-limit": 20}


@pytest.fixture(autouse=True)
async def balance() -> AsyncIterator[None]:
    """No balance closes here: messages are lost on purpose."""
    yield


class Case:
    """Messages among which something goes wrong, and others after them."""

    def __init__(
        self, town: Installation, watch: Watch, session: aiohttp.ClientSession, name: str
    ) -> None:
        self._watch, self._name = watch, name
        self.crowd, self._after = (Crowd(session, town, run) for run in (name, f"{name}-after"))

    async def begin(self) -> None:
        self._arrivals = await arriving(self._watch, self._name)
        self._later = await arriving(self._watch, f"{self._name}-after")
        self.crowd.write(CITIZENS, EACH, SECONDS)

    async def verdict(self) -> list[str]:
        """The verdict once all that came later is there: what is not there by then is lost."""
        await self.crowd.task
        self._after.write(CITIZENS, 1, 0.1)
        await self._after.task
        later = f"{self._name}-after"
        await seen(self._watch, self._later, later, self._after.total, DRAIN_SECONDS)
        found = await seen(self._watch, self._arrivals, self._name, 0, DRAIN_SECONDS)
        return faults(found, self.crowd)


def lost(verdict: list[str], place: str) -> list[str]:
    return [each for each in verdict if each.startswith(f"{place}: ") and each.endswith("is lost")]


@pytest.mark.parametrize("how", [ACK_FIRST, AUTO_ACK])
async def test_router_that_acknowledges_before_it_commits_is_found_out(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, how: str
) -> None:
    case = Case(town, watch, session, how)
    await asyncio.to_thread(break_service, town, "router", how)
    async with locked(watch, "exclusive"):
        await case.begin()
        await waiting(watch, PARTITIONS)
        await asyncio.to_thread(town.kill, "router")
    await gone(watch)
    await asyncio.to_thread(mend_service, town, "router")
    verdict = await case.verdict()
    assert lost(verdict, "CRM") and lost(verdict, "archive")


async def crash_consumers(town: Installation) -> None:
    """Take what waits for the archive, and end with it in hand, again and again."""
    for _ in range(ROUNDS):
        async with await aio_pika.connect(town.broker.url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(topology.ARCHIVE_QUEUE, ensure=False)
            came = asyncio.Event()

            async def take(_: object, came: asyncio.Event = came) -> None:
                came.set()

            await queue.consume(take)
            with suppress(TimeoutError):
                async with asyncio.timeout(EMPTY_SECONDS):
                    await came.wait()


@pytest.mark.parametrize("policy", [DROP_HEAD, DEFAULT_LIMIT, {}])
async def test_policy_with_which_the_broker_deletes_is_found_out(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, policy: dict[str, Any]
) -> None:
    """With our own policy the same loses nothing."""
    case = Case(town, watch, session, "-".join(policy) or "sound")
    await asyncio.to_thread(town.kill, "archiver")
    with other_policy(town.broker, "archive", topology_policy() | policy):
        await case.begin()
        await case.crowd.task
        await crash_consumers(town)
    await asyncio.to_thread(town.restart, "archiver")
    verdict = await case.verdict()
    assert bool(lost(verdict, "archive")) == bool(policy)
    assert not lost(verdict, "CRM")


def topology_policy() -> dict[str, Any]:
    policies = topology.policies(topology.queues(PARTITIONS, ["crm"]))
    [definition] = [p["definition"] for p in policies if p["name"] == "postkamer-archive"]
    return dict(definition)
