"""Many citizens who write at once, to several numbers, each one message after the other."""

import asyncio
from collections import Counter
from collections.abc import Sequence

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
    ) -> None:
        self._session, self._gateway, self._run = session, town.gateway, run
        self._numbers = numbers
        self.texts: list[list[str]] = []
        """Texts of each citizen, in order."""
        self.taken = 0
        self.answers: Counter[int] = Counter()
        """Statuses of the door, 0 where there was no answer."""
        self.task: asyncio.Task[None]

    def write(self, citizens: int, each: int, seconds: float) -> None:
        self.texts = [[f"{self._run} {c} {n}" for n in range(each)] for c in range(citizens)]
        self.task = asyncio.create_task(self._all(seconds / each))

    @property
    def total(self) -> int:
        return sum(map(len, self.texts))

    async def reach(self, count: int) -> None:
        """Wait until `count` messages are taken, with others still to be written."""

        async def taken() -> int:
            return self.taken

        await until(taken, lambda n: n >= count, REACH_SECONDS)
        assert not self.task.done()

    async def _all(self, pause: float) -> None:
        await asyncio.gather(*(self._one(citizen, pause) for citizen in range(len(self.texts))))

    async def _one(self, citizen: int, pause: float) -> None:
        loop = asyncio.get_running_loop()
        number, began = self._numbers[citizen % len(self._numbers)], loop.time()
        for n, said in enumerate(self.texts[citizen]):
            await asyncio.sleep(began + n * pause - loop.time())  # as fast as citizens write
            wamid = f"wamid.{self._run}.{citizen}.{n}"
            body = webhook(text(said, wamid, citizen), number=number)
            while await self._post(body) != 200:
                await asyncio.sleep(AGAIN_SECONDS)
            if (citizen + n) % REPEATED == 0:
                await self._post(body)
            self.taken += 1

    async def _post(self, body: bytes) -> int:
        status = await post(self._session, self._gateway, body)
        self.answers[status] += 1
        return status
