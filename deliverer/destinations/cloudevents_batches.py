"""Events that start at the same moment, posted in one request (CloudEvents batch mode).

They are of as many conversations, since one conversation has one event in flight. One answer counts
for all. If it refuses the batch, each goes alone at once; after any other failure each goes alone
from its second attempt on. So an event that a CRM cannot take holds up no other.
"""

import asyncio
from collections.abc import Sequence

from deliverer.crm.http_receiver import UNSIGNED, DestinationEndpoint, HttpReceiver
from deliverer.crm.response_policy import PARKED_STATUSES
from deliverer.destinations import cloudevents
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.response import Response
from services import clock
from services.contract import Delivery

BATCH_BYTES = 256 * 1024
"""Data of a batch after which it takes no other event: four of the largest."""


class _Batch:
    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.bytes = 0
        self.answer = Response(failure="reset")
        self.is_answered = asyncio.Event()

    def add(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self.bytes += len(delivery.data)


class BatchReceiver(HttpReceiver):
    """Posts at most `most` events together."""

    def __init__(self, endpoint: DestinationEndpoint, poster: HttpClientProtocol, most: int):
        super().__init__(endpoint, cloudevents, poster)
        self._most = most
        self._open: _Batch | None = None
        """Batch that the events of this round of the event loop join."""

    async def deliver(self, delivery: Delivery, *, may_join: bool = False) -> Response:
        if not may_join:
            return await super().deliver(delivery)
        batch = await self._join(delivery)
        if len(batch.deliveries) == 1 or batch.answer.status in PARKED_STATUSES:
            return await super().deliver(delivery)
        return batch.answer

    async def _join(self, delivery: Delivery) -> _Batch:
        """Return the batch of this event once it is answered; a lone event is not posted yet."""
        if (batch := self._open) is not None:
            batch.add(delivery)
            if len(batch.deliveries) == self._most or batch.bytes >= BATCH_BYTES:
                self._open = None
            await batch.is_answered.wait()
            return batch
        batch = self._open = _Batch()
        batch.add(delivery)
        try:
            await asyncio.sleep(0)  # those that started with this one join it
            self._close(batch)
            if len(batch.deliveries) > 1:
                batch.answer = await self._post(batch.deliveries)
        finally:
            self._close(batch)  # also if this was cancelled: nobody would post it
            batch.is_answered.set()
        return batch

    def _close(self, batch: _Batch) -> None:
        if self._open is batch:
            self._open = None

    async def _post(self, deliveries: Sequence[Delivery]) -> Response:
        keys = self._endpoint.keys()
        if not keys:
            return UNSIGNED
        events = [cloudevents.body(each, self._endpoint.archiver) for each in deliveries]
        content = b"[" + b",".join(events) + b"]"
        now = clock.now()
        headers = cloudevents.batch_headers(clock.new_id(now), content, keys, now)
        return await self._poster.post(self._endpoint.url, content, headers)
