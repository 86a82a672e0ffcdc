"""What `postkamer check` finds of the certificates and tokens of destinations."""

from datetime import timedelta
from pathlib import Path

import pytest

from cli.check.check import check
from services import clock
from tests.support.cli.command_line import SETTINGS, TOML, postkamer
from tests.support.test_ca import Authority

SECRET = 'secret = "env:CRM_SECRET"\n'
OAUTH = """\
[destinations.oauth]
token_url = "http://id.example/token"
client_id = "postkamer"
client_secret = "env:CRM_OAUTH"
"""


def write(file: Path, own: str) -> dict[str, str]:
    file.write_text(TOML.replace(SECRET, SECRET + own))
    return SETTINGS | {"POSTKAMER_CONFIG": str(file)}


def test_files_and_secrets_that_are_missing_are_told_at_once_with_file_and_line(file: Path) -> None:
    own = 'client_certificate = "crm.pem"\nclient_key = "env:CRM_KEY"\n'
    env = write(file, own + OAUTH)
    done = postkamer("check", env=env)
    assert done.output.splitlines() == [
        "fault: CRM_OAUTH: is missing (client_secret of destination crm)",
        f"fault: {file}:36: destinations.0.client_key: CRM_KEY is missing",
        f"warning: {file}:38: destination crm: its token_url is not https",
        "2 faults, 1 warning",
    ]
    done = postkamer("check", env=env | {"CRM_OAUTH": "x", "CRM_KEY": "crm.key"})
    missing = "cannot be read: No such file or directory"
    assert done.output.splitlines() == [
        f"fault: {file}:35: destinations.0.client_certificate: {file.parent}/crm.pem {missing}",
        f"fault: {file}:36: destinations.0.client_key: {file.parent}/crm.key {missing}",
        f"warning: {file}:38: destination crm: its token_url is not https",
        "2 faults, 1 warning",
    ]


def test_where_the_file_has_faults_of_its_own_those_of_what_it_names_are_told_too(
    file: Path,
) -> None:
    env = write(file, 'certificate_authorities = "ca.pem"\nwindow = 0\n' + OAUTH)
    done = postkamer("check", env=env)
    assert f"fault: {file}:36: destinations.0.window: " in done.output
    assert "fault: CRM_OAUTH: is missing (client_secret of destination crm)" in done.output
    assert "fault: certificate_authorities (destination crm): " in done.output
    assert done.output.endswith("3 faults, 0 warnings\n")


def test_of_a_file_that_was_only_asked_about_no_certificate_is_looked_for(file: Path) -> None:
    write(file, 'client_certificate = "crm.pem"\n')
    assert postkamer("check", "--config", file).output == "0 faults, 0 warnings\n"


@pytest.mark.parametrize(
    ("days", "said"),
    [(-31, ""), (-29, "expires on"), (1, "expired on")],
)
def test_a_certificate_that_ends_is_a_warning(
    file: Path, tmp_path: Path, days: int, said: str
) -> None:
    ours = Authority(tmp_path / "tls", "ca").issued("crm", 100)
    env = write(file, 'client_certificate = "tls/crm.pem"\nclient_key = "tls/crm.key"\n')
    end = clock.now() + timedelta(days=100)
    found = check(file, env, end + timedelta(days=days), settings_too=True)
    assert found.faults == []
    warning = f"{file}:35: destination crm: its client certificate {said} {end:%Y-%m-%d}"
    assert found.warnings == ([warning] if said else [])
    assert ours.key.read_text() not in str(found)
