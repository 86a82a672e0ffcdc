"""What is parked: looked at, tried again and given up by command, on a real PostgreSQL."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from cli.parked import FASTEST
from cli.parking import GIVEN_UP, NOBODY
from deliverer.replays import CLAIM_SECONDS, IN_HAND, Replays
from deliverer.session import LOOK_SECONDS
from deliverer.settlements import Settlement, Settlements, parked, record, settlement
from services import clock
from services.contract import Delivery
from services.database import Pool, connected, migrate
from services.ids import uuid7
from tests.installation import EXAMPLE
from tests.integration.conftest import all_migrations

T = TypeVar("T")
Command = Callable[..., Result]
Work = Callable[[Pool], Coroutine[Any, Any, T]]
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANSWER = b'{"detail":[{"loc":["data","text"],"input":"over mijn paspoort"}]}'
"""As FastAPI refuses: it quotes what it was sent."""


def delivery(n: int, conversation: str = "c") -> Delivery:
    at = NOON + timedelta(minutes=n)
    return Delivery(
        id=uuid7(at, n.to_bytes(10, "big")),
        type="nl.postkamer.message-received.v1",
        tenant="almelo" if n % 2 else "borne",
        conversation=f"{conversation}{n}",
        department="kcc",
        sequence=n,
        time=at,
        received_at=at,
        data=b'{"text":"over mijn paspoort"}',
        message=UUID(int=n),
    )


def refused(n: int, destination: str = "crm", status: int = 422) -> Settlement:
    one = delivery(n)
    at = NOON + timedelta(minutes=n)
    reason = f"the destination refused this message: {status}"
    return parked(settlement(one, destination, 1, status, at), one, reason, ANSWER)


def on(url: str, work: Work[T]) -> T:
    async def done() -> T:
        async with connected(url, "test", 1) as pool:
            return await work(pool)

    return asyncio.run(done())


async def write(pool: Pool, *settled: Settlement) -> None:
    settlements: Any = Settlements(pool, None)  # type: ignore[arg-type]
    settlements.tell = lambda _: asyncio.sleep(0)
    await settlements.write(list(settled))


@pytest.fixture
def table(empty: str) -> str:
    asyncio.run(migrate(empty, all_migrations()))
    unread = Settlement(
        destination="crm", event=UUID(int=99), conversation="", state="parked", attempts=0,
        status=0, at=NOON, reason="an envelope that cannot be read", body=b"\xc1",
    )  # fmt: skip
    done = settlement(delivery(50), "crm", 1, 200, NOON)
    on(
        empty,
        lambda pool: write(
            pool, *(refused(n) for n in range(1, 6)), refused(6, "crm2", 400), unread, done
        ),
    )
    return empty


@pytest.fixture
def command(table: str) -> Command:
    env = {"POSTKAMER_CONFIG": str(EXAMPLE), "POSTKAMER_DATABASE_URL": table}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=env)

    return run


def events(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    return [one["event"] for one in json.loads(done.stdout)]


def ids(*numbers: int) -> list[str]:
    return [str(delivery(n).id) for n in numbers]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), [1, 2, 3, 4, 5, 6]),
        (("--destination", "crm2"), [6]),
        (("--tenant", "almelo"), [1, 3, 5]),
        (("--conversation", "c4"), [4]),
        (("--status", "400"), [6]),
        (("--since", "2026-11-25T13:02"), [2, 3, 4, 5, 6]),  # Dutch time
        (("--until", "2026-11-25T13:02"), [1]),
        (("--tenant", "borne", "--destination", "crm"), [2, 4]),
    ],
)
def test_what_is_parked_is_found_by_what_it_is(
    command: Command, given: tuple[str, ...], found: list[int]
) -> None:
    assert events(command("parked", "list", *given, "--json")) == ids(*found)


def test_a_list_has_no_word_of_what_was_said(command: Command) -> None:
    done = command("parked", "list")
    first, second, *_ = done.stdout.splitlines()
    assert first == f"{delivery(1).id}  2026-11-25 12:01:00Z  crm  almelo"
    assert second == "    c1  1 attempt: the destination refused this message: 422"
    assert "paspoort" not in done.stdout + command("parked", "list", "--json").stdout


def test_envelopes_that_could_not_be_read_are_apart(command: Command) -> None:
    assert events(command("parked", "list", "--unreadable", "--json")) == [str(UUID(int=99))]


def test_one_is_shown_with_its_answer_and_what_was_said_only_when_asked(
    command: Command,
) -> None:
    [one] = json.loads(command("parked", "show", *ids(1), "--json").stdout)
    assert (one["sequence"], one["status"], one["answerBytes"]) == (1, 422, len(ANSWER))
    assert one["reason"] == "the destination refused this message: 422"
    for told in (json.dumps(one), command("parked", "show", *ids(1)).stdout):
        assert "paspoort" not in told and "detail" not in told
    [whole] = json.loads(command("parked", "show", *ids(1), "--content", "--json").stdout)
    assert whole == one | {"answer": ANSWER.decode(), "data": {"text": "over mijn paspoort"}}
    missing = command("parked", "show", str(UUID(int=7)))
    assert (missing.exit_code, missing.stderr) == (
        1,
        f"there is no parked delivery {UUID(int=7)}\n",
    )


def test_who_does_not_say_which_does_nothing(command: Command) -> None:
    for what in (("replay",), ("drop", "--reason", "x")):
        done = command("parked", *what)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "which?" in done.stderr
    assert len(events(command("parked", "list", "--json"))) == 6


def test_a_dry_run_counts_and_changes_nothing(command: Command) -> None:
    counted = command("parked", "replay", "--destination", "crm", "--dry-run")
    assert counted.stdout == "5 would be tried again\n"
    done = command("parked", "drop", "--tenant", "borne", "--reason", "x", "--dry-run")
    assert done.stdout == "3 would be given up\n"
    assert len(events(command("parked", "list", "--json"))) == 6


async def due(pool: Pool, process: UUID, *held: UUID) -> list[int]:
    look = await Replays(pool, process).due("crm", held, still=False)
    assert all(each.replays == 1 for each in look.again)
    return [each.delivery.sequence for each in look.again]


def test_what_was_settled_twice_at_once_is_written_down_once(command: Command, table: str) -> None:
    again = msgspec.structs.replace(refused(7), attempts=2)
    on(table, lambda pool: write(pool, refused(7), again))
    [one] = json.loads(command("parked", "list", "--conversation", "c7", "--json").stdout)
    assert one["attempts"] == 1
    assert command("parked", "replay", *ids(7)).exit_code == 0
    done = msgspec.structs.replace(again, state="settled", replays=1)
    on(table, lambda pool: write(pool, done, done))
    assert command("parked", "list", "--conversation", "c7", "--json").stdout == "[]\n"


CRM = ("--destination", "crm")
ONE, OTHER = UUID(int=1), UUID(int=2)


def test_what_is_tried_again_is_due_at_its_pace_the_oldest_first(
    command: Command, table: str
) -> None:
    assert command("parked", "replay", *CRM, "--per-second", "1").exit_code == 0
    assert on(table, lambda pool: due(pool, ONE)) in ([1], [1, 2])
    passed = "update deliverer.delivery set due_at = due_at - interval '10 seconds'"
    on(table, lambda pool: pool.execute(passed))
    assert on(table, lambda pool: due(pool, ONE)) == [1, 2, 3, 4, 5]
    assert on(table, lambda pool: due(pool, ONE, delivery(2).id)) == [1, 3, 4, 5]


def test_what_is_settled_while_it_is_looked_for_is_not_tried_once_more(
    command: Command, table: str
) -> None:
    assert command("parked", "replay", *ids(1, 2)).exit_code == 0
    passed = "update deliverer.delivery set due_at = now() - interval '1 second'"
    on(table, lambda pool: pool.execute(passed))

    async def looked(pool: Pool) -> list[int]:
        held = {delivery(1).id}
        looking = asyncio.create_task(Replays(pool, ONE).due("crm", held, still=False))
        await asyncio.sleep(0)  # it has asked by now, and has no answer yet
        held.clear()
        return [each.delivery.sequence for each in (await looking).again]

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
    too_fast = command("parked", "replay", "--all", "--per-second", str(FASTEST + 1))
    assert too_fast.exit_code == 2 and f"1<=x<={FASTEST}" in too_fast.stderr
    assert IN_HAND >= 2 * FASTEST * LOOK_SECONDS
    assert command("parked", "replay", *CRM, "--per-second", str(FASTEST)).exit_code == 0
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
        held = {each.delivery.id for each in (await replays.due("crm", (), still=False)).again}
        assert held == {delivery(n).id for n in (1, 2, 3)}
        done = await asyncio.to_thread(command, "parked", "replay", *ids(1, 3, 4), "--cancel")
        assert done.stdout == "2 are parked again\n"  # one never was to be tried again
        return {*(await replays.due("crm", held, still=True)).over}

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
        assert await replays.due("crm", (), still=True) == ([], frozenset())
        held = {delivery(1).id}
        assert await replays.due("crm", held, still=True) == ([], frozenset())

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
        replays = Replays(pool, clock.new_id())
        assert await replays.untold() == []
        await write(pool, one)
        untold = await replays.untold()
        await replays.told(untold)
        assert await replays.untold() == []
        return untold

    [told] = on(table, work)
    assert (told.state, told.attempts, told.replays) == (state, 3, 1)
    assert record(told).id != record(refused(1)).id
    left = events(command("parked", "list", "--json"))
    assert (ids(1)[0] in left) == (state == "parked")


def test_what_is_given_up_is_told_with_the_reason(command: Command, table: str) -> None:
    done = command("parked", "drop", "--destination", "crm2", "--reason", "CRM is gone", "--json")
    assert json.loads(done.stdout) == {"count": 1, "dryRun": False}

    async def untold(pool: Pool) -> list[Settlement]:
        return await Replays(pool, ONE).untold()

    [told] = on(table, untold)
    assert (told.event, told.state, told.reason) == (delivery(6).id, "dropped", "CRM is gone")
    assert record(told).id != record(refused(6, "crm2", 400)).id
    assert events(command("parked", "list", "--json")) == ids(1, 2, 3, 4, 5)


def test_what_is_given_up_is_erased_here_and_cannot_be_tried_again(
    command: Command, table: str
) -> None:
    for which in (ids(1, 2), [str(UUID(int=99)), "--unreadable"]):
        assert command("parked", "drop", *which, "--reason", "x").exit_code == 0
    kept = "select state, count(*) as n, count(body) as bodies from deliverer.delivery group by 1"
    found = {row["state"]: row for row in on(table, lambda pool: pool.fetch(kept))}
    assert (found["dropped"]["n"], found["dropped"]["bodies"]) == (3, 0)
    assert found["parked"]["n"] == found["parked"]["bodies"] == 4
    for given in ((), ("--dry-run",)):
        done = command("parked", "replay", *ids(2, 3), *given)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == GIVEN_UP.format(*ids(2)) + "\n"
    assert events(command("parked", "list", "--json")) == ids(3, 4, 5, 6)


@pytest.mark.parametrize("given", [(), ("--dry-run",)])
def test_what_nobody_would_deliver_is_not_tried_again(
    command: Command, table: str, given: tuple[str, ...]
) -> None:
    for which in (("--destination", "crm2"), ("--all",)):
        done = command("parked", "replay", *which, *given)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == NOBODY.format("crm2", 1) + "\n"
    assert len(events(command("parked", "list", "--json"))) == 6
    none = command("parked", "replay", "--all", *given, "--config", "nothing.toml")
    assert (none.exit_code, none.stdout) == (1, "") and "nothing.toml" in none.stderr


def test_a_destination_that_is_left_out_is_listed_while_something_of_it_is_left(
    command: Command, table: str
) -> None:
    at_work = "update deliverer.delivery set state = 'replay' where destination = 'crm2'"
    on(table, lambda pool: pool.execute(at_work))
    last = command("destination", "list").stdout.splitlines()[-1]
    assert last == (
        "crm2: 0 parked, 1 being tried again; not in the configuration: nobody delivers to it"
    )
    shown = json.loads(command("destination", "list", "--json").stdout)
    assert [one["id"] for one in shown if not one["configured"]] == ["crm2"]
    gone = "delete from deliverer.delivery where destination = 'crm2'"
    on(table, lambda pool: pool.execute(gone))
    assert "crm2" not in command("destination", "list").stdout


def test_a_destination_is_held_still_and_freed(command: Command, table: str) -> None:
    async def still(pool: Pool) -> bool:
        return await Replays(pool, ONE).held_still("crm")

    assert not on(table, still)
    assert command("destination", "pause", "crm", "--reason", "upgrade").stdout == (
        "crm is held still\n"
    )
    assert on(table, still)
    shown = {one["id"]: one for one in json.loads(command("destination", "list", "--json").stdout)}
    assert (shown["crm"]["reason"], shown["crm"]["parked"]) == ("upgrade", 6)
    assert "; held since" in command("destination", "list").stdout
    assert command("destination", "resume", "crm").exit_code == 0
    assert not on(table, still)
    assert "crm: 6 parked\n" in command("destination", "list").stdout
    unknown = command("destination", "pause", "x", "--reason", "y")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("there is no destination 'x'; there is crm")
