"""Nothing is posted that no secret signs."""

from typing import Any

from deliverer.crm.http_receiver import NO_SECRET, DestinationEndpoint, HttpReceiver
from deliverer.crm.response_policy import Verdict
from deliverer.destinations import cloudevents
from tests.support.integration.destination_harness import delivery


async def test_destination_without_a_secret_pauses_and_nothing_is_posted() -> None:
    poster: Any = None
    endpoint = DestinationEndpoint("https://crm.example", lambda: (), "")
    receiver = HttpReceiver(endpoint, cloudevents, poster)
    answer = await receiver.deliver(delivery(1))
    assert receiver.judge(answer) == Verdict("paused", NO_SECRET, alarm=True)
