"""`postkamer parked replay` and its cancellation on a real PostgreSQL."""

import asyncio
import json
from uuid import UUID

import msgspec
import pytest

from cli.deliveries.parked import MAX_PER_SECOND
from deliverer.crm.replays import IN_HAND, Replays
from deliverer.crm.session import POLL_SECONDS
from deliverer.crm.settlements import Settlement, settlement_record
from services.postgres.database import Pool
from services.postgres.outbox import LIMIT
from tests.support.integration.parked_deliveries import (
    Command,
    delivery,
    events,
    ids,
    on,
    refused,
    write,
)

CRM = ("--destination", "crm")
REPLAY = ("parked", "replay")
ALL_DUE = "update deliverer.delivery set due_at = now() - interval '1 second'"


def execute(table: str, sql: str) -> None:
    on(table, lambda pool: pool.execute(sql))


def due(table: str, *held: UUID) -> list[int]:
    """Return the deliveries that are due for a replay."""

    async def look(pool: Pool) -> list[int]:
        scan = await Replays(pool).due_replays("crm", held, is_paused=False)
        assert all(each.replays == 1 for each in scan.due)
        return [each.delivery.sequence for each in scan.due]

    return on(table, look)


def states(command: Command, *options: str) -> dict[int, str]:
    """Return the state of each delivery in the list."""
    sequences = {str(delivery(n).id): n for n in range(1, 7)}
    listed = json.loads(command("parked", "list", *options, "--json").stdout)
    assert all((each["dueAt"] is None) == (each["state"] == "parked") for each in listed)
    return {sequences[each["event"]]: each["state"] for each in listed}


def test_settlement_that_is_written_twice_is_stored_once(command: Command, table: str) -> None:
    again = msgspec.structs.replace(refused(7), attempts=2)
    on(table, lambda pool: write(pool, refused(7), again))
    [one] = json.loads(command("parked", "list", "--conversation", "c7", "--json").stdout)
    assert one["attempts"] == 1
    assert command(*REPLAY, *ids(7)).exit_code == 0
    settled = msgspec.structs.replace(again, state="settled", replays=1)
    on(table, lambda pool: write(pool, settled, settled))
    assert command("parked", "list", "--conversation", "c7", "--json").stdout == "[]\n"


def test_event_that_its_owner_has_sent_again_is_none_of_the_parked_ones(
    command: Command, table: str
) -> None:
    accepted = msgspec.structs.replace(refused(7), state="settled", body=None)
    on(table, lambda pool: write(pool, accepted))
    again = "update deliverer.delivery set state = 'replay', due_at = now() where body is null"
    execute(table, again)
    assert command("parked", "list", "--conversation", "c7", "--json").stdout == "[]\n"
    assert command("parked", "show", *ids(7)).exit_code == 1
    assert json.loads(command(*REPLAY, *CRM, "--cancel", "--json").stdout)["count"] == 0


def test_replays_are_due_at_their_rate_the_oldest_first(command: Command, table: str) -> None:
    assert command(*REPLAY, *CRM, "--per-second", "1").exit_code == 0
    assert due(table) in ([1], [1, 2])
    execute(table, "update deliverer.delivery set due_at = due_at - interval '10 seconds'")
    assert due(table) == [1, 2, 3, 4, 5]
    assert due(table, delivery(2).id) == [1, 3, 4, 5]


def test_replay_starts_without_earlier_failures(command: Command, table: str) -> None:
    execute(table, "update deliverer.delivery set failed = 6")
    assert command(*REPLAY, *CRM, "--per-second", "100").exit_code == 0

    async def failures(pool: Pool) -> set[int]:
        scan = await Replays(pool).due_replays("crm", (), is_paused=False)
        return {each.failures for each in scan.due}

    assert on(table, failures) == {0}


def test_delivery_that_is_settled_during_a_look_is_not_due(command: Command, table: str) -> None:
    assert command(*REPLAY, *ids(1, 2)).exit_code == 0
    execute(table, ALL_DUE)

    async def look(pool: Pool) -> list[int]:
        held = {delivery(1).id}
        looking = asyncio.create_task(Replays(pool).due_replays("crm", held, is_paused=False))
        await asyncio.sleep(0)  # the query is sent, and not yet answered
        held.clear()
        return [each.delivery.sequence for each in (await looking).due]

    assert on(table, look) == [2]


def test_rate_and_replays_in_hand_are_bounded(command: Command, table: str) -> None:
    many = [refused(n) for n in range(1000, 1000 + 2 * IN_HAND)]
    on(table, lambda pool: write(pool, *many))
    too_fast = command(*REPLAY, "--all", "--per-second", str(MAX_PER_SECOND + 1))
    assert too_fast.exit_code == 2 and f"1<=x<={MAX_PER_SECOND}" in too_fast.stderr
    assert IN_HAND >= 2 * MAX_PER_SECOND * POLL_SECONDS
    assert command(*REPLAY, *CRM, "--per-second", str(MAX_PER_SECOND)).exit_code == 0
    execute(table, ALL_DUE)
    assert len(due(table)) == IN_HAND


def test_waiting_replay_is_listed_and_can_be_cancelled(command: Command, table: str) -> None:
    assert command(*REPLAY, *ids(1, 2, 3)).exit_code == 0
    waiting = {1: "replay", 2: "replay", 3: "replay", 4: "parked", 5: "parked"}
    assert states(command, *CRM) == waiting
    assert ", tried again from 20" in command("parked", "list", "--conversation", "c1").stdout
    assert "paspoort" in command("parked", "show", *ids(1), "--content").stdout
    counted = command(*REPLAY, "--tenant", "almelo", "--cancel", "--dry-run")
    assert counted.stdout == "2 deliveries would be parked again\n"
    assert states(command, *CRM) == waiting

    async def cancel(pool: Pool) -> set[UUID]:
        replays = Replays(pool)
        await pool.execute("update deliverer.delivery set due_at = now() where state = 'replay'")
        scan = await replays.due_replays("crm", (), is_paused=False)
        held = {each.delivery.id for each in scan.due}
        assert held == {delivery(n).id for n in (1, 2, 3)}
        done = await asyncio.to_thread(command, *REPLAY, *ids(1, 3, 4), "--cancel")
        assert done.stdout == "2 deliveries are parked again\n"  # 4 was not waiting for a replay
        return {*(await replays.due_replays("crm", held, is_paused=True)).over}

    assert on(table, cancel) == {delivery(n).id for n in (1, 3)}
    assert states(command, *CRM) == waiting | {1: "parked", 3: "parked"}
    again = command(*REPLAY, *ids(1), "--json")
    assert json.loads(again.stdout) == {"count": 1, "dryRun": False}


def test_paused_destination_gets_no_replays(command: Command, table: str) -> None:
    assert command(*REPLAY, *ids(1, 2)).exit_code == 0

    async def look(pool: Pool) -> None:
        replays = Replays(pool)
        await pool.execute("update deliverer.delivery set due_at = now() where state = 'replay'")
        for held in (set[UUID](), {delivery(1).id}):
            assert await replays.due_replays("crm", held, is_paused=True) == ([], frozenset())

    on(table, look)


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("state", ["settled", "parked"])
def test_outcome_of_a_cancelled_replay_is_stored_once(
    command: Command, table: str, state: str, dropped: bool
) -> None:
    assert command(*REPLAY, *ids(1)).exit_code == 0
    assert command(*REPLAY, *ids(1), "--cancel").exit_code == 0
    if dropped:
        assert command("parked", "drop", *ids(1), "--reason", "x").exit_code == 0
    outcome = msgspec.structs.replace(refused(1), state=state, replays=1)
    if state == "settled":
        outcome = msgspec.structs.replace(outcome, body=None)
    for _ in range(2):
        on(table, lambda pool: write(pool, outcome))
    sql = "select state, attempts, body is null as erased from deliverer.delivery where event = $1"
    [row] = on(table, lambda pool: pool.fetch(sql, delivery(1).id))
    stays_dropped = dropped and state == "parked"
    assert row["state"] == ("dropped" if stays_dropped else state)
    assert row["attempts"] == (1 if stays_dropped else 2)
    assert row["erased"] == (dropped or state == "settled")


@pytest.mark.parametrize("state", ["settled", "parked"])
def test_outcome_of_a_replay_is_published_under_its_own_id(
    command: Command, table: str, state: str
) -> None:
    assert command(*REPLAY, *ids(1)).exit_code == 0
    outcome = msgspec.structs.replace(refused(1), attempts=2, replays=1, state=state)

    async def publish(pool: Pool) -> list[Settlement]:
        outbox = Replays(pool).outbox
        assert await outbox.fetch_unpublished(LIMIT, []) == []
        await write(pool, outcome)
        unpublished = await outbox.fetch_unpublished(LIMIT, [])
        await outbox.mark_published(unpublished)
        assert await outbox.fetch_unpublished(LIMIT, []) == []
        return unpublished

    [published] = on(table, publish)
    assert (published.state, published.attempts, published.replays) == (state, 3, 1)
    assert settlement_record(published).id != settlement_record(refused(1)).id
    left = events(command("parked", "list", "--json"))
    assert (ids(1)[0] in left) == (state == "parked")
