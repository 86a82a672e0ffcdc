"""Exit codes, and errors as JSON."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from socket import gaierror

import asyncpg
import pytest

from cli.main import HEADINGS, main
from cli.support.database import describe_failure
from tests.support.cli.command_line import postkamer
from tests.support.cli.command_tree import walk_commands
from tests.support.installation import ROOT

WITH_JSON = [
    path
    for path, command in walk_commands(main)
    if any("--json" in parameter.opts for parameter in command.params)
]
EXITS = {
    "archive": ("", "archive checkpoint", "archive views"),
    "backup": ("", "", "backup check --days 0"),
    "care": ("", "care confirm 10000001-a2a2a2a2a2a2a2a2a2a2a2a2a2", "care confirm x"),
    "check": ("check --config good.toml", "check --config wrong.toml", "check x"),
    "costs": ("", "costs", "costs --month x"),
    "destination": ("", "destination list --config good.toml", "destination list"),
    "figures": (
        "",
        "figures register --month 2026-11 --out x --tenant almelo --config good.toml",
        "figures open-data --month 2026-11 --out x --config good.toml",
    ),
    "files": ("", "files list", "files list --state x"),
    "guests": ("", "guests list", "guests add"),
    "migrate": ("", "migrate", "migrate x"),
    "notice": ("", "notice clear", "notice set x"),
    "number": ("", "number list", "number state x"),
    "parked": ("", "parked list", "parked drop --reason x"),
    "quarantine": ("", "quarantine list", "quarantine again"),
    "route": (
        "route explain hallo --config good.toml",
        "route explain hallo --config wrong.toml",
        "route explain",
    ),
    "rules": ("", "rules list", "rules show"),
    "sends": (
        "",
        "sends list",
        "sends settle x 019ac5d2-7f00-7000-8000-0000000000a1 --saw sent --reason x --by x",
    ),
    "silence": ("", "silence show", "silence simulate --per-day 0"),
    "status": ("", "", "status x"),
    "balance": ("", "balance", "balance x"),
    "tenant": ("", "tenant stop almelo --config good.toml", "tenant stop"),
    "token": ("", "token list", "token add"),
    "trace": (
        "",
        "trace 019ac5d2-7f00-7000-8000-0000000000a1 --reason x",
        "trace 019ac5d2-7f00-7000-8000-0000000000a1",
    ),
    "topology": (
        "topology show --config good.toml",
        "topology show --config wrong.toml",
        "topology show x",
    ),
}
"""Group -> commands that are done, refused and misused, without any setting."""


TYPED = [(code, line) for lines in EXITS.values() for code, line in enumerate(lines) if line]
REAL = ("--version", "token list --json", "token add --json")


SETTLE = (
    *("sends", "settle", "106540352242922-a3n7cqk2w5o4xjtz6bdl3fyvue"),
    *("019ac5d2-7f00-7000-8000-0000000000a1", "--saw", "sent", "--by", "s.jansen"),
)


@pytest.fixture
def folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with a good and a wrong configuration."""
    (file.parent / "good.toml").write_text(file.read_text())
    (file.parent / "wrong.toml").write_text(file.read_text().replace('"kcc"', '"x"', 1))
    monkeypatch.chdir(file.parent)
    return file.parent


@pytest.mark.parametrize(("code", "line"), TYPED)
def test_command_ends_with_the_documented_exit_code(folder: Path, code: int, line: str) -> None:
    done = postkamer(*shlex.split(line))
    assert done.exit_code == code, done.output
    assert bool(done.stderr) == (code > 0 and not line.startswith("check --config"))


@pytest.mark.parametrize("line", ["archive verify", "backup check"])
def test_check_that_could_not_look_has_found_nothing_wrong(folder: Path, line: str) -> None:
    done = postkamer(*line.split(), "--json")
    assert (done.exit_code, done.stdout) == (3, "")
    assert json.loads(done.stderr)["error"]["exit"] == 3


@pytest.mark.slow
def test_program_ends_with_the_exit_code_of_its_command(folder: Path) -> None:
    for code, line in enumerate(REAL):
        command = [sys.executable, "-m", "cli.main", *line.split()]
        ended = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True)
        assert ended.returncode == code
        assert code == 0 or json.loads(ended.stderr)["error"]["exit"] == code


def test_each_group_has_its_exit_codes_in_the_table() -> None:
    assert EXITS.keys() == main.places.keys() - set(HEADINGS["Services"])


@pytest.mark.parametrize("path", WITH_JSON)
def test_misuse_with_json_is_one_json_object_on_stderr(path: str) -> None:
    done = postkamer(*path.split(), "--json", "--nonsense")
    assert (done.exit_code, done.stdout) == (2, "")
    error = json.loads(done.stderr)["error"]
    assert (error["exit"], error["message"][:28]) == (2, "No such option '--nonsense'.")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("token", "list", "--json"), 1, "POSTKAMER_DATABASE_URL: is missing"),
        (("costs", "--json", "--csv"), 2, "--json or --csv, not both"),
        (("rules", "diff", "--json"), 2, "Missing argument 'ONE'."),
        (("nothing", "--json"), 2, "No such command 'nothing'."),
        (("route", "explain", "x", "--number", "999", "--json"), 2, "--number: 999 is not in the"),
        ((*SETTLE, "--reason", "a\nb", "--json"), 2, "--reason: expected one line of 1 to 500"),
        ((*SETTLE, "--reason", "a" * 501, "--json"), 2, "--reason: expected one line of 1 to 500"),
        (("archive", "subject", "--reason", "x", "--json"), 2, "--out: say where it goes: a file"),
    ],
)
def test_refusal_with_json_is_one_json_object_on_stderr(
    file: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = postkamer(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    error = json.loads(done.stderr)["error"]
    assert error["exit"] == code and error["message"].startswith(message)


def test_json_after_a_double_dash_is_a_word(file: Path) -> None:
    done = postkamer("route", "explain", "--number", "999", "--", "--json")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == "--number: 999 is not in the configuration"


@pytest.mark.parametrize(
    "command",
    [
        "archive views --token x",
        "archive processing",
        "parked list",
        "parked drop --reason x",
        "quarantine list",
        "route replay",
    ],
)
def test_period_that_ends_before_it_begins_is_misuse(file: Path, command: str) -> None:
    period = ("--since", "2027-01-01", "--until", "2026-01-01")
    done = postkamer(*command.split(), *period, env={"POSTKAMER_CONFIG": str(file)})
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "--until: expected a time after --since\n"


AWAY = "the database at db:5432 does not answer"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionRefusedError(111, "x"), f"{AWAY}: Connection refused"),
        (ConnectionResetError(), f"{AWAY}: the connection was lost"),
        (gaierror(-2, "x"), f"{AWAY}: no such name"),
        (TimeoutError(), f"{AWAY}: time is up"),
        (asyncpg.LockNotAvailableError("it is locked"), "it is locked"),
        (asyncpg.UndefinedTableError(""), "UndefinedTableError"),
        (FileNotFoundError(2, "No such file"), "[Errno 2] No such file"),
    ],
)
def test_failure_of_the_database_is_a_sentence(error: Exception, sentence: str) -> None:
    assert describe_failure(error, "db:5432") == sentence
