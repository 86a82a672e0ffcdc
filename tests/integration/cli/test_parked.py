"""What is parked: looked at, given up and held still by command, on a real PostgreSQL."""

import json
from uuid import UUID

import pytest

from cli.deliveries.parked_store import GIVEN_UP, NOBODY
from deliverer.crm.replays import Replays
from deliverer.crm.settlements import Settlement, settlement_record
from services.postgres.database import Pool
from tests.support.integration.parked_deliveries import (
    ANSWER,
    ONE,
    Command,
    commands,
    delivery,
    events,
    filled,
    ids,
    on,
    refused,
)


@pytest.fixture
def table(empty: str) -> str:
    return filled(empty)


@pytest.fixture
def command(table: str) -> Command:
    return commands(table)


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


def test_what_is_given_up_is_told_with_the_reason(command: Command, table: str) -> None:
    done = command("parked", "drop", "--destination", "crm2", "--reason", "CRM is gone", "--json")
    assert json.loads(done.stdout) == {"count": 1, "dryRun": False}

    async def untold(pool: Pool) -> list[Settlement]:
        return await Replays(pool, ONE).outbox.fetch_unpublished(10, [])

    [told] = on(table, untold)
    assert (told.event, told.state, told.reason) == (delivery(6).id, "dropped", "CRM is gone")
    assert settlement_record(told).id != settlement_record(refused(6, "crm2", 400)).id
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
        return await Replays(pool, ONE).is_paused_by_operator("crm")

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
