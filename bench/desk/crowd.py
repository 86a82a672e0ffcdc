"""A minute of a load: people at their screens, citizens who write, and the machine beside them."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from bench.desk.ceilings import Ceilings
from bench.desk.notes import Notes
from bench.desk.people import WORDS, Employee, department_of, shown_citizens
from bench.desk.screen import Screen
from bench.desk.town import DeskTown
from bench.usage import cpu_seconds, tree_memory
from services import clock
from tests.support.citizens import post, text, webhook
from tests.support.desk.employee import Employee as Browser

SHOWN = 50
"""Citizens who write again: the oldest ones, whom the first page of each list shows."""
EVERY_NEW = 3
"""One message in so many is of a new citizen."""
WATCHER_SHARE, READER_SHARE = 0.4, 0.2
"""Share of people who leave their inbox open, and of those who leave a conversation open; all
others go to and fro."""
THINK_SECONDS = 1.0, 3.0
"""Time at a page of those who go to and fro: nobody is that quick all day."""
SETTLE_SECONDS = 3.0
"""Time after the last message in which it may come to a screen."""
SAMPLE_SECONDS = 0.5
SEED = 1


class Round(msgspec.Struct):
    """Use of the machine by one load, beside what its people noted."""

    open: int
    people: int
    messages: int
    seconds: float
    cpu: dict[str, float]
    """Process -> CPU seconds."""
    memory: list[float]
    """MiB of the desk, at even intervals."""


class Crowd:
    """Employees who are logged in."""

    def __init__(self, town: DeskTown, http: aiohttp.ClientSession) -> None:
        self._town, self._http = town, http
        self._cookies: dict[str, str] = {}
        self._people: dict[str, Employee] = {}

    async def log_in(self, people: Sequence[Employee]) -> None:
        for person in people:
            browser = Browser(self._http, self._town.desk)
            await browser.log_in(person.id)
            cookies = browser.cookies[self._town.desk]
            self._cookies[person.id] = "; ".join(f"{k}={v}" for k, v in cookies.items())
            self._people[person.id] = person

    async def spend(
        self, notes: Notes, ceilings: Ceilings, seconds: float, rate: float, first: int
    ) -> Round:
        """Look and write for so long. New citizens have the numbers from `first` on."""
        cpu, memory, chance = self._cpu(), list[float](), random.Random(SEED)
        names = list(self._people)
        watchers = names[: int(len(names) * WATCHER_SHARE)]
        readers = names[len(watchers) : len(watchers) + int(len(names) * READER_SHARE)]
        walkers = names[len(watchers) + len(readers) :]
        screens = {each: self._screen(each, notes) for each in names}
        for each in screens.values():
            await each.go("/inbox")
        reading = {each: await self._open_conversation(screens[each], chance) for each in readers}
        beside = (
            *(self._walk(screens[each], random.Random(each)) for each in walkers),
            self._sample(memory),
            ceilings.fetch_page(notes),
            ceilings.ask_query(notes),
        )
        began = time.monotonic()
        async with running(*beside):
            count = await self._write(notes, watchers, seconds, rate, first)
            await asyncio.sleep(SETTLE_SECONDS)
        took = time.monotonic() - began
        for screen in screens.values():
            await screen.leave()
        self._town.must_run()
        assert all(reading.values()), "a reader has no conversation before them"
        used = {name: now - cpu[name] for name, now in self._cpu().items()}
        return Round(first, len(names), count, took, used, memory)

    async def look(self, notes: Notes) -> None:
        """Open each inbox, and a conversation from it, while nothing else happens."""
        chance = random.Random(SEED)
        for name in self._people:
            screen = self._screen(name, notes)
            await screen.go("/inbox")
            await self._open_conversation(screen, chance)
            await screen.leave()

    def _cpu(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._town.roots.items()} | {
            "this load": time.process_time()
        }

    def _screen(self, name: str, notes: Notes) -> Screen:
        return Screen(name, self._http, self._town.desk, self._cookies[name], notes)

    async def _open_conversation(self, screen: Screen, chance: random.Random) -> str:
        path = chance.choice(screen.links) if screen.links else ""
        if path:
            await screen.go(path)
        return path

    async def _walk(self, screen: Screen, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.uniform(*THINK_SECONDS))
            await self._open_conversation(screen, chance)
            await asyncio.sleep(chance.uniform(*THINK_SECONDS))
            await screen.go("/inbox")

    async def _sample(self, memory: list[float]) -> None:
        while True:
            memory.append(tree_memory(self._town.roots["desk"]))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _write(
        self, notes: Notes, watchers: Sequence[str], seconds: float, rate: float, first: int
    ) -> int:
        """Write at moments fixed beforehand, each message in a body of its own."""
        known, count = list(shown_citizens(SHOWN)), int(seconds * rate)
        began = time.monotonic()
        async with asyncio.TaskGroup() as writing:
            for n in range(count):
                await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
                is_new = n % EVERY_NEW == 0
                citizen = first + n if is_new else known[n % len(known)]
                must_show = () if is_new else self._reached(watchers, department_of(citizen))
                writing.create_task(self._write_one(notes, citizen, first + n, must_show))
        return count

    def _reached(self, names: Sequence[str], department: str) -> Sequence[str]:
        return [each for each in names if department in self._people[each].departments]

    async def _write_one(
        self, notes: Notes, citizen: int, number: int, must_show: Sequence[str]
    ) -> None:
        words = f"#{number}# {WORDS[department_of(citizen)]}"
        at = int(clock.now().timestamp())
        body = webhook(text(words, f"wamid.desk.{number}", citizen, at))
        if await post(self._http, self._town.gateway, body) != 200:
            notes.faults["a webhook was not answered 200"] += 1
            return
        notes.accepted[number] = time.monotonic()
        notes.expected += [(number, each) for each in must_show]


@asynccontextmanager
async def running(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Run these beside the context, and end them with it. One that fails, fails it."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
        for each in tasks:
            if each.done():
                each.result()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
