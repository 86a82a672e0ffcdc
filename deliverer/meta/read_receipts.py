"""To Meta: what citizens are to be shown as read, beside the ledger and without a promise.

Nobody waits for it and nobody is woken for it: that a number sends nothing is told by its messages.
Marked twice is marked once, so what was under way when a process was killed is simply tried again.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from functools import partial

from deliverer.meta.accounts import Account
from deliverer.meta.graph_api import Failed, RetryLater, judge_read_receipt, read_receipt_request
from deliverer.meta.read_receipt_store import ReadReceipt, ReadReceiptStore
from deliverer.meta.send_loop import LOOK_SECONDS, TOO_FAST
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.pacer import Pacer
from deliverer.transport.task_limiter import TaskLimiter
from services import metrics
from services.postgres.database import retry_while_unavailable

AT_ONCE = 16
"""Marks under way to Meta."""
OF_A_NUMBER = 4
"""The same of one number: one that gets no answers leaves room for the others."""
PER_SECOND = 8
"""Marks of a number. Nobody says whether they count among the 80 messages that it may send: a tenth
takes no answer its turn, and is more than people read."""
ATTEMPT_SECONDS = 5.0
"""For one attempt: shorter than a message's, for less hangs on it."""
ATTEMPTS = 5
"""Over five minutes in all."""
SWEEP_SECONDS = 5.0


class ReadReceiptSender:
    def __init__(
        self, marks: ReadReceiptStore, poster: HttpClientProtocol, accounts: Mapping[str, Account]
    ) -> None:
        self._marks, self._poster, self._accounts = marks, poster, accounts
        self._flights = TaskLimiter(AT_ONCE, "mark.failed")
        self._flying: Counter[str] = Counter()
        self._paces = {number: Pacer(PER_SECOND) for number in accounts}

    async def run(self) -> None:
        """Offer what is due, for as long as the service runs; finish what flies at its end."""
        try:
            while True:
                claimed = await self._claim()
                for each in claimed:
                    self._flying[each.number] += 1
                    self._paces[each.number].consume(1)
                    self._flights.start(self._send(each))
                if not claimed:
                    await self._flights.wait_for_slot(LOOK_SECONDS)
        finally:
            await self._flights.drain()

    async def _claim(self) -> list[ReadReceipt]:
        room, now = self._flights.capacity, asyncio.get_running_loop().time()
        rooms = {
            number: min(pace.room(now), OF_A_NUMBER - self._flying[number])
            for number, pace in self._paces.items()
        }
        rooms = {number: most for number, most in rooms.items() if most > 0}
        if not room or not rooms:
            return []
        return await retry_while_unavailable(partial(self._marks.claim, rooms, room), "marks")

    async def _send(self, each: ReadReceipt) -> None:
        try:
            account = self._accounts[each.number]
            headers = {**account.headers, "Content-Type": "application/json"}
            body = read_receipt_request(each.wamid, typing=each.typing)
            answer = await self._poster.post(account.messages_url, body, headers)
            await self._settle(each, judge_read_receipt(answer, each.attempt))
        finally:
            self._flying[each.number] -= 1

    async def _settle(self, each: ReadReceipt, verdict: RetryLater | Failed | None) -> None:
        outcome, after = "marked", partial(self._marks.delete, each)
        match verdict:
            case RetryLater(seconds=seconds, code=code):
                if code == TOO_FAST:
                    self._paces[each.number].back_off(asyncio.get_running_loop().time())
                outcome = "dropped"
                if each.attempt < ATTEMPTS:
                    outcome, after = "later", partial(self._marks.reschedule, each, seconds)
            case Failed():
                outcome = "refused"
        metrics.marks.labels(number=each.number, outcome=outcome).inc()
        await retry_while_unavailable(after, "mark")

    async def sweep(self) -> None:
        """Let go of what took too long, of numbers that are gone too."""
        while True:
            for number in await retry_while_unavailable(self._marks.overdue, "marks"):
                metrics.marks.labels(number=number, outcome="dropped").inc()
            await asyncio.sleep(SWEEP_SECONDS)
