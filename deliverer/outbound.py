"""To Meta: what the ledger has ready is offered to the Graph API, and the router hears of it."""

import asyncio
from contextlib import suppress
from functools import partial
from uuid import UUID

import structlog

from deliverer.engine import Poster
from deliverer.graph import Later, Verdict, judge, request
from deliverer.ledger import Ledger, Line
from services import clock, observe, topology
from services.broker import Unconfirmed
from services.contract import SendOutcome
from services.database import until_it_answers
from services.partitions import Partitions

WINDOW = 32
"""Messages under way to Meta at once; one for each citizen."""
LOOK_SECONDS = 0.2
"""Between two looks at a ledger that had nothing: what a citizen waits at most."""
SWEEP_SECONDS = 5.0
OUTCOMES = 256
"""Of one publish into a partition."""
CONFIRM_SECONDS = 10.0

log = structlog.get_logger()


class Outbound:
    def __init__(
        self, ledger: Ledger, poster: Poster, url: str, token: str, partitions: Partitions
    ) -> None:
        self._ledger, self._poster, self._partitions = ledger, poster, partitions
        self._url, self._token = url.rstrip("/"), token
        self._flying: set[asyncio.Task[None]] = set()
        self._held: set[UUID] = set()
        """Offered to Meta, and not known to be written down: never offered again by us."""

    async def send(self) -> None:
        """Offer what is ready, for as long as the service runs; finish what flies at its end."""
        try:
            while True:
                room = WINDOW - len(self._flying)
                claim = partial(self._ledger.claim, room, self._held)
                lines = await until_it_answers(claim, "ledger") if room else []
                for line in lines:
                    self._held.add(line.id)
                    task = asyncio.create_task(self._offer(line))
                    self._flying.add(task)
                    task.add_done_callback(self._landed)
                if not lines:
                    await self._pause()
        finally:
            if self._flying:
                await asyncio.wait(self._flying)

    async def _pause(self) -> None:
        """Until a place is free, or it is time to look again."""
        if self._flying:
            await asyncio.wait(
                self._flying, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(LOOK_SECONDS)

    def _landed(self, task: "asyncio.Task[None]") -> None:
        self._flying.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # The line stays `sending`; the sweep makes it `unknown`, and a status settles it.
            log.error("send.failed", exc_info=error)

    async def _offer(self, line: Line) -> None:
        body = request(line.address_kind, line.address, line.content, line.opaque)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        answer = await self._poster.post(f"{self._url}/{line.number}/messages", body, headers)
        verdict = judge(answer, line.attempt)
        self._note(line, verdict)
        await until_it_answers(lambda: self._ledger.settle(line, verdict, clock.now()), "ledger")
        self._held.discard(line.id)

    def _note(self, line: Line, verdict: Verdict) -> None:
        outcome = type(verdict).__name__.lower()
        observe.sends.labels(number=line.number, outcome=outcome).inc()
        if isinstance(verdict, Later) and verdict.stop:
            log.error("number.stopped", number=line.number, code=verdict.code)

    async def sweep(self) -> None:
        while True:
            count = await until_it_answers(lambda: self._ledger.sweep(clock.now()), "sweep")
            if count:
                log.error("send.unconfirmed", count=count)
            await asyncio.sleep(SWEEP_SECONDS)

    async def relay(self) -> None:
        """Outcomes into the partition of their number: rows first, so nothing waits for this."""
        while True:
            outcomes = await until_it_answers(lambda: self._ledger.outcomes(OUTCOMES), "relay")
            told: list[SendOutcome] = []
            for partition, entries in self._by_partition(outcomes).items():
                with suppress(Unconfirmed):
                    await self._partitions.publish(partition, list(entries), CONFIRM_SECONDS)
                    told += entries
            if told:
                await until_it_answers(partial(self._ledger.told, told), "relay")
            if len(told) < OUTCOMES:
                await asyncio.sleep(LOOK_SECONDS)

    def _by_partition(self, outcomes: list[SendOutcome]) -> dict[int, list[SendOutcome]]:
        grouped: dict[int, list[SendOutcome]] = {}
        for outcome in outcomes:
            partition = topology.partition_of(outcome.number, self._partitions.count)
            grouped.setdefault(partition, []).append(outcome)
        return grouped
