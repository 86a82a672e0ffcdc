"""The operator's command line: what it says, and with which exit code."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import EXAMPLE, main

TOML = """\
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
[[tenants]]
id = "borne"
name = "Gemeente Borne"
[[numbers]]
id = "10000001"
tenant = "almelo"
fallback = "kcc"
[[numbers]]
id = "20000001"
tenant = "borne"
fallback = "kcc"
[[departments]]
id = "kcc"
tenant = "almelo"
name = "Klantcontact"
destination = "crm"
[[departments]]
id = "groen"
tenant = "almelo"
name = "Openbare ruimte"
destination = "crm"
[[departments]]
id = "kcc"
tenant = "borne"
name = "Klantcontact"
destination = "crm"
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example/events"
secret = "env:CRM_SECRET"
[[rules]]
id = "afval"
words = ["afval", "grof vuil"]
department = "groen"
"""
SETTINGS = {
    "POSTKAMER_AMQP_URL": "amqp://localhost",
    "POSTKAMER_DATABASE_URL": "postgresql://localhost",
    "POSTKAMER_META_APP_SECRETS": "a",
    "POSTKAMER_META_VERIFY_TOKEN": "b",
    "POSTKAMER_META_ACCESS_TOKEN": "c",
    "POSTKAMER_META_GRAPH_URL": "https://graph.facebook.com/v26.0",
    "POSTKAMER_API_TOKENS": "crm@almelo:d",
    "POSTKAMER_ARCHIVE_KEY": base64.b64encode(bytes(32)).decode(),
    "POSTKAMER_OBJECT_STORE": "file:///var/lib/postkamer",
    "CRM_SECRET": "e",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration, and an environment that says nothing of ours."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("POSTKAMER_CONFIG", raising=False)
    path = tmp_path / "postkamer.toml"
    path.write_text(TOML)
    return path


def postkamer(*arguments: object, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=env)


def explained(*arguments: object, config: Path) -> Any:
    done = postkamer(
        "route", "explain", *arguments, "--json", env={"POSTKAMER_CONFIG": str(config)}
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_text_is_explained_for_a_person_and_for_a_program(file: Path) -> None:
    answer = explained("Waar laat ik mijn GROF VUIL?", config=file)
    assert answer == {
        "department": "groen",
        "name": "Openbare ruimte",
        "rule": "afval",
        "reason": '"grof vuil" staat in regel afval',
        "tried": ["afval"],
    }
    env = {"POSTKAMER_CONFIG": str(file)}
    done = postkamer("route", "explain", "grof vuil", env=env)
    assert done.exit_code == 0
    assert done.stdout == (
        'Openbare ruimte (groen): "grof vuil" staat in regel afval\nregels bekeken: afval\n'
    )


def test_without_a_match_the_fallback_of_the_number_is_named(file: Path) -> None:
    answer = explained("hallo", config=file)
    assert (answer["department"], answer["rule"], answer["tried"]) == ("kcc", None, ["afval"])
    borne = explained("grof vuil", "--number", "20000001", config=file)
    assert (borne["department"], borne["rule"], borne["tried"]) == ("kcc", None, [])


def test_without_a_configuration_the_shipped_example_is_asked(file: Path) -> None:
    done = postkamer("route", "explain", "mijn paspoort is verlopen", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["department"] == "burgerzaken"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["x", "--number", "999"], 2, "--number: 999 is not in the configuration"),
        (["x", "--at", "morgen"], 2, "--at: expected a time"),
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


def test_a_good_installation_passes_the_check(file: Path) -> None:
    done = postkamer("check", env=SETTINGS | {"POSTKAMER_CONFIG": str(file)})
    assert (done.exit_code, done.output) == (0, "0 faults, 0 warnings\n")
    done = postkamer("check", "--config", file)
    assert (done.exit_code, done.output) == (0, "0 faults, 0 warnings\n")


def test_the_shipped_example_is_good() -> None:
    done = postkamer("check", "--config", EXAMPLE)
    assert (done.exit_code, done.output) == (0, "0 faults, 0 warnings\n")


def test_every_fault_of_file_secrets_and_settings_is_told_at_once(file: Path) -> None:
    env = {"POSTKAMER_CONFIG": str(file), "POSTKAMER_ARCHIVE_KEY": "hunter2"}
    done = postkamer("check", "--json", env=env)
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["warnings"] == []
    assert found["faults"] == [
        "CRM_SECRET (destination crm): is missing",
        "POSTKAMER_AMQP_URL: is missing",
        "POSTKAMER_API_TOKENS: is missing",
        "POSTKAMER_ARCHIVE_KEY: expected 32 bytes in base64",
        "POSTKAMER_DATABASE_URL: is missing",
        "POSTKAMER_META_ACCESS_TOKEN: is missing",
        "POSTKAMER_META_APP_SECRETS: is missing",
        "POSTKAMER_META_GRAPH_URL: is missing",
        "POSTKAMER_META_VERIFY_TOKEN: is missing",
        "POSTKAMER_OBJECT_STORE: is missing",
    ]
    broken = TOML.replace('destination = "crm"', 'destination = "x"').replace("https", "ftp")
    file.write_text(broken)
    done = postkamer("check", env=env)
    assert done.exit_code == 1
    assert f"fault: {file}:33: destinations.0.url: " in done.stdout
    assert "POSTKAMER_AMQP_URL: is missing" in done.stdout
    assert f"fault: {file}:19: departments.0.destination: there is no destination" in done.stdout
    assert "fault: CRM_SECRET (destination crm): is missing" in done.stdout
    assert done.stdout.endswith("14 faults, 0 warnings\n")


def test_of_a_file_that_was_only_asked_about_no_secret_is_looked_for(file: Path) -> None:
    file.write_text(TOML.replace("https", "ftp"))
    done = postkamer("check", "--config", file)
    assert done.stdout.endswith("1 faults, 0 warnings\n")
    file.write_text(TOML.replace("env:CRM_SECRET", "env:"))
    done = postkamer("check", env=SETTINGS | {"POSTKAMER_CONFIG": str(file)})
    assert done.stdout.endswith("1 faults, 0 warnings\n")
    assert f"{file}:34: destinations.0.secret: " in done.stdout


RULE = '[[rules]]\nid = "{id}"\nwords = [{words}]\ndepartment = "{department}"\n'


def rule(id: str, words: str, department: str = "kcc", tenant: str = "") -> str:
    made = RULE.format(id=id, words=words, department=department)
    return made + f'tenant = "{tenant}"\n' * bool(tenant)


@pytest.mark.parametrize(
    ("more", "warnings"),
    [
        (rule("b", '"afval"'), []),  # Borne has no groen, so there it does
        (rule("b", '"Áfval"', "groen"), ["rule b: 'Áfval' never decides, rule afval has it too"]),
        (rule("b", '"afval"', tenant="borne"), []),
        (
            rule("b", '"afval"', tenant="almelo"),
            ["rule b: 'afval' never decides, rule afval has it too"],
        ),
        (rule("b", '"boom"', tenant="almelo") + rule("c", '"boom"'), []),
        (
            rule("b", '"boom"', tenant="almelo")
            + rule("c", '"boom"', tenant="borne")
            + rule("d", '"boom"'),
            ["rule d: 'boom' never decides, rule b has it too"],
        ),
        (
            rule("b", '"heel grof vuil", "vuil"', "groen"),
            ["rule b: 'heel grof vuil' never decides, rule afval has it too"],
        ),
        (
            '[[departments]]\nid = "groen"\ntenant = "borne"\nname = "Groen"\ndestination = "crm"\n'
            + rule("b", '"boom"', "groen", "almelo"),
            [],
        ),
        (
            '[[departments]]\nid = "sport"\ntenant = "borne"\nname = "S"\ndestination = "crm"\n',
            ["department sport of borne: no rule and no number leads to it"],
        ),
        (
            '[[destinations]]\nid = "x"\nkind = "cloudevents"\nurl = "http://crm.example/"\n',
            ["destination x: its url is not https"],
        ),
        (
            '[[destinations]]\nid = "x"\nkind = "cloudevents"\nurl = "http://[::1]:8090/"\n',
            [],
        ),
    ],
)
def test_what_is_doubtful_is_a_warning_and_no_fault(
    file: Path, more: str, warnings: list[str]
) -> None:
    file.write_text(TOML + more)
    done = postkamer("check", "--config", file, "--json")
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["warnings"] == [f"{file}: {warning}" for warning in warnings]
    assert done.exit_code == 0


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
