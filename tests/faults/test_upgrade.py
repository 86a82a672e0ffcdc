"""An update at noon: from an older version to this one while citizens write, and the way back.

`make upgrade-proof` prints each step with its times and all answers that came meanwhile.
`FROM=<commit or tag>` says which version to come from.
"""

import asyncio
import os
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from tests.support.citizens import post, text, webhook
from tests.support.cluster.steady_traffic import (
    AnsweringCrm,
    Readers,
    answers_on_phones,
    faults_of_answers,
)
from tests.support.cluster.versions import (
    OWN_PORTS,
    WANTED,
    TwoVersions,
    Version,
    ask,
    check_out,
    find_commit_before,
)
from tests.support.faults.crowd import Crowd
from tests.support.faults.flaky_link import road_to
from tests.support.faults.message_evidence import Arrivals, arriving, seen
from tests.support.faults.verdict import faults
from tests.support.installation import ROOT
from tests.support.observer import Watch, until, until_true

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

T = TypeVar("T")
ORDER = ("archiver", "deliverer", "router", "gateway", "desk")
"""Services in the order of docs/operators/update.md, which is turned round on the way back."""
STOPPED_FIRST = os.environ.get("POSTKAMER_TEST_UPGRADE_STOP_FIRST", "").split(",")
"""Services of which no two versions may run at once: docs/operators/update.md."""
RUN = "Update"
CITIZENS = int(os.environ.get("POSTKAMER_TEST_UPGRADE_CITIZENS", "20"))
"""Citizens who write, each a message a second."""
EVERY_SECONDS = 1.0
MORE = 3 * CITIZENS
"""Messages that are taken while two versions of a service run, and once one of them has stopped."""
SECONDS = 60.0
DRAIN_SECONDS = 120.0
BALANCE_SECONDS = 120.0
ADDED_NUMBER = "306540352242924"
ADDED = f"""
[[numbers]]
id = "{ADDED_NUMBER}"
tenant = "almelo"
fallback = "markt"

[[departments]]
id = "markt"
tenant = "almelo"
name = "Markt"
destination = "markt"

[[destinations]]
id = "markt"
kind = "cloudevents"
url = "SANDBOX/crm/events"
secret = "env:CRM_SECRET"
"""
FINE = {200, 202, 303, 503}
"""Answers that refuse nothing: done, accepted, log in first, try again."""


class Step:
    """One step of the update: how long its parts took, and the answers that came meanwhile."""

    def __init__(self, *names: str) -> None:
        self.names, self.parts = names, list[str]()

    async def time(self, part: str, work: Awaitable[T]) -> T:
        began = time.monotonic()
        done = await work
        self.parts.append(f"{part} {time.monotonic() - began:.1f} s")
        return done

    def row(self, answers: Counter[int]) -> str:
        counts = ", ".join(f"{n} x {status}" for status, n in sorted(answers.items()))
        return f"| {' | '.join(self.names)} | {', '.join(self.parts)} | {counts} |"


class Noon:
    """A town at noon: its traffic, and what an operator does meanwhile."""

    def __init__(
        self, town: TwoVersions, crowd: Crowd, arrivals: Arrivals, readers: Readers
    ) -> None:
        self.town, self.crowd, self.readers = town, crowd, readers
        self.crm = AnsweringCrm(town.gateway, readers.session, arrivals)
        self._processes = {service: service for service in ORDER}

    @asynccontextmanager
    async def traffic(self) -> AsyncIterator[None]:
        """Citizens write, the CRM answers, programs read. Ends when all was heard and answered."""
        tasks = [asyncio.create_task(each.work()) for each in (self.crm, self.readers)]
        self.crowd.write_on(CITIZENS, EVERY_SECONDS)
        try:
            await until_true(lambda: self.crm.conversation, SECONDS)
            messages = f"/v1/conversations/{self.crm.conversation}/messages"
            self.readers.pages["archiver"] = self.town.archiver + messages
            yield
            self.crowd.end()
            await self.crowd.task
            await self.catch_up()
        finally:
            for task in (self.crowd.task, *tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def statuses(self) -> Counter[int]:
        """Answers to everybody until now."""
        return sum(self.readers.statuses.values(), self.crowd.answers + self.crm.statuses)

    def refusals(self) -> dict[str, set[int]]:
        """Sender -> answers that refuse something. Nobody answers for a service that had to stop
        before the next one started."""
        asked = {"webhooks": self.crowd.answers, "commands": self.crm.statuses}
        asked |= {name: c for name, c in self.readers.statuses.items() if name not in STOPPED_FIRST}
        return {name: wrong for name, found in asked.items() if (wrong := found.keys() - FINE)}

    @asynccontextmanager
    async def step(self, *names: str) -> AsyncIterator[Step]:
        step, before = Step(*names), self.statuses()
        yield step
        print(step.row(self.statuses() - before), flush=True)

    async def more(self) -> None:
        enough = self.crowd.taken + MORE
        await until_true(lambda: self.crowd.taken >= enough, SECONDS)

    async def catch_up(self) -> None:
        """Wait until the CRM has heard, and answered, all that is surely taken by now."""
        in_hand = 0 if self.crowd.task.done() else 1
        taken = {text for said in self.crowd.texts for text in said[: len(said) - in_hand]}
        await until_true(lambda: taken <= self.crm.heard, SECONDS)

    async def order(self, version: Version, *words: str) -> None:
        """Run a command that must find nothing wrong."""
        async with self.step(" ".join(words), version.name) as step:
            code, said = await step.time("done in", ask(self.town, version, *words))
            assert code == 0, said

    async def balance(self, version: Version) -> None:
        """Wait until the balance closes: what was delivered last is counted some seconds later."""

        async def code() -> tuple[int, str]:
            return await ask(self.town, version, "balance")

        async with self.step("balance", version.name) as step:
            closed = until(code, lambda found: found[0] == 0, BALANCE_SECONDS)
            await step.time("closed after", closed)

    async def replace(self, service: str, version: Version) -> None:
        """Start a service of this version beside the former one, which stops then. One that may not
        run beside another waits for its end."""
        former, waits = self._processes[service], service in STOPPED_FIRST
        async with self.step(service, version.name) as step:
            if waits:
                await step.time("stopped first", self._stop(former))
            start = asyncio.to_thread(self.town.start_beside, service, version)
            self._processes[service] = await step.time("ready after", start)
            self.town.lead_to(service, self._processes[service])
            if not waits:
                await step.time("both", self.more())
                await step.time("stopped in", self._stop(former))
            await step.time("alone", self.more())
            await step.time("CRM up to date after", self.catch_up())

    def add_number(self) -> None:
        """Write a number, its department and its destination into the configuration."""
        config = self.town.config
        new = config.with_suffix(".new")
        new.write_text(config.read_text() + ADDED.replace("SANDBOX", self.town.sandbox))
        new.replace(config)

    async def write_to_added_number(self) -> dict[str, Any]:
        """Write to that number, and return what the CRM hears."""
        words = "Staat de markt er morgen?"
        body = webhook(text(words, "wamid.added.0", CITIZENS + 1), number=ADDED_NUMBER)
        assert await post(self.readers.session, self.town.gateway, body) == 200

        def heard() -> list[dict[str, Any]]:
            datas = [event["event"]["data"] for event in self.crm.arrivals.all]
            return [data for data in datas if data.get("text") == words]

        await until_true(heard, SECONDS)
        return heard()[0]

    async def _stop(self, name: str) -> None:
        code = await asyncio.to_thread(self.town.stop_process, name)
        log = self.town.services[name].program.log
        assert code == 0, f"{name} ended with {code}: {log.read_text()[-2000:]}"


@pytest.fixture
async def before(tmp_path: Path) -> Version:
    """The version to come from, which a clone without history does not have."""
    try:
        commit = find_commit_before()
    except subprocess.CalledProcessError:
        if os.environ.get(WANTED):
            raise
        pytest.skip("the commit to come from is not in this clone")
    return await asyncio.to_thread(check_out, commit, tmp_path / "before")


@pytest.fixture
async def both(tmp_path: Path, before: Version) -> AsyncIterator[TwoVersions]:
    """A town of the version before. It is not called `town`: what was stopped here stays so."""
    async with AsyncExitStack() as stack:
        roads = {name: await stack.enter_async_context(road_to(0)) for name in OWN_PORTS}
        town = TwoVersions(tmp_path / "town", before, roads)
        stack.callback(town.discard)
        await asyncio.to_thread(town.start)
        yield town


@pytest.fixture
async def noon(both: TwoVersions) -> AsyncIterator[Noon]:
    """Half of the citizens' webhooks come on connections that are kept, half on new ones."""
    kept, anew = [aiohttp.TCPConnector(limit=0, force_close=each) for each in (False, True)]
    async with client(kept) as one, client(anew) as other:
        pages = {"desk": both.desk, "router": f"{both.router}/v1/openapi.json"}
        arrivals = await arriving(Watch(both, one), RUN)
        crowd = Crowd(one, both, RUN, anew=other)
        yield Noon(both, crowd, arrivals, Readers(other, pages))


def client(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20), connector=connector)


async def test_each_service_is_replaced_at_noon_and_back_and_nothing_is_lost(
    noon: Noon, both: TwoVersions, before: Version, session: aiohttp.ClientSession
) -> None:
    now, watch = Version("now", ROOT), Watch(both, session)
    async with noon.traffic():
        await noon.order(now, "migrate")
        await noon.order(now, "topology", "declare")
        for service in ORDER:
            await noon.replace(service, now)
        await noon.order(now, "archive", "verify")
        for service in reversed(ORDER):
            await noon.replace(service, before)
        noon.add_number()
        await noon.order(before, "topology", "declare")
        for service in ORDER:
            await noon.replace(service, before)
        assert (await noon.write_to_added_number())["department"] == "markt"
    found = await seen(watch, noon.crm.arrivals, RUN, noon.crowd.total, DRAIN_SECONDS)
    assert faults(found, noon.crowd) == []
    total = sum(map(len, noon.crm.accepted.values()))
    arrived = await answers_on_phones(watch, total, DRAIN_SECONDS)
    assert faults_of_answers(noon.crm.accepted, arrived) == []
    assert noon.refusals() == {}
    await noon.order(now, "archive", "verify", "--index", "--media")
    await noon.balance(now)
    repeats = sum(not each["first"] for each in noon.crm.arrivals.messages())
    print(f"\n{noon.crowd.total} messages, each once at the CRM and in the archive, in order;")
    print(f"{repeats} were told again, under the same id;")
    print(f"{total} answers, each once on its phone, in order; answers of the door to webhooks:")
    print(dict(noon.crowd.answers))
