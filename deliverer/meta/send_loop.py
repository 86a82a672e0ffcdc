"""To Meta: what the ledger has ready is offered to the Graph API, and the router hears of it."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from deliverer.audit.recorder import Note
from deliverer.meta import closed_window
from deliverer.meta.accounts import Account
from deliverer.meta.attempt import at_the_provider
from deliverer.meta.graph_api import (
    STOPPED,
    Failed,
    Later,
    Unknown,
    Verdict,
    filled,
    judge,
    request,
)
from deliverer.meta.ledger import Ledger
from deliverer.meta.ledger_entry import Line
from deliverer.meta.number_breaker import Gate, Hold
from deliverer.meta.quiet_hours import nights, unasked
from deliverer.transport.http_client import Poster
from deliverer.transport.task_limiter import Flights
from services import clock, metrics
from services.amqp.partition_publisher import Partitions
from services.postgres.database import until_it_answers
from services.tasks import within

WINDOW = 128
"""Messages under way to Meta at once; one for each citizen. Three numbers at their bound: one whose
provider hangs leaves the others two thirds, until it is held. Each has a socket, and some tens of
KiB for its TLS."""
LOOK_SECONDS = 0.2
"""Between two looks at a ledger that had nothing: what a citizen waits at most."""
LET_GO_SECONDS = 10.0
"""To put back at the end what was claimed and never offered; within a drain (20 s)."""
SWEEP_SECONDS = 5.0
OUTCOMES = 256
"""Of one publish into a partition."""
CONFIRM_SECONDS = 10.0
TOO_FAST = 130429
"""Meta's code: the number sends more than it may."""
NUMBER_UNKNOWN = "number_unknown: dit nummer staat niet meer in de configuratie"
MESSAGE_UNKNOWN = "message_unknown: het bericht waar dit op slaat, is niet verstuurd"

Meaning = Callable[[Verdict], Verdict]

log = structlog.get_logger()


class Outbound:
    def __init__(
        self,
        ledger: Ledger,
        poster: Poster,
        accounts: Mapping[str, Account],
        partitions: Partitions,
        note: Note,
    ) -> None:
        self._ledger, self._poster, self._partitions = ledger, poster, partitions
        self._accounts, self._attempted = accounts, note
        # One that fails stays `sending`; the sweep makes it `unknown`, and a status settles it.
        self._flights = Flights(WINDOW, "send.failed")
        self._gates = {number: Gate(each.per_second) for number, each in accounts.items()}
        self._held: set[str] = set()
        """Attempts that were begun and whose end is not known to be written down: these, and no
        others, may have reached Meta."""

    async def send(self) -> None:
        """Offer what is ready, for as long as the service runs; finish what flies at its end."""
        try:
            await until_it_answers(self._ledger.start_again, "ledger")
            while True:
                lines = await self._claim()
                for line in lines:
                    self._held.add(line.opaque)
                    self._flights.launch(self._offer(line))
                if not lines:
                    await self._flights.pause(LOOK_SECONDS)
        finally:
            # Beside what flies, so that it is done when that takes longer than a drain.
            self._flights.launch(self._let_go())
            await self._flights.land()

    async def _claim(self) -> list[Line]:
        """What may go by now."""
        room, now = self._flights.room, asyncio.get_running_loop().time()
        if room <= 0:
            return []
        resting = nights(self._accounts, clock.now())
        await until_it_answers(partial(self._ledger.rest, resting), "ledger")
        rooms = {number: min(room, gate.room(now)) for number, gate in self._gates.items()}
        rates = {number: gate.pace.rate for number, gate in self._gates.items()}
        claim = partial(self._ledger.claim, room, self._held, rooms, rates)
        lines = await until_it_answers(claim, "ledger")
        for line in lines:
            if gate := self._gates.get(line.number):
                gate.took(line.opaque)
        return lines

    async def _let_go(self) -> None:
        """Put back what a claim marked whose answer the end of the service cut off."""
        let_go = partial(self._ledger.let_go, self._held)
        with suppress(TimeoutError):  # then the sweep finds it, and a person is told
            await within(LET_GO_SECONDS, until_it_answers(let_go, "ledger"))

    async def _offer(self, line: Line) -> None:
        account, gate = self._accounts.get(line.number), self._gates.get(line.number)
        try:
            verdict = await self._post(line, account) if account else Failed(0, NUMBER_UNKNOWN)
            self._note(line, verdict)
            settle = partial(self._ledger.settle, line, verdict, clock.now())
            await until_it_answers(settle, "ledger")
            self._held.discard(line.opaque)
        finally:
            if gate:
                gate.landed(line.opaque)

    async def _post(self, line: Line, account: Account) -> Verdict:
        if line.about and not line.about_wamid:
            return Failed(0, MESSAGE_UNKNOWN)
        now = clock.now()
        if line.asks and not line.awaited:
            return Failed(0, closed_window.NOT_NEEDED)
        unasked_for = line.purpose or line.asks
        if unasked_for and (waits := unasked(line.consented, account.night, now)):
            return waits
        if not closed_window.shut(line, now):
            content = filled(line.content, line.about_wamid, line.media_id, line.media_name)
            again = partial(closed_window.once_more, line=line, account=account, now=now)
            return await self._send(line, account, content, again)
        if (template := closed_window.instead(line, account, now)) is None:
            return closed_window.held(line, account, now) or Failed(0, closed_window.WINDOW_CLOSED)
        return await self._send(line, account, template, closed_window.settled)

    async def _send(
        self, line: Line, account: Account, content: dict[str, Any], means: Meaning
    ) -> Verdict:
        """The attempt itself, and what its answer means for this message."""
        body = request(line.address_kind, line.address, content, line.opaque)
        headers = {**account.headers, "Content-Type": "application/json"}
        answer = await self._poster.post(account.messages_url, body, headers)
        said = judge(answer, line.attempt, line.tried)
        self._learn(line, said)
        verdict = means(said)
        if isinstance(verdict, Later | Unknown):
            self._attempted(at_the_provider(line, account, answer.status, verdict))
        return verdict

    def _learn(self, line: Line, verdict: Verdict) -> None:
        """What an answer means for its number."""
        gate, now = self._gates[line.number], asyncio.get_running_loop().time()
        if isinstance(verdict, Later) and verdict.code == TOO_FAST:
            gate.pace.slow(now)
        was = gate.hold
        hold = gate.judged(line.opaque, verdict, now, random.random())
        if hold:
            if was is None or (was.code, was.stop) != (hold.code, hold.stop):
                _tell_of(line.number, hold)
            self._flights.launch(self._explain(line.number, hold))
        elif was and not gate.hold:
            log.info("number.opened", number=line.number)

    async def _explain(self, number: str, hold: Hold) -> None:
        explain = partial(self._ledger.explain, number, hold.code, hold.reason)
        await until_it_answers(explain, "ledger")

    def _note(self, line: Line, verdict: Verdict) -> None:
        stopped = isinstance(verdict, Later) and verdict.stop
        outcome = STOPPED if stopped else type(verdict).__name__.lower()
        if verdict == Failed(0, closed_window.NOT_NEEDED):
            outcome = "unneeded"  # nothing failed
        metrics.sends.labels(number=line.number, outcome=outcome).inc()

    async def sweep(self) -> None:
        while True:
            count = await until_it_answers(lambda: self._ledger.sweep(clock.now()), "sweep")
            if count:
                log.error("send.unconfirmed", count=count)
            counts = await until_it_answers(self._ledger.unconfirmed, "sweep")
            metrics.sends_unconfirmed.clear()
            for number, count in (dict.fromkeys(self._accounts, 0) | counts).items():
                metrics.sends_unconfirmed.labels(number=number).set(count)
            await asyncio.sleep(SWEEP_SECONDS)

    async def relay(self) -> None:
        """Outcomes into the partition of their number: rows first, so nothing waits for this."""
        while True:
            outcomes = await until_it_answers(lambda: self._ledger.outcomes(OUTCOMES), "relay")
            told = await self._partitions.tell(outcomes, CONFIRM_SECONDS)
            if told:
                await until_it_answers(partial(self._ledger.told, told), "relay")
            if len(told) < OUTCOMES:
                await asyncio.sleep(LOOK_SECONDS)


def _tell_of(number: str, hold: Hold) -> None:
    """Once, not for each message; who is to be woken is decided by what is counted."""
    why = {"code": hold.code, "reason": hold.reason}
    if hold.stop:
        log.error("number.stopped", number=number, **why)
    else:
        log.warning("number.held", number=number, seconds=round(hold.seconds), **why)
