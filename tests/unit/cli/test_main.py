"""Commands are imported when they run; their output and exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from cli.archive.group import group as archive
from cli.main import main, route
from cli.support.lazy_group import LazyGroup
from tests.support.cli.command_line import SETTINGS, TOML, postkamer

HEAVY = {"pydantic", "asyncpg", "aio_pika", "aiohttp", "structlog", "services.config", "router"}


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group in (main, route, archive) for name in group.places]
)
def test_command_is_where_the_table_says(group: LazyGroup, name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None and command.name == name
    assert command.help and command.help[0].isupper()
    assert group.get_command(click.Context(group), "nothing") is None


def test_command_line_alone_imports_nothing_that_takes_long() -> None:
    code = "import sys, cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cli.main" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())


def explain(*arguments: object, config: Path) -> Any:
    env = {"POSTKAMER_CONFIG": str(config)}
    done = postkamer("route", "explain", *arguments, "--json", env=env)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_route_explain_prints_json_or_lines(file: Path) -> None:
    answer = explain("Waar laat ik mijn GROF VUIL?", config=file)
    assert len(answer.pop("version")) == 12
    assert answer.pop("weakSigns")["score"] < 0.5
    assert [timer["kind"] for timer in answer.pop("timers")] == ["idle", "window"]
    assert answer == {
        "department": "groen",
        "name": "Openbare ruimte",
        "rule": "afval",
        "reason": '"GROF VUIL" staat erin (regel afval)',
        "tried": ["afval"],
        "steps": [{"rule": "afval", "outcome": "past", "matched": '"GROF VUIL" staat erin'}],
        "careSteps": [],
        "language": "nl",
    }
    done = postkamer("route", "explain", "grof vuil", env={"POSTKAMER_CONFIG": str(file)})
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            'Openbare ruimte (groen): "grof vuil" staat erin (regel afval)',
            '  past       afval: "grof vuil" staat erin',
        ],
    )


def test_route_explain_names_the_fallback_of_the_number_without_a_match(file: Path) -> None:
    for arguments, tried in ((["hallo"], ["afval"]), (["grof vuil", "--number", "20000001"], [])):
        answer = explain(*arguments, config=file)
        assert [answer[name] for name in ("department", "rule", "tried")] == ["kcc", None, tried]


@pytest.mark.slow
def test_route_explain_uses_the_shipped_example_without_a_configuration(file: Path) -> None:
    done = postkamer("route", "explain", "mijn paspoort is verlopen", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["department"] == "burgerzaken"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["x", "--number", "999"], 2, "--number: 999 is not in the configuration"),
        (["x", "--at", "morgen"], 2, "'--at': expected a time"),
        (["x", "--at", "2026-11-25T10:00:00+01:00"], 0, ""),
        (["x", "--nonsense"], 2, "No such option"),
        ([], 2, "Missing argument"),
    ],
)
def test_misuse_of_route_explain_has_exit_code_2(
    file: Path, arguments: list[str], code: int, words: str
) -> None:
    done = postkamer("route", "explain", *arguments, env={"POSTKAMER_CONFIG": str(file)})
    assert done.exit_code == code
    assert words in done.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        (
            'fallback = "kcc"',
            'fallback = "x"',
            "10: number 10000001: fallback: 'almelo' has no department",
        ),
        ('words = ["afval", "grof vuil"]', 'pattern = "a(b"', "37: rule afval: pattern: It is no"),
        (
            'words = ["afval", "grof vuil"]',
            'words = ["*"]',
            "37: rule afval: words.0: '*': There is no",
        ),
    ],
)
def test_route_explain_refuses_a_wrong_configuration_as_check_does(
    file: Path, right: str, wrong: str, fault: str
) -> None:
    file.write_text(TOML.replace(right, wrong, 1))
    env = {"POSTKAMER_CONFIG": str(file)}
    done = postkamer("route", "explain", "x", env=env)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{file}:{fault}")
    assert f"fout: {done.stderr}" in postkamer("check", env=SETTINGS | env).stdout


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that starts finds no database, and goes by its files."""

    async def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("services.second_person.start._find_in_force", refuse)


@pytest.mark.usefixtures("no_database")
def test_token_without_a_municipality_is_a_fault_if_there_are_several(file: Path) -> None:
    env = SETTINGS | {"POSTKAMER_API_TOKENS": "crm:hunter2", "POSTKAMER_CONFIG": str(file)}
    fault = "POSTKAMER_API_TOKENS: crm needs its municipality, as in crm@almelo:token"
    done = postkamer("check", env=env)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (1, f"fout: {fault}")
    for service in ("gateway", "archiver"):
        done = postkamer(service, env=env)
        assert (done.exit_code, done.stderr) == (1, fault + "\n")


@pytest.mark.parametrize("service", ["gateway", "router", "deliverer", "archiver"])
def test_service_with_missing_settings_names_all_of_them(file: Path, service: str) -> None:
    done = postkamer(service)
    assert done.exit_code == 1
    assert "POSTKAMER_CONFIG: is missing" in done.stderr
    assert "POSTKAMER_AMQP_URL: is missing" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("no_database")
def test_deliverer_without_the_secret_of_a_destination_does_not_start(file: Path) -> None:
    env = SETTINGS | {"POSTKAMER_CONFIG": str(file), "CRM_SECRET": ""}
    done = postkamer("deliverer", env=env)
    assert (done.exit_code, done.stderr) == (1, "CRM_SECRET (destination crm): is missing\n")


@pytest.mark.parametrize("command", [["migrate"], ["topology", "declare"]])
def test_command_for_a_server_names_the_missing_setting(file: Path, command: list[str]) -> None:
    done = postkamer(*command)
    assert done.exit_code == 1
    assert done.stderr.endswith("_URL: is missing\n")


def test_topology_is_printed_as_lines_as_json_and_as_definitions(file: Path) -> None:
    done = postkamer("topology", "show", "--config", file)
    assert done.exit_code == 0
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == [
        "router.partition.0",
        "router.partition.1",
        "deliverer.destination.crm",
        "archiver.records",
    ]
    assert len(json.loads(postkamer("topology", "show", "--config", file, "--json").stdout)) == 4
    document = json.loads(postkamer("topology", "definitions", "--config", file).stdout)
    assert (len(document["queues"]), document["users"]) == (4, [])
