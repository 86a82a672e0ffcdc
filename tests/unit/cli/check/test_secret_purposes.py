"""A secret that has another purpose too is a fault, and no sentence shows it."""

from pathlib import Path

import pytest

from tests.support.cli.command_line import SETTINGS, TOML, postkamer

SECRET = 'secret = "env:CRM_SECRET"'
ITSELF = 'secret = "{}"'
BSP = """
provider = "360dialog"
secrets = ["env:BSP"]
access_token = "env:{}"
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


def faults_of(file: Path, toml: str = TOML, **env: str) -> list[str]:
    """Faults of an installation, without the word before each."""
    file.write_text(toml)
    done = postkamer("check", env=SETTINGS | env | {"POSTKAMER_CONFIG": str(file)})
    *lines, total = done.stdout.splitlines()
    assert (done.exit_code == 1) == (not total.startswith("0 faults"))
    assert SETTINGS["POSTKAMER_ARCHIVE_KEY"] not in done.stdout
    return [line.removeprefix("fault: ") for line in lines if line.startswith("fault: ")]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("WORKING_KEY", "ARCHIVE_KEY"),
        ("META_APP_SECRETS", "ARCHIVE_KEY"),
        ("META_VERIFY_TOKEN", "META_APP_SECRETS"),
        ("META_ACCESS_TOKEN", "META_VERIFY_TOKEN"),
        ("API_TOKENS", "META_ACCESS_TOKEN"),
    ],
)
def test_setting_with_the_value_of_another_purpose_is_a_fault(
    file: Path, name: str, other: str
) -> None:
    shared = SETTINGS[f"POSTKAMER_{other}"]
    if name == "API_TOKENS":
        shared = f"crm@almelo/*:{shared}"
    faults = faults_of(file, **{f"POSTKAMER_{name}": shared})
    expected = f"POSTKAMER_{name}: has the value of POSTKAMER_{other}: each purpose needs its own"
    assert faults == [expected]


def test_earlier_key_that_is_the_key_of_another_purpose_is_a_fault(file: Path) -> None:
    keys = f"{SETTINGS['POSTKAMER_WORKING_KEY']},{SETTINGS['POSTKAMER_ARCHIVE_KEY']}"
    [fault] = faults_of(file, POSTKAMER_WORKING_KEY=keys)
    assert fault.startswith("POSTKAMER_WORKING_KEY: has the value of POSTKAMER_ARCHIVE_KEY")


@pytest.mark.parametrize("end", ["", "_FILE"])
def test_destination_that_names_a_setting_of_postkamer_is_a_fault(file: Path, end: str) -> None:
    named = SECRET.replace("CRM_SECRET", f"POSTKAMER_ARCHIVE_KEY{end}")
    values = {f"POSTKAMER_ARCHIVE_KEY{end}": SETTINGS["POSTKAMER_ARCHIVE_KEY"]} if not end else {}
    found = faults_of(file, TOML.replace(SECRET, named), **values)
    [fault] = [each for each in found if "name a variable" in each]
    place = f"{file}:34: destination crm: secret: "
    assert fault == (
        f"{place}POSTKAMER_ARCHIVE_KEY{end} is the key of the archive: name a variable of its own"
    )


def test_name_of_another_purpose_is_a_fault_without_the_environment(file: Path) -> None:
    file.write_text(TOML.replace("env:CRM_SECRET", "env:POSTKAMER_META_APP_SECRETS"))
    done = postkamer("check", "--config", file)
    assert done.exit_code == 1 and "is a secret of webhooks" in done.stdout


def test_key_of_the_object_store_is_no_secret_of_a_destination(file: Path) -> None:
    named = TOML.replace("env:CRM_SECRET", "env:AWS_SECRET_ACCESS_KEY")
    found = faults_of(file, named, AWS_SECRET_ACCESS_KEY="of the bucket")
    is_named = "AWS_SECRET_ACCESS_KEY is a key of the object store: name a variable of its own"
    assert [fault.partition("secret: ")[2] for fault in found] == [is_named]
    [fault] = faults_of(file, AWS_SECRET_ACCESS_KEY="equal", CRM_SECRET="equal")
    assert "CRM_SECRET (destination crm): has the value of AWS_SECRET_ACCESS_KEY" in fault


def test_destination_with_the_value_of_a_key_is_a_fault(file: Path) -> None:
    key = SETTINGS["POSTKAMER_ARCHIVE_KEY"]
    [fault] = faults_of(file, CRM_SECRET=key)
    assert fault == (
        "CRM_SECRET (destination crm): has the value of POSTKAMER_ARCHIVE_KEY:"
        " each purpose needs its own"
    )
    [fault] = faults_of(file, TOML.replace(SECRET, ITSELF.format(key)), POSTKAMER_BIND=key)
    assert fault.startswith("secret (destination crm): has the value of POSTKAMER_ARCHIVE_KEY")


def test_variable_with_two_purposes_in_the_configuration_is_a_fault(file: Path) -> None:
    number = 'id = "10000001"'
    assert number in TOML
    shared = TOML.replace(number, number + BSP.format("CRM_SECRET"), 1)
    [fault] = faults_of(file, shared, BSP="of the provider")
    assert "destination crm: secret: CRM_SECRET is an access token" in fault
    own = TOML.replace(number, number + BSP.format("POSTKAMER_META_ACCESS_TOKEN"), 1)
    assert faults_of(file, own, BSP="of the provider") == []


def test_settings_of_one_purpose_may_be_equal(file: Path) -> None:
    assert faults_of(file, POSTKAMER_API_TOKEN="d") == []
