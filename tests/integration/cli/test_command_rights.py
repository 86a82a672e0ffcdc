"""A command that needs the owner of the database is refused to every service's login, and shows
nothing."""

import shlex
from pathlib import Path

import pytest

from cli.examples import EXAMPLES
from deploy.local.postgresql import Database
from tests.support.cli.command_line import SETTINGS, postkamer
from tests.support.cli.command_matrix import COMMANDS, SERVICES
from tests.support.installation import EXAMPLE

DENIED = "permission denied for "


@pytest.mark.parametrize("service", SERVICES)
def test_login_of_a_service_runs_only_the_commands_of_the_matrix(
    server: Database, fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.chdir(tmp_path)
    server.execute(f"alter role postkamer_{service} login password 'x'", "postgres")
    url = server.url_for(f"postkamer_{service}", "x", fresh.rpartition("/")[2])
    settings = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(EXAMPLE)}
    env = SETTINGS | settings | {"POSTKAMER_OBJECT_STORE": tmp_path.as_uri()}
    wrong = {}
    for command, need in COMMANDS.items():
        if need.kind != "database":
            continue
        line = EXAMPLES[command].partition(" >")[0].replace("new/postkamer.toml", str(EXAMPLE))
        done = postkamer(*shlex.split(line), env=env, stdin="+31600000011")
        refused = (
            3 if command in ("archive verify", "backup check") else 1
        )  # its 1: it found something wrong
        is_denied = DENIED in done.stderr and (done.exit_code, done.stdout) == (refused, "")
        if is_denied == (service in need.logins):
            wrong[command] = done.output
    assert wrong == {}
