"""`postkamer token` on a real PostgreSQL."""

import json
import shlex

import pytest

from cli.support.unlimited_tokens import READS_ALL, narrowing_command
from cli.tokens import BENT, UNCONFIRMED
from tests.support.installation import EXAMPLE
from tests.support.integration.parked_deliveries import Command, commands, on

ADD = (
    *("token", "add", "desk", "--tenant", "almelo", "--role", "send", "--role", "read"),
    *("--department", "burgerzaken"),
)


@pytest.fixture
def run(fresh: str) -> Command:
    return commands(fresh)


def test_token_is_shown_once_and_its_hash_never(run: Command) -> None:
    more = ("--people", "--until", "2099-01-01T00:00:00+01:00")
    done = run(*ADD, *more, "--per-second", "5", "--burst", "7", "--json")
    assert done.exit_code == 0, done.output
    token = json.loads(done.stdout)["token"]
    listed = run("token", "list", "--json").stdout
    assert token.startswith("pk_") and token not in listed
    (row,) = json.loads(listed)
    assert row.pop("createdAt")
    assert row == {
        "name": "desk",
        "tenant": "almelo",
        "roles": ["read", "send"],
        "departments": ["burgerzaken"],
        "allDepartments": False,
        "confidential": False,
        "destinations": [],
        "people": True,
        "test": False,
        "perSecond": 5,
        "burst": 7,
        "expiresAt": "2098-12-31T23:00:00Z",
        "revokedAt": None,
        "note": "",
        "isConfirmed": True,
    }
    assert run("token", "list").stdout == (
        "desk of almelo: read, send; burgerzaken; 5/s, 7 at once; people; until 2098-12-31 23:00Z\n"
    )


def test_name_is_never_given_out_again(run: Command) -> None:
    assert run(*ADD).exit_code == 0
    assert run(*ADD).exit_code == 1
    assert run("token", "revoke", "desk").exit_code == 0
    again = run(*ADD)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "take another" in again.stderr


def test_second_revocation_shows_the_time_of_the_first(run: Command) -> None:
    run(*ADD)
    first, second = (run("token", "revoke", "desk", "--json").stdout for _ in range(2))
    assert json.loads(first) == json.loads(second)
    assert "revoked" in run("token", "list").stdout
    unknown = run("token", "revoke", "nobody")
    assert (unknown.exit_code, unknown.stderr) == (1, "there is no token 'nobody'\n")


OLD_KIND = """
insert into access.token (name, hash, tenant, roles, departments, people, per_second, burst)
values ('old', sha256('old'), 'almelo', '{read}', '{}', false, 1, 1)
"""


def test_token_without_departments_is_named_until_it_is_narrowed(run: Command, fresh: str) -> None:
    on(fresh, lambda pool: pool.execute(OLD_KIND))
    refused = run("token", "narrow", "old", "--all-departments")
    assert (refused.exit_code, refused.stderr.strip()) == (1, f"old {UNCONFIRMED}")
    assert UNCONFIRMED in run("token", "list").stdout
    assert json.loads(run("status", "--json").stdout)["unconfirmedTokens"] == ["old"]
    assert run("token", "confirm", "old").stdout.startswith("old of almelo counts: all departments")
    assert json.loads(run("status", "--json").stdout)["unconfirmedTokens"] == []
    assert "the confidential ones, because it names none" in run("token", "list").stdout
    check = ("check", "--live", "--config", str(EXAMPLE), "--lang", "en")
    warning = f"token old: {READS_ALL}; {narrowing_command('old')}"
    assert warning in run(*check).stdout
    [problem] = [
        each
        for each in json.loads(run("status", "--json").stdout)["problems"]
        if each["about"] == "tokens"
    ]
    assert problem["text"].endswith(": old.") and problem["level"] == "warning"
    narrow = shlex.split(problem["next"])[1:]
    assert run(*narrow).stdout == "old reaches all departments\n"
    assert run(*narrow).exit_code == 0
    assert "token old" not in run(*check).stdout
    assert '"about":"tokens"' not in run("status", "--json").stdout
    on_record = on(fresh, lambda pool: pool.fetch("select what, about from access.operation"))
    assert [tuple(row) for row in on_record] == [("token confirm", "old"), ("token narrow", "old")]


def test_token_is_never_widened(run: Command) -> None:
    assert run(*ADD).exit_code == 0
    for wider in (("--all-departments",), ("--department", "belastingen")):
        refused = run("token", "narrow", "desk", *wider)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr == "desk has not all of that: make a new token for more\n"
    assert run("token", "narrow", "nobody", "--all-departments").exit_code == 1
    assert run("token", "narrow", "desk", "--department", "x").exit_code == 2
    assert run("token", "revoke", "desk").exit_code == 0
    assert run("token", "narrow", "desk", "--department", "burgerzaken").exit_code == 1


def test_token_that_was_changed_by_hand_is_marked_in_the_list(run: Command, fresh: str) -> None:
    assert run(*ADD).exit_code == 0
    on(fresh, lambda pool: pool.execute("update access.token set roles = '{read,send,kcc}'"))
    assert UNCONFIRMED in run("token", "list").stdout
    assert not json.loads(run("token", "list", "--json").stdout)[0]["isConfirmed"]
    refused = run("token", "confirm", "desk")
    assert (refused.exit_code, refused.stderr.strip()) == (1, f"desk {BENT}")
    on(fresh, lambda pool: pool.execute(NO_TIMES))
    assert "until 9999-12-31" in run("token", "list").stdout
    assert run("token", "revoke", "desk").exit_code == 0


NO_TIMES = "update access.token set expires_at = '20000-01-01', created_at = '0044-03-15 BC'"
