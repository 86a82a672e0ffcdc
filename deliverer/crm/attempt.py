"""One destination: an attempt to deliver, and what came of it written down.

    envelope in -> skip what is settled -> lanes -> hand over -> settle -> ack when all is settled

`deliverer.crm.scheduler` decides what is attempted when.
"""

from typing import Protocol

import structlog

from deliverer.audit.attempts import Attempt
from deliverer.audit.recorder import Note
from deliverer.crm.lanes import Envelope, Job
from deliverer.crm.response_policy import Verdict
from deliverer.crm.settlements import ASIDE, Settlement, Settlements, parked, settlement
from deliverer.transport.response import Response
from services import clock, contract, metrics
from services.amqp.batcher import Batcher
from services.amqp.incoming_message import IncomingMessage
from services.config.organisation import Destination
from services.contract import Delivery, DeliveryBatch

MESSAGE_RECEIVED = "nl.postkamer.message-received.v1"

log = structlog.get_logger()


class Receiver(Protocol):
    """Whom a destination's deliveries are handed to."""

    async def deliver(self, delivery: Delivery) -> Response:
        """One attempt; never raises."""
        ...

    def judge(self, answer: Response) -> Verdict:
        """What its answer says by itself. Pure."""
        ...


class DeliveryAttempt:
    def __init__(
        self,
        destination: Destination,
        receiver: Receiver,
        settlements: Settlements,
        settle: Batcher[Settlement],
        note: Note,
    ) -> None:
        self.destination, self._receiver = destination, receiver
        self._settlements, self._settle, self._note = settlements, settle, note

    async def attempt(self, job: Job) -> tuple[Response, Verdict]:
        """One, and what its answer says by itself."""
        job.attempts += 1
        answer = await self._receiver.deliver(job.delivery)
        return answer, self._receiver.judge(answer)

    def failed(self, job: Job, answer: Response, verdict: Verdict) -> None:
        """It is tried again; nothing waits until that is on the record."""
        self._note(delivery_attempt(job, self.destination.id, answer, verdict))

    async def settle(self, job: Job, answer: Response, verdict: Verdict) -> None:
        """Return once it is written down for good."""
        now = clock.now()
        delivery = job.delivery
        counted = job.attempts, answer.status, now, job.replays
        settled = settlement(delivery, self.destination.id, *counted)
        if verdict.outcome == "parked":
            settled = parked(settled, delivery, verdict.reason, answer.body)
            log.error(
                "delivery.parked",
                destination=self.destination.id,
                record=delivery.id,
                status=answer.status,
                reason=verdict.reason,
            )
            metrics.parked.labels(queue=self.destination.id).inc()
        elif delivery.type == MESSAGE_RECEIVED:
            metrics.trip_seconds.observe((now - delivery.received_at).total_seconds())
        await self._settle.put(settled, len(settled.body or b"") + 200)

    async def jobs(self, frame: IncomingMessage) -> tuple[list[Job], set[str]]:
        """What is still to be delivered of an envelope, and conversations of which something of it
        stands aside. KeyError for one of a newer version."""
        batch = contract.decode(frame.type, frame.body)
        if not isinstance(batch, DeliveryBatch):
            raise TypeError("not an envelope of deliveries")
        ids = [delivery.id for delivery in batch.deliveries]
        known = await self._settlements.known(self.destination.id, ids)
        left = [delivery for delivery in batch.deliveries if delivery.id not in known]
        held = Envelope(frame, len(left))
        aside = {d.conversation for d in batch.deliveries if known.get(d.id) == ASIDE}
        return [Job(delivery, held) for delivery in left], aside

    async def unreadable(self, frame: IncomingMessage) -> None:
        """Keep an envelope that cannot be read, with the parked ones."""
        now = clock.now()
        log.error("frame.unreadable", destination=self.destination.id)
        metrics.quarantined.labels(reason="frame unreadable").inc()
        kept = Settlement(
            destination=self.destination.id,
            event=clock.new_id(),
            conversation="",
            state="parked",
            attempts=0,
            status=0,
            at=now,
            reason="an envelope that cannot be read",
            body=frame.body,
        )
        await self._settle.put(kept, len(frame.body))


def delivery_attempt(job: Job, destination: str, answer: Response, verdict: Verdict) -> Attempt:
    delivery = job.delivery
    return Attempt(
        tenant=delivery.tenant,
        conversation=delivery.conversation,
        message=delivery.message,
        data={
            "destination": destination,
            "event": delivery.id,
            "attempt": job.before + job.attempts,
            "status": answer.status,
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "whose": "message" if verdict.outcome == "aside" else answer.responder,
        },
    )
