"""A router dies in the middle of a batch, and before the next one starts the rules are others and a
CRM has given orders: what was decided first is what everybody is told, and nothing else.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from router.model.decision import Decision
from router.partition.worker import FRAMES
from services.contract import ArchiveBatch, DeliveryBatch
from tests.support.faults.batch_crash_points import (
    ACKNOWLEDGEMENT,
    COMMIT,
    DONE,
    EVENT,
    HOLDS,
    RECORD,
    point,
    waiting,
)
from tests.support.faults.event_recorder import Witness, listening
from tests.support.faults.message_evidence import Seen, decided, of_conversation
from tests.support.faults.router_crash_scenario import (
    ANSWERED,
    CITIZENS,
    MOVED,
    SETTLE_SECONDS,
    TO,
    Scene,
    with_two_crms,
)
from tests.support.installation import Installation, installed
from tests.support.observer import Watch, until

STRIKES = int(os.environ.get("POSTKAMER_TEST_ROUTER_STRIKES", "6"))
"""Times that a router is killed at a moment that nobody chose; a few seconds each."""
WRITTEN = 2 * FRAMES
"""Bodies that wait for it then: two full batches."""
WITHIN_SECONDS = 0.2
"""Seconds in which a router decides, commits and publishes a batch, on two busy cores."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("decided-once"), with_two_crms) as town:
        yield town


@pytest.fixture
async def witness(town: Installation) -> AsyncIterator[Witness]:
    async with listening(town) as witness:
        yield witness


def undone_step_of_each(
    scene: Scene, found: list[tuple[str, Decision]], died: float
) -> dict[str, str]:
    """The first step that a router had left undone when it died, for each message."""
    return {
        wamid: point(decision, wamid in scene.committed, scene.witness, died)
        for wamid, decision in found
    }


async def check(scene: Scene, found: Seen) -> None:
    """Committed decisions stand and the new rules decide the rest; all is told once, alike."""
    final = dict(found.decided)
    await scene.witness.catch_up(final.values())
    assert {wamid: final[wamid] for wamid in scene.committed} == scene.committed
    for wamid, decision in found.decided:
        assert decision.version == scene.versions[wamid not in scene.committed], wamid
    assert list(found.disagreements()) == []
    assert found.changed() == []
    assert scene.witness.contradictions() == []
    assert [wamid for wamid, d in found.decided if scene.witness.told_before_kept(d)] == []
    for place in (found.texts_at_the_crm(), found.texts_in_the_archive()):
        assert len(place) == CITIZENS
        assert all(said == sorted(said, key=nth) for said in place.values())
    await check_orders(scene)


def nth(said: str) -> int:
    return int(said.split(" ")[2])


async def check_orders(scene: Scene) -> None:
    """Both were carried out, once, and everybody heard of the same."""
    (transfer,) = await of_conversation(scene.watch, scene.conversations[MOVED], "accepted")
    (answer,) = await of_conversation(scene.watch, scene.conversations[ANSWERED], "accepted")
    told = await scene.transfers()
    ids = {transfer.event, transfer.previous_department_event} - {None}
    assert {event["id"] for event in told} == {str(id) for id in ids}
    for event in told:
        assert event["event"]["data"]["department"] == transfer.department == TO
        assert event["sequence"] == transfer.sequence
    assert await scene.sent() == [scene.answer]
    kept = "select count(*) from opened.record where id in ('{}', '{}')"
    both = kept.format(transfer.record, answer.record)
    await until(lambda: scene.watch.count(both), lambda n: n == 2, SETTLE_SECONDS)
    orders = "select count(*) from opened.record where conversation = '{}' and data->>'order' <> ''"
    assert await scene.watch.count(orders.format(scene.conversations[MOVED])) == 1


@pytest.mark.parametrize("at", HOLDS)
async def test_batch_is_published_as_first_decided_wherever_the_router_died(
    watch: Watch, witness: Witness, at: str
) -> None:
    scene = Scene(watch, witness, f"before-{at}", first=1000 * list(HOLDS).index(at))
    await scene.opens()
    # What still came of an answer before would be held in the place of this batch.
    await until(lambda: watch.count(UNTOLD), lambda n: n == 0, SETTLE_SECONDS)
    async with HOLDS[at](watch, witness):
        await scene.writes(1)
        if at == COMMIT:
            await waiting(watch, 1)
        else:
            await until(
                lambda: undone_steps(scene), lambda held: held == PLACES[at], SETTLE_SECONDS
            )
        await scene.dies()
    await scene.meanwhile()
    await scene.succeeds()
    found = await scene.seen()
    batch = [(wamid, d) for wamid, d in found.decided if wamid.endswith(".1")]
    assert set(undone_step_of_each(scene, batch, scene.died).values()) == DIED[at]
    await check(scene, found)


UNTOLD = "select count(*) from router.outgoing where status in ('accepted', 'sent')"
DIED = {
    COMMIT: {COMMIT},
    RECORD: {RECORD},
    EVENT: {EVENT},
    ACKNOWLEDGEMENT: {EVENT, ACKNOWLEDGEMENT},
}
"""The step at which a router is kept -> the steps left undone for the messages of its batch."""
PLACES = {
    RECORD: {RECORD: CITIZENS},
    EVENT: {EVENT: CITIZENS},
    ACKNOWLEDGEMENT: {EVENT: CITIZENS // 2, DONE: CITIZENS // 2},
}


async def at_random(_: Witness) -> None:
    await asyncio.sleep(random.uniform(0, WITHIN_SECONDS))  # any moment, not a condition


MOMENTS = (
    at_random,
    lambda witness: witness.next(ArchiveBatch),
    lambda witness: witness.next(DeliveryBatch),
)
"""Moments at which a router is killed: any time, or just after it has published something. It may
not know yet that this arrived."""


async def undone_steps(scene: Scene) -> Counter[str]:
    """Count the steps that are still undone for the messages of the batch."""
    now = asyncio.get_running_loop().time()
    found = [each for each in await decided(scene.watch, scene.run) if each[0].endswith(".1")]
    return Counter(point(decision, True, scene.witness, now) for _, decision in found)


@pytest.mark.long
async def test_router_killed_at_any_moment_never_contradicts_itself(
    watch: Watch, witness: Witness
) -> None:
    hit: Counter[str] = Counter()
    for strike in range(STRIKES):
        scene = Scene(watch, witness, f"strike-{strike}", first=10_000 + 1000 * strike)
        await scene.opens()
        async with HOLDS[COMMIT](watch, witness):  # so that there is enough for large batches
            for n in range(1, WRITTEN + 1):
                await scene.writes(n)
        await MOMENTS[strike % len(MOMENTS)](witness)
        await scene.dies()
        await scene.meanwhile()
        await scene.succeeds()
        found = await scene.seen()
        await check(scene, found)
        batch = [each for each in found.decided if not each[0].endswith(".0")]
        hit.update(set(undone_step_of_each(scene, batch, scene.died).values()))
    print(f"\nof {STRIKES} routers died so many with this still to be done: {dict(hit)}")
    assert hit[EVENT] + hit[ACKNOWLEDGEMENT], "not one in the middle of saying it"
