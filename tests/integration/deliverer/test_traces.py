"""Each attempt names its own span to the CRM, in a header that no signature covers."""

from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from deliverer.crm.attempt import DeliveryAttempt
from deliverer.crm.http_receiver import DestinationEndpoint, HttpReceiver
from deliverer.crm.lanes import Job
from deliverer.destinations import cloudevents
from deliverer.transport.http_client import http_client
from services import tracing
from services.config.organisation import CloudEventsDestination
from services.http.webhook_signature import key_of
from tests.support.deliverer.delivery_jobs import FRAME, delivery
from tests.support.integration.destination_harness import ARCHIVER, HERE, serving
from tests.support.trace_collector import collecting

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Crm:
    """Answers 503 once, and then takes everything."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, dict[str, str]]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((await request.read(), dict(request.headers)))
        return web.Response(status=503 if len(self.asked) == 1 else 204)


async def test_attempt_names_its_span_to_the_crm_only_while_traces_are_on() -> None:
    crm, unused = Crm(), Any
    job = Job(delivery(1, traceparent=TRACE), FRAME)
    async with serving(crm.handle) as at, http_client(1, networks=HERE) as client:
        destination = CloudEventsDestination(id="crm", kind="cloudevents", url=at)
        endpoint = DestinationEndpoint(at, lambda: (key_of(SECRET),), ARCHIVER)
        receiver = HttpReceiver(endpoint, cloudevents, client)
        attempts = DeliveryAttempt(destination, receiver, unused, unused, unused)
        with collecting() as collector:
            with tracing.exporting("deliverer", collector.url, {}):
                await attempts.attempt(job)
                await attempts.attempt(job)
            await attempts.attempt(job)
    [first, second] = collector.trace(TRACE[3:35])
    headers = [headers for _, headers in crm.asked]
    assert first.is_named_by(headers[0]["traceparent"])
    assert second.is_named_by(headers[1]["traceparent"])
    assert "traceparent" not in headers[2]
    assert {first.parent, second.parent} == {TRACE[36:52]}
    assert [first.failed, second.failed] == [True, False]
    assert first.attributes == {
        "postkamer.event": str(job.delivery.id),
        "postkamer.message": str(job.delivery.message),
        "postkamer.department": "kcc",
        "postkamer.destination": "crm",
        "postkamer.attempt": 1,
        "postkamer.status": 503,
        "postkamer.outcome": "paused",
    }
    assert len({body for body, _ in crm.asked}) == 1, "the event is the same at each attempt"
    signed = {name: headers[1][name] for name in headers[1] if name.startswith("webhook-")}
    body = crm.asked[1][0].decode()
    Webhook(SECRET).verify(body, signed)
