"""Attempts at one destination, and the settlement of their results.

    batch in -> skip settled deliveries -> lanes -> hand over -> settle -> ack when all are settled

`deliverer.crm.scheduler` decides which delivery is attempted when.
"""

from typing import Protocol

import msgspec
import structlog

from deliverer.audit.attempts import Attempt
from deliverer.audit.recorder import RecordAttempt
from deliverer.crm.lanes import IncomingBatch, Job
from deliverer.crm.response_policy import Verdict
from deliverer.crm.settlements import (
    ASIDE,
    Settlement,
    Settlements,
    keep_event,
    make_settlement,
    park_settlement,
)
from deliverer.transport.response import Response
from services import clock, metrics, tracing
from services.amqp.batcher import Batcher
from services.amqp.incoming_message import IncomingMessage
from services.amqp.sealed_batch import open_body, read_batch
from services.config.organisation import Destination
from services.contract import Delivery, DeliveryBatch
from services.event_types import RECEIVED
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING

log = structlog.get_logger()


class Receiver(Protocol):
    """Hands over deliveries to one destination."""

    async def deliver(self, delivery: Delivery, *, may_join: bool = False) -> Response:
        """Make one attempt. Never raises. `may_join`: it may go together with others."""
        ...

    def judge(self, answer: Response) -> Verdict:
        """Judge one answer without knowledge of others. Pure."""
        ...


class DeliveryAttempt:
    def __init__(
        self,
        destination: Destination,
        receiver: Receiver,
        settlements: Settlements,
        batcher: Batcher[Settlement],
        record_attempt: RecordAttempt,
    ) -> None:
        self.destination, self._receiver = destination, receiver
        self._settlements, self._batcher = settlements, batcher
        self._record_attempt = record_attempt

    async def attempt(self, job: Job) -> tuple[Response, Verdict]:
        """Make one attempt, and judge its answer without knowledge of others. The receiver gets the
        delivery with the trace of this attempt."""
        job.attempts += 1
        delivery = job.delivery
        span = tracing.begin("deliver", delivery.traceparent)
        if delivery.traceparent != span.traceparent:
            delivery = msgspec.structs.replace(delivery, traceparent=span.traceparent)
        is_first = job.attempts == 1 and not job.is_from_table
        answer = await self._receiver.deliver(delivery, may_join=is_first)
        verdict = self._receiver.judge(answer)
        span.end(
            failed=verdict.outcome != "settled",
            event=delivery.id,
            message=delivery.message,
            department=delivery.department,
            destination=self.destination.id,
            attempt=job.earlier_attempts + job.attempts,
            status=answer.status,
            outcome=verdict.outcome,
        )
        return answer, verdict

    def record_failure(self, job: Job, answer: Response, verdict: Verdict) -> None:
        """Record a failed attempt. Returns at once: the retry does not wait for the archive."""
        self._record_attempt(delivery_attempt(job, self.destination.id, answer, verdict))

    async def settle(self, job: Job, answer: Response, verdict: Verdict) -> None:
        """Return when the delivery is durably settled or parked."""
        settled_at = clock.now()
        delivery = job.delivery
        counts = job.attempts, answer.status, settled_at, job.replays
        settlement = make_settlement(delivery, self.destination.id, *counts)
        if verdict.outcome == "settled" and self.destination.kept_days:
            settlement = keep_event(settlement, delivery)
        if verdict.outcome == "parked":
            settlement = park_settlement(settlement, delivery, verdict.reason, answer.body)
            log.error(
                "delivery.parked",
                destination=self.destination.id,
                record=delivery.id,
                status=answer.status,
                reason=verdict.reason,
            )
            metrics.parked.labels(queue=self.destination.id).inc()
        elif delivery.type == RECEIVED:
            metrics.trip_seconds.observe((settled_at - delivery.received_at).total_seconds())
        size = len(settlement.body or settlement.sealed or b"") + 200
        await self._batcher.put(settlement, size)

    async def read_batch(self, incoming: IncomingMessage) -> tuple[list[Job], set[str]]:
        """Return the jobs of a batch that are not settled, and the conversations of its
        sidelined deliveries. KeyError if a newer version wrote the batch.

        TypeError for a batch of another destination: who has the broker alone can copy it into
        this queue, and its words are not for this receiver.
        """
        batch = await read_batch(incoming.type, incoming.body)
        if not isinstance(batch, DeliveryBatch) or batch.destination != self.destination.id:
            raise TypeError("not a batch of deliveries to this destination")
        ids = [delivery.id for delivery in batch.deliveries]
        states = await self._settlements.find_states(self.destination.id, ids)
        deliveries = [delivery for delivery in batch.deliveries if delivery.id not in states]
        incoming_batch = IncomingBatch(incoming, len(deliveries))
        sidelined = {d.conversation for d in batch.deliveries if states.get(d.id) == ASIDE}
        return [Job(delivery, incoming_batch) for delivery in deliveries], sidelined

    async def park_unreadable(self, incoming: IncomingMessage) -> None:
        """Store a batch that cannot be decoded, as one parked delivery."""
        now, event = clock.now(), clock.new_id()
        body = open_body(incoming.type, incoming.body)
        log.error("frame.unreadable", destination=self.destination.id)
        metrics.quarantined.labels(reason="frame unreadable").inc()
        settlement = Settlement(
            destination=self.destination.id,
            event=event,
            conversation="",
            state="parked",
            attempts=0,
            status=0,
            at=now,
            reason="an envelope that cannot be read",
            body=RING.seal(body, DELIVERY, bind(self.destination.id, event)),
        )
        await self._batcher.put(settlement, len(incoming.body))


def delivery_attempt(job: Job, destination: str, answer: Response, verdict: Verdict) -> Attempt:
    delivery = job.delivery
    return Attempt(
        tenant=delivery.tenant,
        conversation=delivery.conversation,
        message=delivery.message,
        data={
            "destination": destination,
            "event": delivery.id,
            "attempt": job.earlier_attempts + job.attempts,
            "status": answer.status,
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "whose": "message" if verdict.outcome == "aside" else answer.responder,
        },
    )
