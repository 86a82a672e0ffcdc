"""`postkamer token` on a real PostgreSQL."""

import json

import pytest

from tests.support.integration.parked_deliveries import Command, commands

ADD = ("token", "add", "desk", "--tenant", "almelo", "--role", "send", "--role", "read")


@pytest.fixture
def run(fresh: str) -> Command:
    return commands(fresh)


def test_token_is_shown_once_and_its_hash_never(run: Command) -> None:
    more = ("--department", "burgerzaken", "--people", "--until", "2099-01-01T00:00:00+01:00")
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
        "people": True,
        "test": False,
        "perSecond": 5,
        "burst": 7,
        "expiresAt": "2098-12-31T23:00:00Z",
        "revokedAt": None,
        "note": "",
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
