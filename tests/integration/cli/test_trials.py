"""`postkamer guests`, `number live` and `number trial` on a real PostgreSQL."""

import json
from pathlib import Path

import pytest

from services.postgres.database import Pool
from services.trial import NOT_ON_GUEST_LIST
from tests.support.integration.parked_deliveries import Command, commands, on

NUMBER = "106540352242922"
WHY = ("--reason", "proef in week 10")
BY = ("--by", "S. Jansen")


@pytest.fixture
def run(fresh: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("POSTKAMER_OPERATOR", "beheer")
    return commands(fresh)


def operations(url: str) -> list[tuple[str, str, str, str, dict[str, object]]]:
    async def read(pool: Pool) -> list[tuple[str, str, str, str, dict[str, object]]]:
        rows = await pool.fetch("select * from access.operation order by id")
        return [(r["what"], r["about"], r["tenant"], r["by"], json.loads(r["data"])) for r in rows]

    return on(url, read)


def test_guests_are_listed_without_their_addresses_and_leave_at_going_live(
    run: Command, fresh: str, tmp_path: Path
) -> None:
    number = tmp_path / "number"
    number.write_text("+31 6 1234 5678\n")
    put = run("number", "trial", NUMBER, *WHY, *BY)
    assert put.exit_code == 0 and put.stdout.startswith(f"{NUMBER} is on trial")
    add = ("guests", "add", "--number", NUMBER, *WHY, "--json")
    first = json.loads(run(*add, "--phone-file", str(number)).stdout)["guests"]
    second = json.loads(run(*add, "--bsuid", "NL.1349120865530274").stdout)["guests"]
    assert json.loads(run(*add, "--phone", "+31612345678").stdout)["guests"] == []
    listed = json.loads(run("guests", "list", "--json").stdout)
    assert [(each["id"], each["kind"], each["endsWith"]) for each in listed] == [
        (*first, "phone", "78"),
        (*second, "bsuid", "74"),
    ]
    assert "31612345678" not in run("guests", "list").stdout
    assert run("guests", "remove", *second, *WHY).exit_code == 0
    assert run("guests", "remove", *second, *WHY).exit_code == 1
    live = run("number", "live", NUMBER, *WHY, *BY, "--json")
    assert json.loads(live.stdout) == {"id": NUMBER, "trial": False, "guests": 1, "refused": 0}
    assert json.loads(run("guests", "list", "--json").stdout) == []
    again = run("number", "live", NUMBER, *WHY, *BY)
    late = run("guests", "add", "--number", NUMBER, *WHY, "--phone", "+31612345678")
    for refused in (again, late):
        assert (refused.exit_code, refused.stderr) == (1, f"number {NUMBER} is not on trial\n")
    reason = {"reason": WHY[1]}
    assert operations(fresh) == [
        ("number trial", NUMBER, "almelo", "S. Jansen", reason),
        ("guests add", NUMBER, "almelo", "beheer", reason | {"guests": first}),
        ("guests add", NUMBER, "almelo", "beheer", reason | {"guests": second}),
        ("guests remove", NUMBER, "almelo", "beheer", reason | {"guests": second}),
        ("number live", NUMBER, "almelo", "S. Jansen", reason | {"guests": 1, "refused": 0}),
    ]


def test_message_that_waits_for_a_stranger_fails_at_going_live_and_the_record_counts_it(
    run: Command, fresh: str
) -> None:
    async def wait(pool: Pool) -> None:
        await pool.execute(_WAITING, NUMBER)

    async def states(pool: Pool) -> list[str]:
        rows = await pool.fetch("select state || ' ' || reason as said from deliverer.ledger")
        return [row["said"] for row in rows]

    run("number", "trial", NUMBER, *WHY, *BY)
    on(fresh, wait)
    live = run("number", "live", NUMBER, *WHY, *BY)
    assert live.stdout == (
        f"{NUMBER} is live; 0 guests removed from its list; 1 waiting message to others failed\n"
    )
    assert on(fresh, states) == [f"failed {NOT_ON_GUEST_LIST}"]
    assert operations(fresh)[-1][-1] == {"reason": WHY[1], "guests": 0, "refused": 1}


def test_trial_of_an_unknown_number_or_of_nobody_changes_nothing(run: Command, fresh: str) -> None:
    add = ("guests", "add", *WHY, "--number")
    assert run("number", "live", NUMBER, *WHY, *BY).exit_code == 1  # it never was on trial
    assert run("number", "live", "999", *WHY, *BY).exit_code == 2
    assert run(*add, NUMBER).exit_code == 2
    assert run(*add, "999", "--phone", "+31612345678").exit_code == 2
    for option, value in (("--phone", "112"), ("--bsuid", "31612345678")):
        refused = run(*add, NUMBER, option, value)
        assert refused.exit_code == 2 and value not in refused.stderr
    assert operations(fresh) == []


_WAITING = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, created_at, due_at)
values (gen_random_uuid(), $1, 'c', 1, gen_random_uuid(), 'phone', 'x', '{}', now(), now())
"""
