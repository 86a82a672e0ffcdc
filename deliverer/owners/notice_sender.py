"""Tells owners: decides every few seconds what is new, and sends what is due.

It runs beside the deliveries and shares nothing with them but the pool and the receivers: no
failure here ends the deliverer. Every process decides and sends; the store gives each notice to
one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

import structlog

from deliverer.crm.attempt import Receiver
from deliverer.crm.response_policy import Verdict
from deliverer.owners.notice_delivery import OpenNotice, next_attempt, notice_delivery
from deliverer.owners.notice_store import NoticeStore
from deliverer.transport.response import Response
from services import clock, metrics
from services.postgres.database import retry_while_unavailable
from services.tasks import cancel_and_wait

POLL_SECONDS = 5.0
Work = Callable[[], Awaitable[None]]
OUTCOMES = ("sent", "failed", "given_up")

log = structlog.get_logger()


class OwnedDestination(NamedTuple):
    id: str
    owners: Sequence[str]
    """Destinations that get the notices."""
    tenant: str
    """Municipality in the source of the events."""
    certificate_ends: Callable[[], datetime | None]
    """Returns the end of our client certificate; None without one."""


class OwnerNotices:
    def __init__(
        self,
        store: NoticeStore,
        destinations: Sequence[OwnedDestination],
        receivers: Mapping[str, Receiver],
    ) -> None:
        """`receivers` may grow; `follow` has the destinations of now."""
        self._store, self._receivers = store, receivers
        self.follow(destinations)

    def follow(self, destinations: Sequence[OwnedDestination]) -> None:
        """Tell the owners of these destinations from now on."""
        self._destinations = destinations
        self._owners = sorted({owner for each in destinations for owner in each.owners})
        self._tenants = {each.id: each.tenant for each in destinations}
        for each in destinations:
            for outcome in OUTCOMES:
                metrics.owner_notices.labels(each.id, outcome)

    async def run(self) -> None:
        """Decide every few seconds, and send to each owner beside it: a mail server that does not
        answer delays no other owner. Without an owner nothing is done."""
        works: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = {owner: partial(self.send_open, owner) for owner in self._owners}
                for name, work in (wanted | ({"": self.decide_all} if wanted else {})).items():
                    if name not in works or works[name].done():
                        works[name] = asyncio.create_task(_attempt(work))
                await asyncio.sleep(POLL_SECONDS)
        finally:
            if works:
                await cancel_and_wait(*works.values())

    async def decide_all(self) -> None:
        """Write what is new of each destination, and show how long owners were not reached."""
        for each in self._destinations:
            now = clock.now()
            ends = each.certificate_ends()
            for notice in await self._store.decide(each.id, each.owners, ends, now):
                log.info("owner.notice", destination=each.id, what=notice.state)
        oldest, now = await self._store.oldest_open(self._owners), clock.now()
        for each in self._destinations:
            seconds = (now - oldest.get(each.id, now)).total_seconds()
            metrics.owner_unreached.labels(each.id).set(seconds)

    async def send_open(self, owner: str) -> None:
        """Send the notices for one owner that are due."""
        while notice := await self._store.claim(owner, clock.now()):
            receiver = self._receivers[owner]
            event = notice_delivery(notice, self._tenants.get(notice.destination, ""))
            answer = await receiver.deliver(event)
            await self._store_result(owner, notice, answer, receiver.judge(answer))

    async def _store_result(
        self, owner: str, notice: OpenNotice, answer: Response, verdict: Verdict
    ) -> None:
        now = clock.now()
        due_at = next_attempt(notice, now)
        if verdict.outcome == "settled":
            outcome = "sent"
            await self._store.end(notice.id, outcome, answer.status, "", now)
        elif due_at is None:
            outcome = "given_up"
            await self._store.end(notice.id, outcome, answer.status, verdict.reason, now)
        else:
            outcome = "failed"
            await self._store.put_off(notice.id, answer.status, verdict.reason, due_at)
        metrics.owner_notices.labels(notice.destination, outcome).inc()
        if outcome != "sent":
            log.warning("owner.unreached", destination=notice.destination, where=owner,
                        what=outcome, status=answer.status, reason=verdict.reason)  # fmt: skip


async def _attempt(work: Work) -> None:
    """Do this once; log a failure, whatever it is."""
    try:
        await retry_while_unavailable(work, "owner notices")
    except Exception as error:
        log.error("owner.failed", exc_info=error)
