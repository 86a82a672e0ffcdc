"""A CRM that takes several events in one request: what goes together, and what goes alone."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook

from deliverer.crm.http_receiver import DestinationEndpoint
from deliverer.destinations.cloudevents_batches import BATCH_BYTES, BatchReceiver
from deliverer.transport.response import Response
from services.contract import Delivery
from tests.support.deliverer.delivery_harness import OK, Harness, of, spread
from tests.support.deliverer.delivery_jobs import delivery

BATCH = "application/cloudevents-batch+json; charset=utf-8"
SINGLE = "application/cloudevents+json; charset=utf-8"


class BatchCrm:
    """Takes a second for each request, and notes the numbers of its events."""

    def __init__(self, answer: Callable[[list[int]], Response] = lambda _: OK) -> None:
        self.answer = answer
        self.asked: list[list[int]] = []
        self.ids: list[str] = []

    async def post(self, url: str, body: Any, headers: Mapping[str, str]) -> Response:
        content = msgspec.json.decode(body)
        assert headers["Content-Type"] == (BATCH if isinstance(content, list) else SINGLE)
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        id, signature = headers["webhook-id"], headers["webhook-signature"]
        assert Webhook(b"key").sign(id, at, body.decode()) == signature
        self.ids.append(id)
        events: list[Any] = content if isinstance(content, list) else [content]
        numbers = [int(event["sequence"]) for event in events]
        self.asked.append(numbers)
        await asyncio.sleep(1)
        return self.answer(numbers)

    @property
    def taken(self) -> list[int]:
        return [n for asked in self.asked for n in asked if self.answer(asked) is OK]


async def deliver(crm: BatchCrm, *deliveries: Delivery, most: int = 4, window: int = 16) -> Harness:
    harness = Harness(window=window)
    harness.post_through(crm, batch_events=most)
    await harness.deliver(*deliveries)
    return harness


async def test_events_of_several_conversations_go_together_and_in_order() -> None:
    crm = BatchCrm()
    harness = await deliver(crm, *spread(range(40), "abcdefgh"), most=3)
    assert crm.asked[:2] == [[0, 1, 2], [3]]
    assert max(map(len, crm.asked)) == 3 and len(crm.asked) <= 20
    batches = {id for id, asked in zip(crm.ids, crm.asked, strict=True) if len(asked) > 1}
    assert not batches & {str(each.event) for each in harness.settled()}
    for conversation in range(8):
        own = [n for n in crm.taken if n % 8 == conversation]
        assert own == list(range(conversation, 40, 8))
    assert len(harness.settled()) == 40


async def test_lone_event_goes_as_to_any_other_crm() -> None:
    crm = BatchCrm()
    harness = await deliver(crm, of(1, "a"), of(2, "a"))
    assert crm.asked == [[1], [2]] and harness.attempts == []
    assert crm.ids == [str(of(n, "a").id) for n in (1, 2)]


async def test_refused_batch_goes_event_by_event_and_only_the_bad_one_is_parked() -> None:
    crm = BatchCrm(lambda numbers: Response(status=422) if 2 in numbers else OK)
    harness = await deliver(crm, *spread(range(4), "abcd"))
    assert crm.asked[0] == [0, 1, 2, 3]
    assert sorted(crm.asked[1:]) == [[0], [1], [2], [3]]
    assert [each.event for each in harness.settled("parked")] == [of(2, "c").id]
    assert sorted(crm.taken) == [0, 1, 3]


async def test_event_that_breaks_its_batch_holds_up_no_other() -> None:
    """After the failure each goes alone: it is parked in the end, and nothing else is."""
    crm = BatchCrm(lambda numbers: Response(status=500) if 2 in numbers else OK)
    harness = Harness(window=16)
    harness.post_through(crm, batch_events=4)
    harness.receive(*spread(range(64), "abcdefgh"))
    await harness.run_until(lambda: len(harness.settled()) == 56)
    failed = [asked for asked in crm.asked if 2 in asked]
    assert failed == [[0, 1, 2, 3], *[[2]] * (len(failed) - 1)]
    assert harness.settled("parked") == []
    assert sorted(crm.taken) == [n for n in range(64) if n % 8 != 2]
    assert {job.delivery.sequence for _, _, job in harness.tables.aside.values()} == set(
        range(2, 64, 8)
    )


async def test_batch_has_a_bound_of_bytes() -> None:
    crm, data = BatchCrm(), msgspec.json.encode("x" * (BATCH_BYTES // 2))
    await deliver(crm, *(delivery(n, f"{n}", data=data) for n in range(4)), most=16)
    assert crm.asked == [[0, 1], [2, 3]]


async def test_event_that_is_given_up_before_its_batch_goes_holds_up_no_other() -> None:
    """A lost channel gives it up, and the next session delivers by the same receiver."""
    receiver = BatchReceiver(DestinationEndpoint("x://crm", lambda: (b"key",), ""), BatchCrm(), 4)
    first, joined = (
        asyncio.create_task(receiver.deliver(of(n, name), may_join=True))
        for n, name in ((1, "a"), (2, "b"))
    )
    await asyncio.sleep(0)  # both begin
    first.cancel()
    async with asyncio.timeout(5):
        assert (await joined).failure == "reset"
        assert await receiver.deliver(of(3, "c"), may_join=True) is OK
