"""Deletes in one Open Klant what it has of destroyed conversations, for as long as it takes.

It runs beside the deliveries and never delays one: it has a small window of its own, which shrinks
when Open Klant answers late, and one request at a time while it fails.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import structlog

from deliverer.crm.concurrency_window import ConcurrencyWindow
from deliverer.crm.response_policy import wait_before_probe
from deliverer.destinations.openklant.client import (
    CONTACTS,
    ODD_SHAPES,
    UNEXPECTED_RESPONSE,
    OpenKlantClient,
    RequestRefused,
    judge_answer,
)
from deliverer.destinations.openklant.erasure.contact_eraser import erase_contact
from deliverer.destinations.openklant.erasure.erasure_store import ContactErasure, ErasureStore
from services import metrics
from services.backoff import delay

MAX_AT_ONCE = 4
"""Contacts erased at once. Open Klant does some 100 requests a second with two cores, of which its
employees should have most."""
POLL_SECONDS = 10.0
"""Interval of looks for what is to go, when nothing is."""
FIRST_WAIT, LONGEST_WAIT = 30.0, 3600.0
"""Wait, in seconds, before a contact that failed has another turn."""

Outcome = Literal["erased", "kept", "failed"]
Pause = Callable[[float], Awaitable[object]]

log = structlog.get_logger()


class Attempt(NamedTuple):
    outcome: Outcome
    retry_after: float | None = None


class ErasureWorker:
    def __init__(
        self,
        destination: str,
        store: ErasureStore,
        new_client: Callable[[], OpenKlantClient],
        window: int,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._id, self._store, self._new_client = destination, store, new_client
        self._window, self._pause = ConcurrencyWindow(min(window, MAX_AT_ONCE)), pause
        self.failures = 0
        """Batches in a row in which Open Klant failed."""

    async def run(self) -> None:
        """Erase for as long as this runs."""
        while True:
            if not await self.erase_batch():
                await self._pause(POLL_SECONDS)

    async def erase_batch(self) -> bool:
        """Erase what is due first. False if nothing is due."""
        erasures = await self._store.claim(self._window.size)
        attempts = await asyncio.gather(*map(self._try_erase, erasures))
        for attempt in attempts:
            metrics.openklant_erasures.labels(self._id, attempt.outcome).inc()
        failed = [each for each in attempts if each.outcome == "failed"]
        self.failures = self.failures + 1 if failed else 0
        if failed:
            self._window.on_failure(asyncio.get_running_loop().time())
            retry_after = max((each.retry_after or 0.0 for each in failed), default=None)
            await self._pause(
                wait_before_probe(self.failures, retry_after, random.random(), several=True)
            )
        return bool(erasures)

    async def _try_erase(self, erasure: ContactErasure) -> Attempt:
        """Erase one contact, or store why it waits."""
        calls, loop = self._new_client(), asyncio.get_running_loop()
        started = loop.time()
        try:
            kept = await erase_contact(calls, self._store, erasure)
        except RequestRefused as refused:
            return await self._on_refusal(erasure, refused)
        except ODD_SHAPES:
            return await self._on_refusal(erasure, RequestRefused(UNEXPECTED_RESPONSE))
        await self._store.finish(erasure, kept)
        self._window.on_response(started, loop.time(), is_full=True, calls=calls.count)
        return Attempt("kept" if kept else "erased")

    async def _on_refusal(self, erasure: ContactErasure, refused: RequestRefused) -> Attempt:
        """Name what Open Klant refuses for good; put off anything else."""
        verdict, status = judge_answer(refused.answer), refused.answer.status
        ids = {"destination": self._id, "record": str(erasure.event)}
        if verdict.outcome == "parked":
            contact = erasure.klantcontact or erasure.event
            await self._store.finish(erasure, [f"{CONTACTS}/{contact} refused_{status}"])
            log.error("openklant.erasure_refused", status=status, **ids)
            return Attempt("kept")
        seconds = delay(erasure.tries - 1, FIRST_WAIT, LONGEST_WAIT)
        await self._store.put_off(erasure, verdict.reason, seconds)
        log.warning("openklant.erasure_waits", status=status, reason=verdict.reason, **ids)
        return Attempt("failed", refused.answer.retry_after)
