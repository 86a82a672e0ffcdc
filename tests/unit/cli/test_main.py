"""The operator's command line: what it says, and with which exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli.command_line import SETTINGS, TOML, postkamer


def explained(*arguments: object, config: Path) -> Any:
    done = postkamer(
        "route", "explain", *arguments, "--json", env={"POSTKAMER_CONFIG": str(config)}
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_text_is_explained_for_a_person_and_for_a_program(file: Path) -> None:
    answer = explained("Waar laat ik mijn GROF VUIL?", config=file)
    assert len(answer.pop("version")) == 12
    assert [timer["kind"] for timer in answer.pop("timers")] == ["idle", "window"]
    assert answer == {
        "department": "groen",
        "name": "Openbare ruimte",
        "rule": "afval",
        "reason": '"grof vuil" staat erin (regel afval)',
        "tried": ["afval"],
        "steps": [{"rule": "afval", "outcome": "past", "matched": '"grof vuil" staat erin'}],
        "careSteps": [],
        "language": "nl",
    }
    env = {"POSTKAMER_CONFIG": str(file)}
    done = postkamer("route", "explain", "grof vuil", env=env)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        'Openbare ruimte (groen): "grof vuil" staat erin (regel afval)',
        '  past       afval: "grof vuil" staat erin',
    ]


def test_without_a_match_the_fallback_of_the_number_is_named(file: Path) -> None:
    answer = explained("hallo", config=file)
    assert (answer["department"], answer["rule"], answer["tried"]) == ("kcc", None, ["afval"])
    borne = explained("grof vuil", "--number", "20000001", config=file)
    assert (borne["department"], borne["rule"], borne["tried"]) == ("kcc", None, [])


@pytest.mark.slow
def test_without_a_configuration_the_shipped_example_is_asked(file: Path) -> None:
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
def test_misuse_is_said_with_exit_code_2(
    file: Path, arguments: list[str], code: int, words: str
) -> None:
    done = postkamer("route", "explain", *arguments, env={"POSTKAMER_CONFIG": str(file)})
    assert done.exit_code == code
    assert words in done.stderr


def test_a_wrong_configuration_is_refused_with_exit_code_1(file: Path) -> None:
    file.write_text(TOML.replace('fallback = "kcc"', 'fallback = "x"', 1))
    done = postkamer("route", "explain", "x", env={"POSTKAMER_CONFIG": str(file)})
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"{file}:10: numbers.0.fallback: 'almelo' has no department 'x'\n"


def test_a_wrong_pattern_is_named_in_an_explanation_as_in_the_check(file: Path) -> None:
    file.write_text(TOML.replace('words = ["afval", "grof vuil"]', 'pattern = "a(b"'))
    env = {"POSTKAMER_CONFIG": str(file)}
    done = postkamer("route", "explain", "x", env=env)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{file}:37: rules.0.pattern: It is no pattern that takes linear")
    assert f"fault: {done.stderr}" in postkamer("check", env=SETTINGS | env).stdout


def test_a_token_without_a_municipality_is_a_fault_where_there_are_several(file: Path) -> None:
    tokens = {"POSTKAMER_API_TOKENS": "crm:hunter2"}
    env = SETTINGS | tokens | {"POSTKAMER_CONFIG": str(file)}
    said = "POSTKAMER_API_TOKENS: crm needs its municipality, as in crm@almelo:token"
    done = postkamer("check", env=env)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == f"fault: {said}"
    for service in ("gateway", "archiver"):
        stopped = postkamer(service, env=env)
        assert (stopped.exit_code, stopped.stderr) == (1, said + "\n")


@pytest.mark.parametrize("service", ["gateway", "router", "deliverer", "archiver"])
def test_a_service_with_wrong_settings_does_not_start_and_names_all_of_them(
    file: Path, service: str
) -> None:
    done = postkamer(service)
    assert done.exit_code == 1
    assert "POSTKAMER_CONFIG: is missing" in done.stderr
    assert "POSTKAMER_AMQP_URL: is missing" in done.stderr
    assert "Traceback" not in done.output


def test_a_deliverer_without_the_secret_of_a_destination_does_not_start(file: Path) -> None:
    env = SETTINGS | {"POSTKAMER_CONFIG": str(file), "CRM_SECRET": ""}
    done = postkamer("deliverer", env=env)
    assert (done.exit_code, done.stderr) == (1, "CRM_SECRET (destination crm): is missing\n")


@pytest.mark.parametrize("command", [["migrate"], ["topology", "declare"]])
def test_what_needs_a_server_says_which_setting_is_missing(file: Path, command: list[str]) -> None:
    done = postkamer(*command)
    assert done.exit_code == 1
    assert done.stderr.endswith("_URL: is missing\n")


def test_the_topology_is_shown_and_can_be_imported(file: Path) -> None:
    done = postkamer("topology", "show", "--config", file)
    assert done.exit_code == 0
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == [
        "router.partition.0",
        "router.partition.1",
        "deliverer.destination.crm",
        "archiver.records",
    ]
    rows = json.loads(postkamer("topology", "show", "--config", file, "--json").stdout)
    assert len(rows) == 4
    document = json.loads(postkamer("topology", "definitions", "--config", file).stdout)
    assert (len(document["queues"]), document["users"]) == (4, [])
