"""Looks at each number every hour, more often in trouble, and shows the findings as metrics.

It runs beside sending and shares nothing with it but the pool: no failure here ends the deliverer.
Every process shows the rows of all, so a number has one state whichever process looked.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import structlog

from deliverer.meta.accounts import Account
from deliverer.meta.health.finding import STATES, Check, Findings
from deliverer.meta.health.health_store import HealthStore, NumberHealth
from deliverer.meta.health.number_checks import Outside, look_at_number
from services import clock, metrics

FIRST_SECONDS = 60.0
"""Time from the start to the first look: a process that is starting has better things to do."""
LOOK_SECONDS = 3600.0
AGAIN_SECONDS = 600.0
"""Time to the next look where something is wrong, or brought no answer: so an alarm ends soon after
it was mended. That is some 60 requests an hour; Meta allows 200 for an account, and 5,000 once it
has a registered number."""
JITTER = 0.1
"""Part of a time by which it may be longer, so that installations do not ask all at once."""
CLAIM_SECONDS = 300.0
"""Time for which a number is claimed; after it, another process takes over."""
LONGEST_LOOK = 120.0
"""Time limit of one look, well within its claim: three rounds of requests of 10 s each, and some
more while an app secret is being replaced."""
SHOW_SECONDS = 30.0
"""Interval between two updates of the metrics, and between two looks for due numbers."""
REQUEST_SECONDS, ANSWER_BYTES, CONNECTIONS = 10.0, 64 * 1024, 4
"""Bounds of the requests: a list of all fields, or of a dozen apps, takes 4 KiB."""

log = structlog.get_logger()


class HealthWatch:
    def __init__(
        self, store: HealthStore, accounts: Mapping[str, Account], outside: Outside
    ) -> None:
        self._store, self._accounts, self._outside = store, accounts, outside
        self._started: dict[str, datetime] = {}
        """Number -> the start, or the time at which it was added."""

    async def run(self) -> None:
        show_health([], self._find_started())
        await self._guard(self._show)
        await asyncio.sleep(_with_jitter(FIRST_SECONDS))
        await self._guard(self._store.begin)
        while True:
            await self._guard(self.look_at_due)
            await self._guard(self._show)
            await asyncio.sleep(SHOW_SECONDS)

    async def _guard(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run a step; log its failure, whatever it is, and go on: sending must not end by it."""
        try:
            await action()
        except Exception as error:
            log.error("health.failed", exc_info=error)

    async def look_at_due(self) -> None:
        """Look at each number that is due."""
        while number := await self._store.claim(CLAIM_SECONDS):
            account, now = self._accounts[number], clock.now()
            async with asyncio.timeout(LONGEST_LOOK):
                findings = await look_at_number(account, self._outside, now)
            _log_changes(number, findings, await self._store.store(number, findings))
            await self._store.keep_direct_send(number, is_on=account.direct_send)
            await self._store.finish(number, _with_jitter(seconds_to_next(findings)))

    async def _show(self) -> None:
        resting, started = await self._store.resting(), self._find_started()
        shown = {number: at for number, at in started.items() if number not in resting}
        show_health(await self._store.read(), shown)

    def _find_started(self) -> dict[str, datetime]:
        for number in self._accounts:
            self._started.setdefault(number, clock.now())
        return self._started


def seconds_to_next(findings: Findings) -> float:
    """Return the time to the next look at a number."""
    is_troubled = any(each is None or each.state == "wrong" for each in findings.values())
    return AGAIN_SECONDS if is_troubled else LOOK_SECONDS


def show_health(rows: list[NumberHealth], started: dict[str, datetime]) -> None:
    """Set the metrics to these rows. A number without a row counts from the start, so that an alarm
    sees if nothing looks at it."""
    gauges = (
        metrics.number_health,
        metrics.number_looked,
        metrics.number_token_expires,
        metrics.graph_version_ends,
        metrics.webhook_certificate_not_after,
    )
    for gauge in gauges:
        gauge.clear()
    oldest: dict[str, datetime] = {}
    for row in rows:
        for state in STATES:
            gauge = metrics.number_health.labels(row.number, row.check, state)
            gauge.set(state == row.state)
        if row.until and (ends := ENDS.get(row.check)):
            ends.labels(row.number).set(row.until.timestamp())
        oldest[row.number] = min(oldest.get(row.number, row.looked_at), row.looked_at)
    for number, looked_at in (started | oldest).items():
        metrics.number_looked.labels(number).set(looked_at.timestamp())


ENDS = {
    "token": metrics.number_token_expires,
    "version": metrics.graph_version_ends,
    "certificate": metrics.webhook_certificate_not_after,
}
"""Check -> metric of the time until which it lasts."""


def _log_changes(number: str, findings: Findings, changed: set[Check]) -> None:
    for check in changed:
        finding = findings[check]
        assert finding, "only a finding changes a state"
        write = log.warning if finding.state in ("warning", "wrong") else log.info
        write("number.health", number=number, what=check, status=finding.state,
              reason=finding.detail)  # fmt: skip


def _with_jitter(seconds: float) -> float:
    return seconds * (1 + JITTER * random.random())
