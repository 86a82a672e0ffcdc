"""`postkamer parked` and `destination` on a real PostgreSQL: list, show, drop, pause."""

import json
from uuid import UUID

import msgspec
import pytest

from cli.deliveries.parked_store import GIVEN_UP, NOBODY
from deliverer.crm.replays import ReplayJob, Replays
from deliverer.crm.settlements import Settlement, settlement_record
from services.contract import DeliveryBatch
from services.postgres.database import Pool
from services.postgres.outbox import LIMIT
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING
from tests.support.cli.command_line import postkamer
from tests.support.integration.parked_deliveries import (
    ANSWER,
    Command,
    delivery,
    events,
    ids,
    on,
    refused,
    write,
)
from tests.support.integration.shut_rows import alter
from tests.support.observer import until
from tests.support.working_keys import give_lost_key_back, seal_under_lost_key

UNREADABLE = str(UUID(int=99))


def parked(command: Command, *options: str) -> list[str]:
    return events(command("parked", "list", *options, "--json"))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ids(1, 2, 3, 4, 5, 6)),
        (("--destination", "crm2"), ids(6)),
        (("--tenant", "almelo"), ids(1, 3, 5)),
        (("--conversation", "c4"), ids(4)),
        (("--status", "400"), ids(6)),
        (("--since", "2026-11-25T13:02"), ids(2, 3, 4, 5, 6)),  # Dutch time
        (("--until", "2026-11-25T13:02"), ids(1)),
        (("--tenant", "borne", "--destination", "crm"), ids(2, 4)),
        (("--unreadable",), [UNREADABLE]),
    ],
)
def test_list_has_the_deliveries_that_match(
    command: Command, options: tuple[str, ...], found: list[str]
) -> None:
    assert parked(command, *options) == found


def test_list_says_how_many_could_not_be_read(command: Command) -> None:
    note = "1 batch message could not be read: see --unreadable"
    assert command("parked", "list").stderr == f"{note}\n"
    none = command("parked", "list", "--destination", "crm", "--status", "0")
    sentence = f"no delivery is parked, sidelined or waiting for a replay; {note}\n"
    assert (none.stdout, none.stderr) == (sentence, "")
    for options in (("--unreadable",), ("--json",), ("--destination", "crm2")):
        assert "could not be read" not in command("parked", "list", *options).stderr
    none = command("parked", "list", "--unreadable", "--status", "422")
    assert none.stdout == "no batch message is parked that could not be read\n"


def test_list_has_no_contents_of_messages(command: Command) -> None:
    lines = command("parked", "list").stdout
    first, second, *_ = lines.splitlines()
    assert first == f"{delivery(1).id}  2026-11-25 12:01:00Z  crm  almelo"
    assert second == "    c1  1 attempt: the destination refused this message: 422"
    assert "paspoort" not in lines + command("parked", "list", "--json").stdout


def test_contents_are_shown_only_if_asked_for_and_on_record(command: Command, table: str) -> None:
    [one] = json.loads(command("parked", "show", *ids(1), "--json").stdout)
    assert (one["sequence"], one["status"], one["answerBytes"]) == (1, 422, len(ANSWER))
    assert one["reason"] == "the destination refused this message: 422"
    for shown in (json.dumps(one), command("parked", "show", *ids(1)).stdout):
        assert "paspoort" not in shown and "detail" not in shown
    operations = "select what, about from access.operation"
    assert on(table, lambda pool: pool.fetch(operations)) == []
    [whole] = json.loads(command("parked", "show", *ids(1), "--content", "--json").stdout)
    assert whole == one | {"answer": ANSWER.decode(), "data": {"text": "over mijn paspoort"}}
    assert [tuple(row) for row in on(table, lambda pool: pool.fetch(operations))] == [
        ("parked show", *ids(1))
    ]
    unknown = command("parked", "show", str(UUID(int=7)))
    fault = f"there is no parked delivery {UUID(int=7)}\n"
    assert (unknown.exit_code, unknown.stderr) == (1, fault)


def test_delivery_that_does_not_open_is_listed_and_said_to_be_shut(
    command: Command, table: str
) -> None:
    event = UUID(ids(1)[0])
    on(table, lambda pool: alter(pool, "deliverer.delivery", "body", event, "event"))
    assert parked(command, "--until", "2026-11-25T13:02") == ids(1)
    shown = command("parked", "show", *ids(1))
    fault = f"the delivery {event} does not open: it was altered, or its working key is gone\n"
    assert (shown.exit_code, shown.stderr) == (1, fault)


def test_deliveries_of_a_message_whose_key_is_back_are_made_once(
    command: Command, table: str
) -> None:
    settled, new = delivery(50), [delivery(n) for n in (51, 52)]
    lost = DeliveryBatch(destination="crm", deliveries=[settled, *new])
    event = UUID(int=98)
    body = RING.seal(seal_under_lost_key(lost)[1], DELIVERY, bind("crm", event))
    aside = msgspec.structs.replace(refused(53), event=event, conversation="", tenant="", body=body)
    on(table, lambda pool: write(pool, aside))
    replay = "parked", "replay", "--unreadable", str(event)
    shut = command(*replay)
    fault = f"the message {event} does not open: it was altered, or its working key is gone\n"
    assert (shut.exit_code, shut.stderr) == (1, fault)
    on(table, give_lost_key_back)
    assert command(*replay, "--dry-run").stdout == "1 delivery would be tried again\n"
    assert command(*replay).stdout == "2 deliveries are tried again\n"
    assert parked(command, "--unreadable") == [UNREADABLE]

    async def due(pool: Pool) -> list[ReplayJob]:
        async def look() -> list[ReplayJob]:
            return (await Replays(pool).due_replays("crm", [], is_paused=False)).due

        return await until(look, lambda jobs: len(jobs) >= 2, 10)  # at most so many a second

    assert [job.delivery for job in on(table, due)] == new
    assert command(*replay).stdout == "0 deliveries are tried again\n"


def test_command_without_criteria_changes_nothing(command: Command) -> None:
    for what in (("replay",), ("replay", "--cancel"), ("drop", "--reason", "x")):
        done = command("parked", *what)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "which?" in done.stderr
    assert len(parked(command)) == 6


def test_dry_run_counts_and_changes_nothing(command: Command) -> None:
    done = command("parked", "replay", "--destination", "crm", "--dry-run")
    assert done.stdout == "5 deliveries would be tried again\n"
    done = command("parked", "drop", "--tenant", "borne", "--reason", "x", "--dry-run")
    assert done.stdout == "3 deliveries would be given up\n"
    assert len(parked(command)) == 6


def test_dropped_delivery_is_published_with_its_reason(command: Command, table: str) -> None:
    done = command("parked", "drop", "--destination", "crm2", "--reason", "CRM is gone", "--json")
    assert json.loads(done.stdout) == {"count": 1, "dryRun": False}

    async def unpublished(pool: Pool) -> list[Settlement]:
        return await Replays(pool).outbox.fetch_unpublished(LIMIT, [])

    [dropped] = on(table, unpublished)
    assert (dropped.event, dropped.state) == (delivery(6).id, "dropped")
    assert dropped.reason == "CRM is gone"
    assert settlement_record(dropped).id != settlement_record(refused(6, "crm2", 400)).id
    assert parked(command) == ids(1, 2, 3, 4, 5)


def test_dropped_delivery_is_erased_and_cannot_be_replayed(command: Command, table: str) -> None:
    for which in (ids(1, 2), [UNREADABLE, "--unreadable"]):
        assert command("parked", "drop", *which, "--reason", "x").exit_code == 0
    sql = "select state, count(*) as n, count(body) as bodies from deliverer.delivery group by 1"
    rows = {row["state"]: row for row in on(table, lambda pool: pool.fetch(sql))}
    assert (rows["dropped"]["n"], rows["dropped"]["bodies"]) == (3, 0)
    assert rows["parked"]["n"] == rows["parked"]["bodies"] == 4
    for options in ((), ("--dry-run",)):
        done = command("parked", "replay", *ids(2, 3), *options)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == GIVEN_UP.format(*ids(2)) + "\n"
    assert parked(command) == ids(3, 4, 5, 6)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_replay_to_an_unknown_destination_is_refused(
    command: Command, options: tuple[str, ...]
) -> None:
    for which in (("--destination", "crm2"), ("--all",)):
        done = command("parked", "replay", *which, *options)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == NOBODY.format("crm2", 1) + "\n"
    assert len(parked(command)) == 6
    done = command("parked", "replay", "--all", *options, "--config", "nothing.toml")
    assert (done.exit_code, done.stdout) == (1, "") and "nothing.toml" in done.stderr


def test_removed_destination_is_listed_as_long_as_it_has_deliveries(
    command: Command, table: str
) -> None:
    started = "update deliverer.delivery set state = 'replay' where destination = 'crm2'"
    on(table, lambda pool: pool.execute(started))
    assert command("destination", "list").stdout.splitlines()[-1] == (
        "crm2: 0 parked, 1 being tried again;"
        " not in the configuration: its deliveries are never made"
    )
    listed = json.loads(command("destination", "list", "--json").stdout)
    assert [each["id"] for each in listed if not each["configured"]] == ["crm2"]
    gone = "delete from deliverer.delivery where destination = 'crm2'"
    on(table, lambda pool: pool.execute(gone))
    assert "crm2" not in command("destination", "list").stdout


def test_destination_is_paused_and_resumed(command: Command, table: str) -> None:
    async def is_paused(pool: Pool) -> bool:
        return (await Replays(pool).orders("crm")).is_paused

    assert not on(table, is_paused)
    done = command("destination", "pause", "crm", "--reason", "upgrade")
    assert done.stdout == "crm is paused\n"
    assert on(table, is_paused)
    listed = json.loads(command("destination", "list", "--json").stdout)
    [crm] = [each for each in listed if each["id"] == "crm"]
    assert (crm["reason"], crm["parked"]) == ("upgrade", 6)
    assert "; paused since" in command("destination", "list").stdout
    assert command("destination", "resume", "crm").exit_code == 0
    assert not on(table, is_paused)
    assert "crm: 6 parked\n" in command("destination", "list").stdout
    unknown = command("destination", "pause", "x", "--reason", "y")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("there is no destination 'x'; there is crm")


def test_database_that_is_away_is_named_without_its_password() -> None:
    url = "postgresql://owner:hunter2@127.0.0.1:1/postkamer"
    done = postkamer("parked", "list", "--json", env={"POSTKAMER_DATABASE_URL": url})
    said = "parked: the database at 127.0.0.1:1 does not answer: Connection refused"
    assert json.loads(done.stderr)["error"]["message"] == said
