"""A row of the deliverer that does not open fails alone: the others pass, and the metric tells."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from cli.deliveries.parked_store import ParkedFilter, replay
from deliverer.crm.lanes import Job
from deliverer.crm.replays import Replays
from deliverer.crm.settlements import SHUT, keep_event, make_settlement, park_settlement
from deliverer.crm.sidelined_store import SidelinedStore
from deliverer.destinations.openklant.desk.desk_store import DeskStore, command_outbox
from deliverer.destinations.openklant.store import seal_action
from deliverer.destinations.signing_secrets import SigningSecrets
from deliverer.meta.read_receipt_store import ReadReceiptStore
from deliverer.meta.send_outcomes import enqueue_outcome, outcome_outbox, send_outcome
from router.store.save import UPSERT_MARK
from services import clock
from services.contract import CloseConversation, Delivery
from services.keys.working_keys import working_keys
from services.postgres.database import Pool
from services.postgres.outbox import Outbox, Relay
from services.sealing.columns import EMPLOYEE, SECRET, SENT, WAMID, bind
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.integration.deliverer.test_replays import park
from tests.support.integration.destination_harness import delivery
from tests.support.integration.shut_rows import alter, shut_rows
from tests.support.observer import until_true
from tests.support.openklant.fitting_rows import fit_rows
from tests.support.working_keys import MASTER

NUMBER = "10000001"


async def published_by(outbox: Outbox[Any], count: int) -> list[Any]:
    """Return the first `count` entries that a relay of this outbox publishes and marks."""
    marked: list[Any] = []

    async def publish(entries: Sequence[Any]) -> Sequence[Any]:
        return entries

    async def mark(entries: Sequence[Any]) -> None:
        await outbox.mark_published(entries)
        marked.extend(entries)

    relay = Relay(outbox._replace(mark_published=mark), publish)
    async with background_task(relay.run()) as running:
        await until_true(lambda: len(marked) >= count or running.done(), 10)
        assert not running.done()
    return marked


async def outcomes(pool: Pool, count: int) -> list[UUID]:
    ids = []
    for _ in range(count):
        message = {"id": clock.new_id(), "number": NUMBER, "conversation": "c", "traceparent": ""}
        outcome = send_outcome(message, "sent", clock.now())
        async with pool.acquire() as connection:
            await enqueue_outcome(connection, outcome)
        ids.append(outcome.id)
    return ids


async def test_outcome_that_does_not_open_waits_and_the_others_are_published(pool: Pool) -> None:
    first, shut, last = await outcomes(pool, 3)
    before, body = (
        shut_rows("deliverer.outcome"),
        "select body from deliverer.outcome where id = $1",
    )
    kept = await pool.fetchval(body, shut)
    await alter(pool, "deliverer.outcome", "body", shut)
    outbox = outcome_outbox(pool)
    assert [each.id for each in await published_by(outbox, 2)] == [first, last]
    assert await outbox.fetch_unpublished(9, []) == []
    assert shut_rows("deliverer.outcome") == before + 1  # once, however often it is met
    await pool.execute("update deliverer.outcome set body = $2 where id = $1", shut, kept)
    assert [each.id for each in await published_by(outcome_outbox(pool), 1)] == [shut]


async def test_outcome_whose_mark_is_damaged_stops_no_other(pool: Pool) -> None:
    shut, other = await outcomes(pool, 2)
    damage = "update deliverer.outcome set body = set_byte(body, 0, 0) where id = $1"
    await pool.execute(damage, shut)
    assert [each.id for each in await published_by(outcome_outbox(pool), 1)] == [other]


async def test_outcome_whose_key_is_gone_stops_no_other(pool: Pool) -> None:
    shut, other = await outcomes(pool, 2)
    unknown = (
        "update deliverer.outcome set body = overlay(body placing '\\x00' from 5) where id = $1"
    )
    await pool.execute(unknown, shut)
    async with working_keys(pool, [MASTER]):  # as in a service, it looks for the key first
        assert [each.id for each in await published_by(outcome_outbox(pool), 1)] == [other]


async def test_found_command_that_does_not_open_waits_and_the_others_are_published(
    pool: Pool,
) -> None:
    shut, other = clock.new_id(), clock.new_id()
    for id in (shut, other):
        action = seal_action(CloseConversation(), id, "ok", f"{NUMBER}-{id}")
        await pool.execute(
            "insert into deliverer.found_command (id, destination, conversation, department,"
            " employee, action) values ($1, 'ok', $2, 'kcc', '', $3)",
            id, f"{NUMBER}-{id}", action,
        )  # fmt: skip
    before = shut_rows("deliverer.found_command")
    await alter(pool, "deliverer.found_command", "action", shut)
    assert [each.id for each in await published_by(command_outbox(pool), 1)] == [other]
    assert await pool.fetchval("select id from deliverer.found_command") == shut
    assert shut_rows("deliverer.found_command") == before + 1


async def test_task_whose_employee_does_not_open_is_polled_without(pool: Pool) -> None:
    shut, other = clock.new_id(), clock.new_id()
    for id in (shut, other):
        await pool.execute(
            "insert into deliverer.internetaak (destination, event, conversation, contact,"
            " internetaak, department, employee, covers)"
            " values ('ok', $1, 'c', $1, $1, 'kcc', $2, 1)",
            id, RING.seal_text("sanne@almelo.nl", EMPLOYEE, bind("ok", id)),
        )  # fmt: skip
    await fit_rows(pool)
    await alter(pool, "deliverer.internetaak", "employee", shut, "event")
    store, before = DeskStore(pool, "ok"), shut_rows("deliverer.internetaak")
    for _ in range(2):
        tasks = await store.known_tasks([], clock.now())
        assert {task.event: task.employee for task in tasks} == {shut: "", other: "sanne@almelo.nl"}
    assert shut_rows("deliverer.internetaak") == before + 1


async def test_read_receipt_that_does_not_open_stops_no_other(pool: Pool) -> None:
    shut, other = clock.new_id(), clock.new_id()
    for id in (shut, other):
        wamid = RING.seal_text("wamid.citizen", WAMID, bind(NUMBER, id, id))
        row = (NUMBER, id, id, wamid, clock.now(), False)
        await pool.execute(UPSERT_MARK, *([value] for value in (*row, clock.now())))
    before = shut_rows("deliverer.mark")
    await alter(pool, "deliverer.mark", "wamid", shut)
    claimed = await ReadReceiptStore(pool).claim({NUMBER: 4}, 4)
    assert [(each.id, each.wamid) for each in claimed] == [(other, "wamid.citizen")]
    assert shut_rows("deliverer.mark") == before + 1


async def parked_unopened(pool: Pool) -> list[UUID]:
    """Return the deliveries that are parked with that reason, and whose records are to be made."""
    settlements = await Replays(pool).outbox.fetch_unpublished(9, [])
    parked = [each for each in settlements if (each.state, each.reason) == ("parked", SHUT)]
    kept = "select count(*) from deliverer.delivery where state = 'parked' and body is not null"
    assert await pool.fetchval(kept) == len(parked)
    return [each.event for each in parked]


async def test_sidelined_delivery_that_does_not_open_is_parked_and_the_next_goes_on(
    pool: Pool,
) -> None:
    jobs = [Job(msgspec.structs.replace(delivery(n), conversation="c"), None) for n in range(3)]
    store, before = SidelinedStore(pool), shut_rows("deliverer.delivery")
    await store.insert("crm", jobs, 0.0)
    first, shut, last = (job.delivery for job in jobs)
    await alter(pool, "deliverer.delivery", "body", shut.id, "event")
    due = await store.due("crm", ["c"], 5)
    assert [each.delivery for each in due] == [first, last]
    assert await parked_unopened(pool) == [shut.id]
    assert shut_rows("deliverer.delivery") == before + 1


async def test_replay_that_does_not_open_is_parked_again_and_the_others_go(pool: Pool) -> None:
    await park(pool, 3)
    ids = [row["event"] for row in await pool.fetch("select event from deliverer.delivery")]
    await alter(pool, "deliverer.delivery", "body", ids[0], "event")
    assert await replay(pool, ParkedFilter(destination="crm"), 1000, ["crm"]) == 3
    await pool.execute("update deliverer.delivery set due_at = now()")
    before = shut_rows("deliverer.delivery")
    scan = await Replays(pool).due_replays("crm", (), is_paused=False)
    assert {each.delivery.id for each in scan.due} == set(ids[1:])
    assert await parked_unopened(pool) == ids[:1]
    assert shut_rows("deliverer.delivery") == before + 1


@pytest.mark.parametrize("damage", ["altered", "by hand"])
async def test_resend_of_an_event_that_does_not_open_ends(pool: Pool, damage: str) -> None:
    shut, other = delivery(1), delivery(2)
    for each in (shut, other):
        await pool.execute(
            "insert into deliverer.sent (destination, event, at, sealed)"
            " values ('crm', $1, now(), $2)",
            each.id, RING.seal(msgspec.msgpack.encode(each), SENT, bind("crm", each.id)),
        )  # fmt: skip
        await pool.execute(
            "insert into deliverer.delivery (destination, event, conversation, tenant, state,"
            " attempts, status, at, replays, due_at)"
            " values ('crm', $1, 'c', 'almelo', 'replay', 1, 204, now(), 1, now())",
            each.id,
        )
    if damage == "altered":
        await alter(pool, "deliverer.sent", "sealed", shut.id, "event")
    else:
        forged = msgspec.msgpack.encode(shut)
        put = "update deliverer.sent set sealed = $2 where event = $1"
        await pool.execute(put, shut.id, forged)
    before = shut_rows("deliverer.sent")
    scan = await Replays(pool).due_replays("crm", (), is_paused=False)
    assert [each.delivery for each in scan.due] == [other]
    state = "select state from deliverer.delivery where event = $1"
    assert await pool.fetchval(state, shut.id) == "settled"
    assert shut_rows("deliverer.sent") == before + 1


@pytest.mark.parametrize("damage", ["altered", "mark", "other", "by hand"])
async def test_secret_that_does_not_open_leaves_the_others_to_sign(pool: Pool, damage: str) -> None:
    shut, other = clock.new_id(), clock.new_id()
    for id, key in ((shut, b"one"), (other, b"two")):
        await pool.execute(
            "insert into deliverer.secret (id, destination, source, sealed)"
            " values ($1, 'crm', 'api', $2)",
            id, RING.seal(key, SECRET, bind(id, "crm")),
        )  # fmt: skip
    if damage == "altered":
        await alter(pool, "deliverer.secret", "sealed", shut)
    else:
        by_hand = "'whsec_dGhyZWU='" if damage == "by hand" else "'whsec_!'"
        value = "set_byte(sealed, 0, 255)" if damage == "mark" else by_hand
        await pool.execute(f"update deliverer.secret set sealed = {value} where id = $1", shut)
    secrets, before = SigningSecrets(pool, "crm", tuple), shut_rows("deliverer.secret")
    for _ in range(2):
        await secrets.refresh()
    assert secrets.keys() == (b"two",)
    assert shut_rows("deliverer.secret") == before + 1


@pytest.mark.parametrize("kind", ["aside", "parked", "sent"])
async def test_event_that_was_turned_to_another_destination_is_not_delivered_there(
    pool: Pool, kind: str
) -> None:
    """Somebody with every right on the database and no key has a destination of their own."""
    secret, other = delivery(1), delivery(2)
    if kind == "aside":
        store = SidelinedStore(pool)
        for destination, each in (("crm", secret), ("other", other)):
            job = Job(msgspec.structs.replace(each, conversation=destination), None)
            await store.insert(destination, [job], 0.0)
    else:
        await accept(pool, secret, other, kept=kind == "sent")
    await pool.execute("update deliverer.delivery set destination = 'other', due_at = now()")
    await pool.execute("update deliverer.sent set destination = 'other'")
    before = shut_rows("deliverer.sent") + shut_rows("deliverer.delivery")
    if kind == "aside":
        due = [each.delivery for each in await store.due("other", ["crm", "other"], 5)]
        assert [each.id for each in due] == [other.id]
    else:
        scan = await Replays(pool).due_replays("other", (), is_paused=False)
        assert [each.delivery for each in scan.due] == [other]
    assert shut_rows("deliverer.sent") + shut_rows("deliverer.delivery") == before + 1


async def accept(pool: Pool, crm: Delivery, other: Delivery, *, kept: bool) -> None:
    """Store events of these two destinations to be replayed; `kept`: they were accepted."""
    for destination, each in (("crm", crm), ("other", other)):
        made = make_settlement(each, destination, 1, 204, clock.now())
        if kept:
            sent = keep_event(made, each).sealed
            sql = "insert into deliverer.sent values ($1, $2, now(), $3)"
            await pool.execute(sql, destination, each.id, sent)
        body = None if kept else park_settlement(made, each, "refused", b"no").body
        await pool.execute(
            "insert into deliverer.delivery (destination, event, conversation, tenant, state,"
            " attempts, status, at, replays, due_at, body)"
            " values ($1, $2, 'c', 'almelo', 'replay', 1, 204, now(), 1, now(), $3)",
            destination, each.id, body,
        )  # fmt: skip


async def test_answer_that_was_turned_to_another_conversation_is_not_published(pool: Pool) -> None:
    ids = [clock.new_id(), clock.new_id()]
    for id, conversation in zip(ids, ("10000001-victim", "10000001-other"), strict=True):
        action = seal_action(CloseConversation(), id, "ok", conversation)
        await pool.execute(
            "insert into deliverer.found_command (id, destination, conversation, department,"
            " employee, action) values ($1, 'ok', $2, 'kcc', '', $3)",
            id, conversation, action,
        )  # fmt: skip
    await pool.execute("update deliverer.found_command set conversation = '10000001-other'")
    assert [each.id for each in await published_by(command_outbox(pool), 1)] == ids[1:]


async def test_secret_of_another_destination_signs_nothing(pool: Pool) -> None:
    id = clock.new_id()
    sealed = RING.seal(b"theirs", SECRET, bind(id, "other"))
    await pool.execute(
        "insert into deliverer.secret (id, destination, source, sealed)"
        " values ($1, 'crm', 'api', $2)",
        id, sealed,
    )  # fmt: skip
    secrets = SigningSecrets(pool, "crm", lambda: (b"own",))
    await secrets.register()
    assert secrets.keys() == (b"own",)
