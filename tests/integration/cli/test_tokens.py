"""`postkamer token` as its own process would run it, on a real PostgreSQL."""

import asyncio
import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from services.postgres.migrations import migrate
from tests.integration.conftest import all_migrations
from tests.support.installation import EXAMPLE

Command = Callable[..., Result]
ADD = ("--tenant", "almelo", "--role", "send", "--role", "read")


@pytest.fixture
def token(empty: str) -> Command:
    asyncio.run(migrate(empty, all_migrations()))
    env = {"POSTKAMER_CONFIG": str(EXAMPLE), "POSTKAMER_DATABASE_URL": empty}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["token", *arguments], env=env)

    return run


def test_a_token_is_shown_once_and_its_hash_never(token: Command) -> None:
    more = ("--department", "burgerzaken", "--people", "--expires", "2099-01-01T00:00:00+01:00")
    done = token("add", "desk", *ADD, *more, "--per-second", "5", "--burst", "7", "--json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made["token"].startswith("pk_")
    shown = token("list", "--json")
    (row,) = json.loads(shown.stdout)
    assert made["token"] not in shown.stdout
    assert row.pop("createdAt")
    assert row == {
        "name": "desk",
        "tenant": "almelo",
        "roles": ["read", "send"],
        "departments": ["burgerzaken"],
        "people": True,
        "perSecond": 5,
        "burst": 7,
        "expiresAt": "2098-12-31T23:00:00Z",
        "revokedAt": None,
        "note": "",
    }
    assert token("list").stdout == (
        "desk of almelo: read, send; burgerzaken; 5/s, 7 at once; people; until 2098-12-31 23:00Z\n"
    )


def test_a_name_is_never_given_out_again(token: Command) -> None:
    assert token("add", "desk", *ADD).exit_code == 0
    assert token("add", "desk", *ADD).exit_code == 1
    assert token("revoke", "desk").exit_code == 0
    again = token("add", "desk", *ADD)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "take another" in again.stderr


def test_revoking_twice_tells_of_the_first_time_and_of_none_is_refused(token: Command) -> None:
    token("add", "desk", *ADD)
    first = json.loads(token("revoke", "desk", "--json").stdout)
    assert first == json.loads(token("revoke", "desk", "--json").stdout)
    assert "revoked" in token("list").stdout
    none = token("revoke", "nobody")
    assert (none.exit_code, none.stderr) == (1, "there is no token 'nobody'\n")
