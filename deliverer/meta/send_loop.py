"""To Meta: what the ledger has ready is offered to the Graph API, and the router hears of it."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from deliverer.audit.recorder import RecordAttempt
from deliverer.meta import closed_window
from deliverer.meta.accounts import Account
from deliverer.meta.attempt import send_attempt
from deliverer.meta.graph_api import (
    STOPPED,
    Failed,
    RetryLater,
    Unknown,
    Verdict,
    fill_payload,
    judge,
    request,
)
from deliverer.meta.ledger import Ledger
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.meta.number_breaker import NumberBreaker, OpenState
from deliverer.meta.quiet_hours import quiet_hours_by_number, unprompted_refusal
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.task_limiter import TaskLimiter
from services import clock, metrics
from services.amqp.partition_publisher import PartitionPublisher
from services.postgres.database import retry_while_unavailable
from services.tasks import with_timeout

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


class SendLoop:
    def __init__(
        self,
        ledger: Ledger,
        poster: HttpClientProtocol,
        accounts: Mapping[str, Account],
        partitions: PartitionPublisher,
        note: RecordAttempt,
    ) -> None:
        self._ledger, self._poster, self._partitions = ledger, poster, partitions
        self._accounts, self._attempted = accounts, note
        # One that fails stays `sending`; the sweep makes it `unknown`, and a status settles it.
        self._flights = TaskLimiter(WINDOW, "send.failed")
        self._gates = {number: NumberBreaker(each.per_second) for number, each in accounts.items()}
        self._held: set[str] = set()
        """Attempts that were begun and whose end is not known to be written down: these, and no
        others, may have reached Meta."""

    async def run(self) -> None:
        """Offer what is ready, for as long as the service runs; finish what flies at its end."""
        try:
            await retry_while_unavailable(self._ledger.resume_stopped, "ledger")
            while True:
                lines = await self._claim()
                for line in lines:
                    self._held.add(line.opaque)
                    self._flights.start(self._send_entry(line))
                if not lines:
                    await self._flights.wait_for_slot(LOOK_SECONDS)
        finally:
            # Beside what flies, so that it is done when that takes longer than a drain.
            self._flights.start(self._release_claims())
            await self._flights.drain()

    async def _claim(self) -> list[LedgerEntry]:
        """What may go by now."""
        room, now = self._flights.capacity, asyncio.get_running_loop().time()
        if room <= 0:
            return []
        resting = quiet_hours_by_number(self._accounts, clock.now())
        await retry_while_unavailable(
            partial(self._ledger.defer_for_quiet_hours, resting), "ledger"
        )
        rooms = {number: min(room, gate.room(now)) for number, gate in self._gates.items()}
        rates = {number: gate.pace.rate for number, gate in self._gates.items()}
        claim = partial(self._ledger.claim, room, self._held, rooms, rates)
        lines = await retry_while_unavailable(claim, "ledger")
        for line in lines:
            if gate := self._gates.get(line.number):
                gate.took(line.opaque)
        return lines

    async def _release_claims(self) -> None:
        """Put back what a claim marked whose answer the end of the service cut off."""
        let_go = partial(self._ledger.release, self._held)
        with suppress(TimeoutError):  # then the sweep finds it, and a person is told
            await with_timeout(LET_GO_SECONDS, retry_while_unavailable(let_go, "ledger"))

    async def _send_entry(self, line: LedgerEntry) -> None:
        account, gate = self._accounts.get(line.number), self._gates.get(line.number)
        try:
            verdict = await self._post(line, account) if account else Failed(0, NUMBER_UNKNOWN)
            self._count(line, verdict)
            settle = partial(self._ledger.settle, line, verdict, clock.now())
            await retry_while_unavailable(settle, "ledger")
            self._held.discard(line.opaque)
        finally:
            if gate:
                gate.landed(line.opaque)

    async def _post(self, line: LedgerEntry, account: Account) -> Verdict:
        if line.about and not line.about_wamid:
            return Failed(0, MESSAGE_UNKNOWN)
        now = clock.now()
        if line.is_reopen_request and not line.still_needed:
            return Failed(0, closed_window.NOT_NEEDED)
        unasked_for = line.purpose or line.is_reopen_request
        if unasked_for and (waits := unprompted_refusal(line.consented, account.night, now)):
            return waits
        if not closed_window.is_window_closed(line, now):
            content = fill_payload(line.content, line.about_wamid, line.media_id, line.media_name)
            again = partial(closed_window.retry_in_template, line=line, account=account, now=now)
            return await self._send(line, account, content, again)
        if (template := closed_window.late_template(line, account, now)) is None:
            return closed_window.held(line, account, now) or Failed(0, closed_window.WINDOW_CLOSED)
        return await self._send(line, account, template, closed_window.mark_sent_in_template)

    async def _send(
        self, line: LedgerEntry, account: Account, content: dict[str, Any], means: Meaning
    ) -> Verdict:
        """The attempt itself, and what its answer means for this message."""
        body = request(line.address_kind, line.address, content, line.opaque)
        headers = {**account.headers, "Content-Type": "application/json"}
        answer = await self._poster.post(account.messages_url, body, headers)
        said = judge(answer, line.attempt, line.tried)
        self._update_breaker(line, said)
        verdict = means(said)
        if isinstance(verdict, RetryLater | Unknown):
            self._attempted(send_attempt(line, account, answer.status, verdict))
        return verdict

    def _update_breaker(self, line: LedgerEntry, verdict: Verdict) -> None:
        """What an answer means for its number."""
        gate, now = self._gates[line.number], asyncio.get_running_loop().time()
        if isinstance(verdict, RetryLater) and verdict.code == TOO_FAST:
            gate.pace.back_off(now)
        was = gate.hold
        hold = gate.judged(line.opaque, verdict, now, random.random())
        if hold:
            if was is None or (was.code, was.stop) != (hold.code, hold.stop):
                _tell_of(line.number, hold)
            self._flights.start(self._store_hold_reason(line.number, hold))
        elif was and not gate.hold:
            log.info("number.opened", number=line.number)

    async def _store_hold_reason(self, number: str, hold: OpenState) -> None:
        explain = partial(self._ledger.explain, number, hold.code, hold.reason)
        await retry_while_unavailable(explain, "ledger")

    def _count(self, line: LedgerEntry, verdict: Verdict) -> None:
        stopped = isinstance(verdict, RetryLater) and verdict.stop
        outcome = STOPPED if stopped else type(verdict).__name__.lower()
        if verdict == Failed(0, closed_window.NOT_NEEDED):
            outcome = "unneeded"  # nothing failed
        metrics.sends.labels(number=line.number, outcome=outcome).inc()

    async def sweep(self) -> None:
        while True:
            count = await retry_while_unavailable(lambda: self._ledger.sweep(clock.now()), "sweep")
            if count:
                log.error("send.unconfirmed", count=count)
            counts = await retry_while_unavailable(self._ledger.unconfirmed, "sweep")
            metrics.sends_unconfirmed.clear()
            for number, count in (dict.fromkeys(self._accounts, 0) | counts).items():
                metrics.sends_unconfirmed.labels(number=number).set(count)
            await asyncio.sleep(SWEEP_SECONDS)

    async def relay(self) -> None:
        """Outcomes into the partition of their number: rows first, so nothing waits for this."""
        while True:
            outcomes = await retry_while_unavailable(
                lambda: self._ledger.outcomes(OUTCOMES), "relay"
            )
            told = await self._partitions.publish_by_number(outcomes, CONFIRM_SECONDS)
            if told:
                await retry_while_unavailable(partial(self._ledger.mark_published, told), "relay")
            if len(told) < OUTCOMES:
                await asyncio.sleep(LOOK_SECONDS)


def _tell_of(number: str, hold: OpenState) -> None:
    """Once, not for each message; who is to be woken is decided by what is counted."""
    why = {"code": hold.code, "reason": hold.reason}
    if hold.stop:
        log.error("number.stopped", number=number, **why)
    else:
        log.warning("number.held", number=number, seconds=round(hold.seconds), **why)
