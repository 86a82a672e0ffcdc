"""Nothing of a destination that was removed waits for ever: it ends, and is seen until then."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from deliverer.crm.lanes import Job
from deliverer.crm.sent_events import UNKNOWN_DAYS, clear_sent_events
from deliverer.crm.settlements import Settlements
from deliverer.crm.sidelined_store import SidelinedStore
from deliverer.destinations.openklant.store import seal_action
from deliverer.destinations.signing_secrets import SigningSecrets
from deliverer.ended_rows import CLEARINGS
from deliverer.removed_destinations import REMOVED, end_removed_destinations, end_work
from deliverer.service import _measure_parked
from services import clearing, clock, metrics
from services.clearing import clear_ended_rows
from services.config.organisation import CloudEventsDestination
from services.config.terms import Terms
from services.contract import CloseConversation
from services.postgres.database import Pool
from services.sealing.columns import SECRET, bind
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.support.integration.crm_desk import TOWN
from tests.support.integration.destination_harness import delivery
from tests.support.observer import until, until_true

TWO_DAYS = "interval '2 days'"
CONFIGURED = "crm"
GONE = "old-crm"


async def states(pool: Pool) -> dict[UUID, tuple[str, str]]:
    rows = await pool.fetch("select event, state, reason from deliverer.delivery")
    return {row["event"]: (row["state"], row["reason"]) for row in rows}


async def wait_aside(pool: Pool, destination: str, n: int, since: str = TWO_DAYS) -> UUID:
    """Sideline a delivery that was due so long ago, and return its id."""
    one = delivery(n)
    await SidelinedStore(pool).insert(destination, [Job(one, None)], 0.0)
    await pool.execute(
        f"update deliverer.delivery set due_at = now() - {since} where event = $1", one.id
    )
    return one.id


async def test_waiting_deliveries_of_a_removed_destination_are_parked_and_end_at_the_term(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "BATCH", 1)
    aside = await wait_aside(pool, GONE, 1)
    replayed = await wait_aside(pool, GONE, 2)
    fresh = await wait_aside(pool, GONE, 3, "interval '2 hours'")
    other = await wait_aside(pool, CONFIGURED, 4)
    await pool.execute("update deliverer.delivery set state = 'replay' where event = $1", replayed)
    await end_work(pool, [CONFIGURED])
    assert await states(pool) == {
        aside: ("parked", REMOVED),
        replayed: ("parked", REMOVED),
        fresh: ("aside", ""),
        other: ("aside", ""),
    }
    untold = "select count(*) from deliverer.delivery where not told and state = 'parked'"
    assert await pool.fetchval(untold) == 2, "their records are to be made"
    transactions = "select count(distinct xmin::text) from deliverer.delivery where not told"
    assert await pool.fetchval(transactions) == 2, "a batch is one row here"
    kept = "select count(*) from deliverer.delivery where body is not null"
    assert await pool.fetchval(kept) == 4

    labels = {"queue": GONE}
    settlements = Settlements(pool, _Nowhere())
    measuring = _measure_parked(settlements, lambda: TOWN.destinations, TOWN.terms)
    async with background_task(measuring):
        await until_true(
            lambda: metrics.REGISTRY.get_sample_value("postkamer_parked", labels) == 2, 10
        )
    left = metrics.REGISTRY.get_sample_value("postkamer_parked_ends_seconds", labels)
    assert left and left <= TOWN.terms.parked_days * 86400

    later = clock.now() + timedelta(days=Terms().parked_days + 1)
    await clear_ended_rows(pool, CLEARINGS, Terms().model_dump(), later)
    ended = await states(pool)
    assert ended[aside] == ended[replayed] == ("dropped", "ended at its term")


class _Nowhere:
    """A publisher that nothing is given to."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


async def test_order_to_send_again_ends_with_its_destination(pool: Pool) -> None:
    order, taken = clock.new_id(), await wait_aside(pool, GONE, 1)
    await pool.execute(
        "insert into deliverer.resend (id, destination, tenant, token, fingerprint, since, until,"
        " events, per_second, ordered_at, taken_at, next_at)"
        " select $1, $2, 'almelo', 'crm', '', t, t, array[$3::uuid], 1, t, t, t"
        f" from (select now() - {TWO_DAYS}) n (t)",
        order, GONE, taken,
    )  # fmt: skip
    replay = "update deliverer.delivery set state = 'replay', body = null, resend = $1"
    await pool.execute(replay, order)
    await end_work(pool, [CONFIGURED])
    assert await states(pool) == {taken: ("settled", "")}
    row = await pool.fetchrow("select ended, finished_at from deliverer.resend")
    assert row and row["ended"] == 1 and row["finished_at"]


async def test_tasks_of_a_removed_destination_end_and_their_rows_with_the_term(
    pool: Pool,
) -> None:
    tasks = {name: clock.new_id() for name in (GONE, CONFIGURED)}
    for destination, event in tasks.items():
        await pool.execute(
            "insert into deliverer.klantcontact (destination, event, conversation, heard_at)"
            f" values ($1, $2, 'c', now() - {TWO_DAYS})",
            destination, event,
        )  # fmt: skip
        await pool.execute(
            "insert into deliverer.internetaak (destination, event, conversation, contact,"
            " internetaak, department, covers, looked_at, asked_at)"
            f" values ($1, $2, 'c', $2, $2, 'kcc', 1, now() - {TWO_DAYS}, now() - {TWO_DAYS})",
            destination, event,
        )  # fmt: skip
        id = clock.new_id()
        action = seal_action(CloseConversation(), id, destination, "c")
        await pool.execute(
            "insert into deliverer.found_command (id, destination, conversation, department,"
            " employee, action, waits_for, found_at)"
            f" values ($1, $2, 'c', 'kcc', '', $3, $1, now() - {TWO_DAYS})",
            id, destination, action,
        )  # fmt: skip
    await end_work(pool, [CONFIGURED])
    ended = "select array_agg(destination) from deliverer.internetaak where ended"
    assert await pool.fetchval(ended) == [GONE]
    waiting = "select array_agg(destination) from deliverer.found_command"
    assert await pool.fetchval(waiting) == [CONFIGURED]
    keeps = "alter table deliverer.{} disable trigger keep"  # its clock is that of the server
    await pool.execute(keeps.format("internetaak"))
    later = clock.now() + timedelta(days=Terms().conversation_days + 1)
    await clear_ended_rows(pool, CLEARINGS, Terms().model_dump(), later)
    left = "select array_agg(destination) from deliverer.internetaak"
    assert await pool.fetchval(left) == [CONFIGURED]
    # By these rows the contacts are deleted one day, should their destination come back.
    assert await pool.fetchval("select count(*) from deliverer.klantcontact") == 2


async def test_accepted_events_of_an_unknown_destination_stay_for_the_longest_term(
    pool: Pool,
) -> None:
    await pool.executemany(
        "insert into deliverer.sent (destination, event, at, sealed)"
        " values ($1, gen_random_uuid(), now() - make_interval(days => $2), '')",
        [(GONE, days) for days in (UNKNOWN_DAYS - 1, UNKNOWN_DAYS + 1, 11)],
    )
    count = "select count(*) from deliverer.sent"
    place = {"id": CONFIGURED, "kind": "cloudevents", "url": "http://127.0.0.1:9/"}
    for term, left in ((10, 2), (1, 1)):
        known = [CloudEventsDestination.model_validate(place | {"resend_days": term})]
        async with background_task(clear_sent_events(pool, partial(list, known))):
            await until(lambda: pool.fetchval(count), left.__eq__, 10)


async def test_secrets_end_a_day_after_the_last_process_knew_their_destination(
    pool: Pool,
) -> None:
    for destination in (GONE, CONFIGURED):
        id = clock.new_id()
        await pool.execute(
            "insert into deliverer.secret (id, destination, source, sealed)"
            " values ($1, $2, 'api', $3)",
            id, destination, RING.seal(b"key", SECRET, bind(id, destination)),
        )  # fmt: skip
    secrets = SigningSecrets(pool, GONE, lambda: (b"configured",))
    await secrets.register()
    assert len(secrets.keys()) == 2
    await pool.execute(f"update deliverer.secret set known_at = now() - {TWO_DAYS}")
    await secrets.refresh()
    left = "select array_agg(destination order by id) from deliverer.secret where ends_at is null"
    await end_work(pool, [CONFIGURED])
    assert sorted(await pool.fetchval(left)) == [CONFIGURED, GONE, GONE], "a process knows it"

    await pool.execute(f"update deliverer.secret set known_at = now() - {TWO_DAYS}")
    await end_work(pool, [CONFIGURED])
    assert await pool.fetchval(left) == [CONFIGURED]
    sealed = "select array_agg(destination) from deliverer.secret where sealed is not null"
    assert await pool.fetchval(sealed) == [CONFIGURED]
    later = clock.now() + timedelta(days=Terms().notice_days + 1)
    await clear_ended_rows(pool, CLEARINGS, Terms().model_dump(), later)
    assert await pool.fetchval("select count(*) from deliverer.secret") == 1


async def test_process_that_refuses_its_files_ends_nothing_of_what_another_may_know(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliverer.removed_destinations.ROUND_SECONDS", 0.02)
    aside, asked, knows = await wait_aside(pool, GONE, 1), 0, False

    def knows_all() -> bool:
        nonlocal asked
        asked += 1
        return knows

    async with background_task(end_removed_destinations(pool, list, knows_all)):
        await until_true(lambda: asked > 3)
        assert await states(pool) == {aside: ("aside", "")}
        knows = True
        await until(lambda: states(pool), lambda found: found[aside][0] == "parked", 10)
