"""What `postkamer check` finds: every fault at once, and what is doubtful."""

import json
from pathlib import Path

import pytest

from cli.main import EXAMPLE
from tests.unit.cli.calls import SETTINGS, TOML, postkamer


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
