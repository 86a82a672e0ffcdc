"""What is parked: tried again and taken back by command, on a real PostgreSQL."""

import asyncio
import json
from uuid import UUID

import msgspec
import pytest

from cli.deliveries.parked import MAX_PER_SECOND
from deliverer.crm.replays import CLAIM_SECONDS, IN_HAND, Replays
from deliverer.crm.session import POLL_SECONDS
from deliverer.crm.settlements import Settlement, settlement_record
from services import clock
from services.postgres.database import Pool
from tests.support.integration.parked_deliveries import (
    ONE,
    OTHER,
    Command,
    commands,
    delivery,
    events,
    filled,
    ids,
    on,
    refused,
    write,
)

CRM = ("--destination", "crm")


@pytest.fixture
def table(empty: str) -> str:
    return filled(empty)


@pytest.fixture
def command(table: str) -> Command:
    return commands(table)


async def due(pool: Pool, process: UUID, *held: UUID) -> list[int]:
    look = await Replays(pool, process).claim_due("crm", held, is_paused=False)
    assert all(each.replays == 1 for each in look.due)
    return [each.delivery.sequence for each in look.due]


def test_what_was_settled_twice_at_once_is_written_down_once(command: Command, table: str) -> None:
    again = msgspec.structs.replace(refused(7), attempts=2)
    on(table, lambda pool: write(pool, refused(7), again))
    [one] = json.loads(command("parked", "list", "--conversation", "c7", "--json").stdout)
    assert one["attempts"] == 1
    assert command("parked", "replay", *ids(7)).exit_code == 0
    done = msgspec.structs.replace(again, state="settled", replays=1)
    on(table, lambda pool: write(pool, done, done))
    assert command("parked", "list", "--conversation", "c7", "--json").stdout == "[]\n"


def test_what_is_tried_again_is_due_at_its_pace_the_oldest_first(
    command: Command, table: str
) -> None:
    assert command("parked", "replay", *CRM, "--per-second", "1").exit_code == 0
    assert on(table, lambda pool: due(pool, ONE)) in ([1], [1, 2])
    passed = "update deliverer.delivery set due_at = due_at - interval '10 seconds'"
    on(table, lambda pool: pool.execute(passed))
    assert on(table, lambda pool: due(pool, ONE)) == [1, 2, 3, 4, 5]
    assert on(table, lambda pool: due(pool, ONE, delivery(2).id)) == [1, 3, 4, 5]


def test_what_failed_before_does_not_count_against_what_is_tried_again(
    command: Command, table: str
) -> None:
    on(table, lambda pool: pool.execute("update deliverer.delivery set failed = 6"))
    assert command("parked", "replay", *CRM, "--per-second", "100").exit_code == 0

    async def failed(pool: Pool) -> set[int]:
        look = await Replays(pool, ONE).claim_due("crm", (), is_paused=False)
        return {each.failures for each in look.due}

    assert on(table, failed) == {0}


def test_what_is_settled_while_it_is_looked_for_is_not_tried_once_more(
    command: Command, table: str
) -> None:
    assert command("parked", "replay", *ids(1, 2)).exit_code == 0
    passed = "update deliverer.delivery set due_at = now() - interval '1 second'"
    on(table, lambda pool: pool.execute(passed))

    async def looked(pool: Pool) -> list[int]:
        held = {delivery(1).id}
        looking = asyncio.create_task(Replays(pool, ONE).claim_due("crm", held, is_paused=False))
        await asyncio.sleep(0)  # it has asked by now, and has no answer yet
        held.clear()
        return [each.delivery.sequence for each in (await looking).due]

    assert on(table, looked) == [2]


def test_two_processes_do_not_try_the_same_destination_at_once(
    command: Command, table: str
) -> None:
    assert command("parked", "replay", *ids(1, 2)).stdout == "2 are tried again\n"
    passed = "update deliverer.delivery set due_at = now() - interval '1 second'"
    on(table, lambda pool: pool.execute(passed))
    assert on(table, lambda pool: due(pool, ONE)) == [1, 2]
    assert command("parked", "replay", *ids(3)).exit_code == 0
    assert on(table, lambda pool: due(pool, OTHER)) == []
    assert on(table, lambda pool: due(pool, ONE)) == [1, 2, 3]
    ended = f"update deliverer.delivery set claimed_until = now() - interval '{CLAIM_SECONDS} s'"
    on(table, lambda pool: pool.execute(ended))
    assert on(table, lambda pool: due(pool, OTHER)) == [1, 2, 3]


def test_no_more_is_in_hand_than_may_be(command: Command, table: str) -> None:
    many = [refused(n) for n in range(1000, 1000 + 2 * IN_HAND)]
    on(table, lambda pool: write(pool, *many))
    too_fast = command("parked", "replay", "--all", "--per-second", str(MAX_PER_SECOND + 1))
    assert too_fast.exit_code == 2 and f"1<=x<={MAX_PER_SECOND}" in too_fast.stderr
    assert IN_HAND >= 2 * MAX_PER_SECOND * POLL_SECONDS
    assert command("parked", "replay", *CRM, "--per-second", str(MAX_PER_SECOND)).exit_code == 0
    passed = "update deliverer.delivery set due_at = now() - interval '1 second'"
    on(table, lambda pool: pool.execute(passed))
    assert len(on(table, lambda pool: due(pool, ONE))) == IN_HAND


def listed(command: Command, *given: str) -> dict[int, str]:
    """Which, and in which state."""
    by = {str(delivery(n).id): n for n in range(1, 7)}
    found = json.loads(command("parked", "list", *given, "--json").stdout)
    assert all((one["dueAt"] is None) == (one["state"] == "parked") for one in found)
    return {by[one["event"]]: one["state"] for one in found}


def test_what_waits_to_be_tried_again_is_shown_and_can_be_taken_back(
    command: Command, table: str
) -> None:
    assert command("parked", "replay", *ids(1, 2, 3)).exit_code == 0
    waiting = {1: "replay", 2: "replay", 3: "replay"}
    assert listed(command, *CRM) == waiting | {4: "parked", 5: "parked"}
    assert ", tried again from 20" in command("parked", "list", "--conversation", "c1").stdout
    assert "paspoort" in command("parked", "show", *ids(1), "--content").stdout
    counted = command("parked", "replay", "--tenant", "almelo", "--cancel", "--dry-run")
    assert counted.stdout == "2 would be parked again\n"
    assert listed(command, *CRM) == waiting | {4: "parked", 5: "parked"}

    async def looked(pool: Pool) -> set[UUID]:
        replays = Replays(pool, ONE)
        await pool.execute("update deliverer.delivery set due_at = now() where state = 'replay'")
        held = {
            each.delivery.id for each in (await replays.claim_due("crm", (), is_paused=False)).due
        }
        assert held == {delivery(n).id for n in (1, 2, 3)}
        done = await asyncio.to_thread(command, "parked", "replay", *ids(1, 3, 4), "--cancel")
        assert done.stdout == "2 are parked again\n"  # one never was to be tried again
        return {*(await replays.claim_due("crm", held, is_paused=True)).over}

    assert on(table, looked) == {delivery(n).id for n in (1, 3)}
    assert listed(command, *CRM) == {
        1: "parked",
        2: "replay",
        3: "parked",
        4: "parked",
        5: "parked",
    }
    assert command("parked", "replay", "--cancel").exit_code == 2
    again = command("parked", "replay", *ids(1), "--json")
    assert json.loads(again.stdout) == {"count": 1, "dryRun": False}


def test_nothing_more_is_taken_in_hand_of_what_is_held_still(command: Command, table: str) -> None:
    assert command("parked", "replay", *ids(1, 2)).exit_code == 0

    async def looked(pool: Pool) -> None:
        replays = Replays(pool, ONE)
        await pool.execute("update deliverer.delivery set due_at = now() where state = 'replay'")
        assert await replays.claim_due("crm", (), is_paused=True) == ([], frozenset())
        held = {delivery(1).id}
        assert await replays.claim_due("crm", held, is_paused=True) == ([], frozenset())

    on(table, looked)


@pytest.mark.parametrize("given_up", [False, True])
@pytest.mark.parametrize("state", ["settled", "parked"])
def test_what_was_under_way_when_it_was_taken_back_is_written_down_once(
    command: Command, table: str, state: str, given_up: bool
) -> None:
    assert command("parked", "replay", *ids(1)).exit_code == 0
    assert command("parked", "replay", *ids(1), "--cancel").exit_code == 0
    if given_up:
        assert command("parked", "drop", *ids(1), "--reason", "x").exit_code == 0
    done = msgspec.structs.replace(refused(1), state=state, replays=1)
    if state == "settled":
        done = msgspec.structs.replace(done, body=None)
    on(table, lambda pool: write(pool, done))
    on(table, lambda pool: write(pool, done))
    sql = "select state, attempts, body is null as erased from deliverer.delivery where event = $1"
    [row] = on(table, lambda pool: pool.fetch(sql, delivery(1).id))
    lost = given_up and state == "parked"  # nobody wants it, and it was not delivered
    assert row["state"] == ("dropped" if lost else state)
    assert row["attempts"] == (1 if lost else 2)
    assert row["erased"] == (given_up or state == "settled")


@pytest.mark.parametrize("state", ["settled", "parked"])
def test_what_was_tried_again_is_told_once_more_under_an_id_of_its_own(
    command: Command, table: str, state: str
) -> None:
    assert command("parked", "replay", *ids(1)).exit_code == 0
    one = msgspec.structs.replace(refused(1), attempts=2, replays=1, state=state)

    async def work(pool: Pool) -> list[Settlement]:
        outbox = Replays(pool, clock.new_id()).outbox
        assert await outbox.fetch_unpublished(10, []) == []
        await write(pool, one)
        untold = await outbox.fetch_unpublished(10, [])
        await outbox.mark_published(untold)
        assert await outbox.fetch_unpublished(10, []) == []
        return untold

    [told] = on(table, work)
    assert (told.state, told.attempts, told.replays) == (state, 3, 1)
    assert settlement_record(told).id != settlement_record(refused(1)).id
    left = events(command("parked", "list", "--json"))
    assert (ids(1)[0] in left) == (state == "parked")
