"""Many citizens who write at once, to several numbers, each one message after the other."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import aiohttp

from tests.support.citizens import NUMBER, post, text, webhook
from tests.support.installation import NEIGHBOUR_NUMBER, Installation
from tests.support.observer import until

NUMBERS = (NUMBER, NEIGHBOUR_NUMBER)
"""Numbers in two partitions; a citizen writes to one of them."""
REPEATED = 20
"""Meta brings one message in so many twice."""
AGAIN_SECONDS = 0.05
"""Meta's wait between two attempts, not a condition of ours."""
REACH_SECONDS = 120.0


class Crowd:
    """Citizens who write, and the door's answers to them."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        town: Installation,
        run: str,
        numbers: Sequence[str] = NUMBERS,
        anew: aiohttp.ClientSession | None = None,
    ) -> None:
        """Citizens of `numbers`. Meta brings what every second of a number's writes by `anew`."""
        self._sessions, self._gateway, self._run = (session, anew or session), town.gateway, run
        self._numbers = numbers
        self.texts: list[list[str]] = []
        """Texts of each citizen, in order."""
        self.taken = 0
        self.answers: Counter[int] = Counter()
        """Statuses of the door, 0 where there was no answer."""
        self.task: asyncio.Task[None]
        self._ends = False

    def write(self, citizens: int, each: int, seconds: float) -> None:
        self.texts = [[f"{self._run} {c} {n}" for n in range(each)] for c in range(citizens)]
        self.task = asyncio.create_task(self._all(seconds / each))

    def write_on(self, citizens: int, pause: float) -> None:
        """Write until `end`: each citizen a message every so many seconds."""
        self.texts = [[] for _ in range(citizens)]
        self.task = asyncio.create_task(self._all(pause, self._next_text))

    def end(self) -> None:
        """End what `write_on` began, each citizen after the message in hand."""
        self._ends = True

    def _next_text(self, citizen: int) -> Iterator[str]:
        texts = self.texts[citizen]
        while not self._ends:
            texts.append(f"{self._run} {citizen} {len(texts)}")
            yield texts[-1]

    @property
    def total(self) -> int:
        return sum(map(len, self.texts))

    async def reach(self, count: int) -> None:
        """Wait until `count` messages are taken, with others still to be written."""

        async def taken() -> int:
            return self.taken

        await until(taken, lambda n: n >= count, REACH_SECONDS)
        assert not self.task.done()

    async def _all(self, pause: float, say: Callable[[int], Iterable[str]] | None = None) -> None:
        say = say or self.texts.__getitem__
        await asyncio.gather(*(self._one(n, pause, say(n)) for n in range(len(self.texts))))

    async def _one(self, citizen: int, pause: float, says: Iterable[str]) -> None:
        loop = asyncio.get_running_loop()
        number, began = self._numbers[citizen % len(self._numbers)], loop.time()
        session = self._sessions[citizen // len(self._numbers) % 2]
        for n, said in enumerate(says):
            await asyncio.sleep(began + n * pause - loop.time())  # as fast as citizens write
            wamid = f"wamid.{self._run}.{citizen}.{n}"
            body = webhook(text(said, wamid, citizen), number=number)
            while await self._post(session, body) != 200:
                await asyncio.sleep(AGAIN_SECONDS)
            if (citizen + n) % REPEATED == 0:
                await self._post(session, body)
            self.taken += 1

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> int:
        status = await post(session, self._gateway, body)
        self.answers[status] += 1
        return status
