"""Sends ready messages of the ledger to the Graph API."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any

import structlog

from deliverer.audit.recorder import RecordAttempt
from deliverer.meta import closed_window, guest_list
from deliverer.meta.accounts import Account
from deliverer.meta.attempt import send_attempt
from deliverer.meta.graph_api import (
    OUTCOMES,
    STOPPED,
    UNNEEDED,
    Failed,
    RetryLater,
    Sent,
    Unknown,
    Verdict,
    fill_payload,
    judge,
    message_request,
)
from deliverer.meta.ledger import Ledger
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.meta.number_breaker import NumberBreaker, OpenState
from deliverer.meta.quiet_hours import business_initiated_refusal, quiet_hours_by_number
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.task_limiter import POLL, TaskLimiter
from services import clock, metrics, tracing
from services.postgres.database import retry_while_unavailable
from services.postgres.lookout import Pause
from services.tasks import with_timeout

WINDOW = 128
"""Messages in flight to Meta, one per citizen. Three numbers at their limit: one whose provider
hangs leaves the others two thirds, until its breaker opens. Each takes a socket and some tens of
KiB for TLS."""
RELEASE_SECONDS = 10.0
"""Time limit, at the end, to return claimed messages to the queue; within a drain (20 s)."""
SWEEP_SECONDS = 5.0
TOO_FAST = 130429
"""Meta's code: the number sends too fast."""
UNKNOWN_NUMBER_SECONDS = 60.0
"""Time for which a message waits whose number this process does not know, before it fails. Another
process may know it already: each reads a changed configuration within some 10 s."""
NUMBER_UNKNOWN = "number_unknown: dit nummer staat niet meer in de configuratie"
MESSAGE_UNKNOWN = "message_unknown: het bericht waar dit op slaat, is niet verstuurd"

QUIET_OUTCOMES = (UNNEEDED, guest_list.UNINVITED, guest_list.TEST)
"""Outcome labels of messages that Meta neither took nor refused."""

Interpret = Callable[[Verdict], Verdict]

log = structlog.get_logger()


class SendLoop:
    def __init__(
        self,
        ledger: Ledger,
        poster: HttpClientProtocol,
        accounts: Mapping[str, Account],
        record_attempt: RecordAttempt,
        knows_all: Callable[[], bool] = lambda: True,
    ) -> None:
        """`accounts` may grow. `knows_all` returns False while another process may know numbers
        that this one does not."""
        self._ledger, self._poster, self._knows_all = ledger, poster, knows_all
        self._accounts, self._record_attempt = accounts, record_attempt
        # An entry whose task fails stays `sending`; the sweep makes it `unknown`, and a status
        # settles it.
        self._tasks = TaskLimiter(WINDOW, "send.failed")
        self._breakers: dict[str, NumberBreaker] = {}
        self._add_breakers()
        self._begun: set[str] = set()
        """Attempts that began and whose result is not surely stored. Only these may have reached
        Meta."""

    async def run(self, pause: Pause = POLL) -> None:
        """Send ready messages while the service runs; finish those in flight at its end."""
        try:
            await retry_while_unavailable(self._ledger.resume_stopped, "ledger")
            await self._tasks.process_claimed(self._claim, self._send_entry, pause)
        finally:
            # Concurrently with those in flight, because these may take longer than a drain.
            self._tasks.start(self._release_claims())
            await self._tasks.drain()

    def _add_breakers(self) -> None:
        """Give each number that has none its breaker."""
        added = self._accounts.keys() - self._breakers.keys()
        for number in added:
            self._breakers[number] = NumberBreaker(self._accounts[number].per_second)
        for number, outcome in product(added, (*OUTCOMES.values(), *QUIET_OUTCOMES, STOPPED)):
            metrics.sends.labels(number=number, outcome=outcome)  # from 0: the first one counts too

    async def _claim(self) -> list[LedgerEntry]:
        """Claim messages that may go now."""
        self._add_breakers()
        room, now = self._tasks.capacity, asyncio.get_running_loop().time()
        if room <= 0:
            return []
        quiet_hours = quiet_hours_by_number(self._accounts, clock.now())
        await retry_while_unavailable(
            partial(self._ledger.defer_for_quiet_hours, quiet_hours), "ledger"
        )
        rooms = {number: min(room, breaker.room(now)) for number, breaker in self._breakers.items()}
        rates = {number: breaker.pacer.rate for number, breaker in self._breakers.items()}
        unknown_after = UNKNOWN_NUMBER_SECONDS if self._knows_all() else None
        claim = partial(self._ledger.claim, room, self._begun, rooms, rates, unknown_after)
        entries = await retry_while_unavailable(claim, "ledger")
        for entry in entries:
            self._begun.add(entry.opaque)
            if breaker := self._breakers.get(entry.number):
                breaker.on_start(entry.opaque)
        return entries

    async def _release_claims(self) -> None:
        """Return messages to the queue whose claim was cut off by the end of the service."""
        release = partial(self._ledger.release, self._begun)
        with suppress(TimeoutError):  # then the sweep finds them, and a person is notified
            await with_timeout(RELEASE_SECONDS, retry_while_unavailable(release, "ledger"))

    async def _send_entry(self, entry: LedgerEntry) -> None:
        account, breaker = self._accounts.get(entry.number), self._breakers.get(entry.number)
        started = clock.monotonic()
        try:
            verdict = await self._post(entry, account) if account else Failed(0, NUMBER_UNKNOWN)
            outcome = _outcome(verdict, entry)
            metrics.sends.labels(number=entry.number, outcome=outcome).inc()
            tracing.record_step(
                "send",
                entry.traceparent,
                clock.monotonic() - started,
                failed=not isinstance(verdict, Sent),
                message=entry.id,
                number=entry.number,
                attempt=entry.attempt,
                outcome=outcome,
            )
            settle = partial(self._ledger.settle, entry, verdict, clock.now())
            await retry_while_unavailable(settle, "ledger")
            self._begun.discard(entry.opaque)
            if isinstance(verdict, Failed) and outcome not in QUIET_OUTCOMES:
                # Without the reason: Meta's words may quote what was sent.
                log.warning(
                    "send.refused", number=entry.number, code=verdict.code, message=entry.id
                )
        finally:
            if breaker:
                breaker.on_end(entry.opaque)

    async def _post(self, entry: LedgerEntry, account: Account) -> Verdict:
        if entry.about and not entry.about_wamid:
            return Failed(0, MESSAGE_UNKNOWN)
        now = clock.now()
        if entry.is_reopen_request and not entry.still_needed:
            return Failed(0, closed_window.NOT_NEEDED)
        is_business_initiated = entry.purpose or entry.is_reopen_request
        if is_business_initiated and (
            refusal := business_initiated_refusal(entry.consented, account.quiet_hours, now)
        ):
            return refusal
        if not closed_window.is_window_closed(entry, now):
            content = fill_payload(
                entry.content, entry.about_wamid, entry.media_id, entry.media_name
            )
            retry = partial(closed_window.retry_late, entry=entry, account=account, now=now)
            return await self._send(entry, account, content, retry)
        return await self._post_late(entry, account, now)

    async def _post_late(self, entry: LedgerEntry, account: Account, now: datetime) -> Verdict:
        """Send a late answer in a way that Meta takes; hold it, or let it fail, if there is none
        left."""
        if (template := closed_window.late_template(entry, account, now)) is not None:
            return await self._send(entry, account, template, closed_window.mark_sent_in_template)
        if (content := closed_window.direct_content(entry, account, now)) is None:
            return _settle_late(entry, account, now)
        verdict = await self._send(entry, account, content, closed_window.mark_sent_directly)
        if refusal := closed_window.direct_send_refusal(verdict):
            await self._report_direct_send(entry.number, refusal)  # before another one tries it
            return _settle_late(entry, account, now)
        if isinstance(verdict, Sent) and not entry.is_test:
            self._tasks.start(self._report_direct_send(entry.number, ""))
        return verdict

    async def _report_direct_send(self, number: str, refusal: str) -> None:
        """Store if Meta takes Direct Send of a number, and log it once."""
        report = partial(self._ledger.report_direct_send, number, refusal)
        if await retry_while_unavailable(report, "ledger"):
            write, status = (log.warning, "warning") if refusal else (log.info, "fine")
            write("number.health", number=number, what="direct_send", status=status, reason=refusal)

    async def _send(
        self, entry: LedgerEntry, account: Account, content: dict[str, Any], interpret: Interpret
    ) -> Verdict:
        """Make the attempt; judge its answer for the number, then for this message.

        No message reaches Meta except through here, past the guest list.
        """
        if settled := guest_list.settle_before_meta(entry, is_configured=account.trial):
            return interpret(settled)
        body = message_request(entry.address_kind, entry.address, content, entry.opaque)
        headers = {**account.headers, "Content-Type": "application/json"}
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(self._breakers[entry.number].slots.reserve(now))
        answer = await self._poster.post(account.messages_url, body, headers)
        graph_verdict = judge(answer, entry.attempt, entry.tried)
        self._update_breaker(entry, graph_verdict)
        verdict = interpret(graph_verdict)
        if isinstance(verdict, RetryLater | Unknown):
            self._record_attempt(send_attempt(entry, account, answer.status, verdict))
        return verdict

    def _update_breaker(self, entry: LedgerEntry, verdict: Verdict) -> None:
        """Update the breaker of the number; log it and store the reason if it opens."""
        breaker, now = self._breakers[entry.number], asyncio.get_running_loop().time()
        if isinstance(verdict, RetryLater) and verdict.code == TOO_FAST:
            breaker.pacer.back_off(now)
        previous = breaker.open_state
        state = breaker.on_verdict(entry.opaque, verdict, now, random.random())
        if state:
            if previous is None or (previous.code, previous.stop) != (state.code, state.stop):
                _log_open(entry.number, state)
            self._tasks.start(self._store_reason(entry.number, state))
        elif previous and not breaker.open_state:
            log.info("number.opened", number=entry.number)

    async def _store_reason(self, number: str, state: OpenState) -> None:
        explain = partial(self._ledger.explain, number, state.code, state.reason)
        await retry_while_unavailable(explain, "ledger")

    async def sweep(self) -> None:
        while True:
            count = await retry_while_unavailable(lambda: self._ledger.sweep(clock.now()), "sweep")
            if count:
                log.error("send.unconfirmed", count=count)
            counts = await retry_while_unavailable(self._ledger.count_unconfirmed, "sweep")
            metrics.sends_unconfirmed.clear()
            for number, count in (dict.fromkeys(self._accounts, 0) | counts).items():
                metrics.sends_unconfirmed.labels(number=number).set(count)
            await asyncio.sleep(SWEEP_SECONDS)


def _settle_late(entry: LedgerEntry, account: Account, now: datetime) -> Verdict:
    """Return the result of a late answer that fits no template. One that would not reach Meta is
    not put on hold either, because that asks the citizen to write."""
    settled = guest_list.settle_before_meta(entry, is_configured=account.trial)
    if settled == guest_list.REFUSED:
        return guest_list.REFUSED
    hold = None if settled else closed_window.hold_for_reply(entry, account, now)
    return hold or Failed(0, closed_window.WINDOW_CLOSED)


def _outcome(verdict: Verdict, entry: LedgerEntry) -> str:
    """Return the word for a verdict in metrics and traces."""
    if entry.is_test:
        return guest_list.TEST
    if verdict == guest_list.REFUSED:
        return guest_list.UNINVITED
    if verdict == Failed(0, closed_window.NOT_NEEDED):
        return UNNEEDED  # nothing failed
    is_stopped = isinstance(verdict, RetryLater) and verdict.stop
    return STOPPED if is_stopped else OUTCOMES[type(verdict)]


def _log_open(number: str, state: OpenState) -> None:
    """Log an opened breaker once, not for each message. Alarms use the metrics."""
    fields = {"code": state.code, "reason": state.reason}
    if state.stop:
        log.error("number.stopped", number=number, **fields)
    else:
        log.warning("number.held", number=number, seconds=round(state.seconds), **fields)
