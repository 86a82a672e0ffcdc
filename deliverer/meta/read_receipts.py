"""Sends read receipts to Meta, outside the ledger and without a guarantee.

No citizen waits for a receipt, and its failure raises no alarm: failing messages show the trouble
of a number. Marking as read is idempotent, so a receipt that was in flight when a process was
killed is simply sent again.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from deliverer.meta import guest_list
from deliverer.meta.accounts import Account
from deliverer.meta.graph_api import Failed, RetryLater, judge_read_receipt, read_receipt_request
from deliverer.meta.read_receipt_store import ReadReceipt, ReadReceiptStore
from deliverer.meta.send_loop import TOO_FAST
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.pacer import Pacer
from deliverer.transport.task_limiter import POLL, TaskLimiter
from services import metrics
from services.postgres.database import retry_while_unavailable
from services.postgres.lookout import Pause

MAX_IN_FLIGHT = 16
"""Receipts in flight."""
PER_NUMBER = 4
"""Receipts in flight of one number: one that gets no answers leaves room for the others."""
PER_SECOND = 8
"""Receipts of one number per second. Meta does not document if they count among the 80 messages
that a number may send. A tenth of those delays no answer, and is more than employees read."""
ATTEMPT_SECONDS = 5.0
"""Time limit of an attempt; shorter than a message's, because less depends on it."""
MAX_ATTEMPTS = 5
"""Attempts at one receipt, over five minutes in all."""
SWEEP_SECONDS = 5.0


class ReadReceiptSender:
    def __init__(
        self, store: ReadReceiptStore, poster: HttpClientProtocol, accounts: Mapping[str, Account]
    ) -> None:
        self._store, self._poster, self._accounts = store, poster, accounts
        self._tasks = TaskLimiter(MAX_IN_FLIGHT, "mark.failed")
        self._in_flight: Counter[str] = Counter()
        self._pacers: defaultdict[str, Pacer] = defaultdict(partial(Pacer, PER_SECOND))

    async def run(self, pause: Pause = POLL) -> None:
        """Send due receipts while the service runs; finish those in flight at its end."""
        try:
            await self._tasks.process_claimed(self._claim, self._send, pause)
        finally:
            await self._tasks.drain()

    async def _claim(self) -> list[ReadReceipt]:
        room, now = self._tasks.capacity, asyncio.get_running_loop().time()
        rooms = {
            number: min(self._pacers[number].room(now), PER_NUMBER - self._in_flight[number])
            for number in self._accounts
        }
        rooms = {number: most for number, most in rooms.items() if most > 0}
        if not room or not rooms:
            return []
        receipts = await retry_while_unavailable(partial(self._store.claim, rooms, room), "marks")
        for receipt in receipts:
            self._in_flight[receipt.number] += 1
            self._pacers[receipt.number].consume(1)
        return receipts

    async def _send(self, receipt: ReadReceipt) -> None:
        try:
            account = self._accounts[receipt.number]
            if _is_uninvited(receipt, account):
                forget = partial(self._store.delete, receipt)
                return await self._finish(receipt, guest_list.UNINVITED, forget)
            headers = {**account.headers, "Content-Type": "application/json"}
            body = read_receipt_request(receipt.wamid, typing=receipt.typing)
            answer = await self._poster.post(account.messages_url, body, headers)
            await self._settle(receipt, judge_read_receipt(answer, receipt.attempt))
        finally:
            self._in_flight[receipt.number] -= 1

    async def _settle(self, receipt: ReadReceipt, verdict: RetryLater | Failed | None) -> None:
        outcome, after = "marked", partial(self._store.delete, receipt)
        match verdict:
            case RetryLater(seconds=seconds, code=code):
                if code == TOO_FAST:
                    self._pacers[receipt.number].back_off(asyncio.get_running_loop().time())
                outcome = "dropped"
                if receipt.attempt < MAX_ATTEMPTS:
                    outcome, after = "later", partial(self._store.reschedule, receipt, seconds)
            case Failed():
                outcome = "refused"
        await self._finish(receipt, outcome, after)

    async def _finish(
        self, receipt: ReadReceipt, outcome: str, store: Callable[[], Awaitable[None]]
    ) -> None:
        metrics.marks.labels(number=receipt.number, outcome=outcome).inc()
        await retry_while_unavailable(store, "mark")

    async def sweep(self) -> None:
        """Delete expired receipts, also of numbers that are no longer configured."""
        while True:
            for number in await retry_while_unavailable(self._store.delete_overdue, "marks"):
                metrics.marks.labels(number=number, outcome="dropped").inc()
            await asyncio.sleep(SWEEP_SECONDS)


def _is_uninvited(receipt: ReadReceipt, account: Account) -> bool:
    """Return True if the number is on trial and the citizen is not on its guest list."""
    way = guest_list.choose_way(
        is_configured=account.trial, state=receipt.trial, is_guest=receipt.is_guest
    )
    return way == "refuse"
