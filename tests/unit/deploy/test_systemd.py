"""The units of deploy/systemd: how far they are shut off, what they start, and what they read."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from cli.main import main
from deploy.local.plan import PORTS, PROMETHEUS
from deploy.one_machine.service_settings import parse_settings
from deploy.one_machine.supervisor import SERVICES
from services.config import settings

ROOT = Path(__file__).parents[3]
FOLDER, PAGE = ROOT / "deploy" / "systemd", ROOT / "docs" / "operators" / "one-machine.md"
UNITS = sorted(path.name for path in FOLDER.glob("*.service"))
NOTICE = "postkamer-failed@.service"
SECOND = "postkamer-gateway@.service"
EXPOSURE = 30
"""Highest exposure, in tenths: systemd calls less than 30 of 100 fine."""
KINDS = {
    "gateway": settings.GatewaySettings,
    "router": settings.RouterSettings,
    "deliverer": settings.DelivererSettings,
    "archiver": settings.ArchiverSettings,
    "desk": settings.DeskSettings,
}
GIVEN = {
    "META_APP_SECRET": "geheim",
    "META_ACCESS_TOKEN": "123|a$(b)`c`'\\",
    "PATH": "/usr/bin:/bin",
}


def lines(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", (FOLDER / unit).read_text(), re.MULTILINE)


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze: deploy/setup.sh units"
)
@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_shut_off_from_the_machine(unit: str) -> None:
    command = ("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}")
    done = subprocess.run((*command, FOLDER / unit), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    assert "Unknown key" not in done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_unit_leaves_the_shared_memory_of_servers_alone(unit: str) -> None:
    """systemd takes away all of an account's when the last unit that names it ends; Debian's
    unit of PostgreSQL names none."""
    if lines(unit, "User") == ["postgres"]:
        assert lines(unit, "RemoveIPC") == ["no"]


@pytest.mark.parametrize("unit", UNITS)
def test_unit_tells_a_person_that_it_failed(unit: str) -> None:
    """systemd starts the notice by the name of the unit, without its suffix; and the notice of a
    notice would have no end."""
    told = [] if unit == NOTICE else [f"{NOTICE.removesuffix('.service')}%N.service"]
    assert lines(unit, "OnFailure") == told
    assert lines("failed.conf", "OnFailure") == lines("postkamer.service", "OnFailure")


def test_page_installs_what_the_notice_starts() -> None:
    [(program, unit)] = [each.split() for each in lines(NOTICE, "ExecStart")]
    assert unit == "%i" and f"deploy/one_machine/tell_failure.sh {program}" in PAGE.read_text()
    [settings_file] = lines(NOTICE, "EnvironmentFile")
    assert settings_file.removeprefix("-") in PAGE.read_text()


@pytest.mark.parametrize("unit", [*UNITS, "desk.conf"])
def test_unit_starts_a_command_that_exists(unit: str) -> None:
    started = [each for each in lines(unit, "ExecStart") if "bin/postkamer" in each]
    assert len(started) == (unit not in ("postkamer-backup.service", NOTICE))
    for each in started:
        command: click.Command = main
        started_by = each.partition("bin/postkamer ")[2]
        words = shlex.split(started_by.replace("%i", "gateway").replace("%d", "/run/x"))
        while isinstance(command, click.Group):
            name = words.pop(0)
            found = command.get_command(click.Context(command), name)
            assert found, name
            command = found
        command.parse_args(click.Context(command), words)


def test_one_machine_gets_the_settings_of_each_service() -> None:
    loaded = {each.partition(":")[0] for each in lines("postkamer.service", "LoadCredential")}
    assert loaded == {f"{each.name}.env" for each in SERVICES if each.name != "desk"}
    assert [each.partition(":")[0] for each in lines("desk.conf", "LoadCredential")] == ["desk.env"]


def test_second_gateway_is_as_the_first_but_for_its_operations_port() -> None:
    """The kernel shares a port among processes of one user, and of one address."""
    alone, second = (
        [line for line in (FOLDER / name).read_text().splitlines() if not line.startswith("#")]
        for name in ("postkamer@.service", SECOND)
    )
    own = ("Description=", "ExecStart=", "ExecStartPost=", "TimeoutStartSec=")
    same = [line.replace("%i", "gateway") for line in alone if not line.startswith(own)]
    assert [line for line in second if not line.startswith(own)] == same
    assert lines(SECOND, "User") == lines("postkamer.service", "User")
    [started], [awaited] = lines(SECOND, "ExecStart"), lines(SECOND, "ExecStartPost")
    [port] = re.findall(r" POSTKAMER_GATEWAY_OPS_PORT=(\d+%i) .*postkamer gateway$", started)
    assert awaited.endswith(f" http://127.0.0.1:{port}/health/ready")
    ports = {int(port.replace("%i", str(digit))) for digit in range(10)}
    assert len(ports) == 10 and not ports & {each.default for each in (*PORTS, PROMETHEUS)}


def test_drawn_settings_are_all_that_each_service_needs_and_no_more_than_its_own(
    tmp_path: Path,
) -> None:
    script = ("sh", FOLDER / "settings.sh", tmp_path)
    subprocess.run(script, env=GIVEN, check=True, capture_output=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    shared = parse_settings((tmp_path / "environment").read_text(), "environment")
    own = {
        name: parse_settings((tmp_path / "services" / f"{name}.env").read_text(), name)
        for name in KINDS
    }
    secrets = {path: path.read_text().strip() for path in tmp_path.glob("secrets/*/*")}
    for name, kind in KINDS.items():
        assert settings.load(kind, shared | own[name]), name
        named = {value for key, value in own[name].items() if key.endswith("_FILE")}
        assert named == {str(path) for path in secrets if path.parent.name == name}
    others = [each for each in files if each not in secrets and each.name != "logins.env"]
    text = "".join(each.read_text() for each in others)
    assert [path for path, secret in secrets.items() if secret in text] == []
    command = ('. $0/owner.env; cat "$POSTKAMER_META_ACCESS_TOKEN_FILE"', tmp_path)
    said = subprocess.run(("sh", "-c", *command), capture_output=True, text=True, check=True)
    assert said.stdout == GIVEN["META_ACCESS_TOKEN"] + "\n", "as a shell reads it"
    deliverer = settings.load(settings.DelivererSettings, shared | own["deliverer"])
    assert deliverer.meta_access_token.get_secret_value() == GIVEN["META_ACCESS_TOKEN"]
    have_archive_key = {
        name for name, given in own.items() if "POSTKAMER_ARCHIVE_KEY_FILE" in given
    }
    assert have_archive_key == {"router", "archiver"}
    logins = parse_settings((tmp_path / "logins.env").read_text(), "logins.env")
    assert len({*logins.values()}) == len(logins) == len(KINDS) * 2 - 1 + 2
    for name in KINDS:
        password = secrets[tmp_path / "secrets" / name / "database_password"]
        assert logins[f"{name.upper()}_DATABASE_PASSWORD"] == password
    again = subprocess.run(script, env=GIVEN, check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "their secrets are in use" in again.stderr


def test_each_folder_of_secrets_is_for_its_holder_alone() -> None:
    rights = {}
    for line in (FOLDER / "tmpfiles.conf").read_text().splitlines():
        if line.startswith(("d ", "z ")):
            _, path, *given = line.split()
            rights[path] = " ".join(given)
    secrets = "/etc/postkamer/secrets"
    for name in KINDS:
        assert rights[f"{secrets}/{name}"] == "0750 root postkamer"
        assert rights[f"{secrets}/{name}/*"] == "0640 root postkamer"
    assert rights[f"{secrets}/owner"] == "0700 root root"
    assert rights[f"{secrets}/owner/*"] == "0600 root root"
    assert lines("postkamer@.service", "TemporaryFileSystem") == [f"{secrets}:ro"]
    assert lines("postkamer@.service", "BindReadOnlyPaths") == [f"{secrets}/%i"]
    copied = lines("postkamer-migrate.service", "LoadCredential")
    assert copied == [f"database_password:{secrets}/owner/database_password"]


def exchange(folder: Path, name: str, value: str) -> subprocess.CompletedProcess[str]:
    command = ("sh", FOLDER / "exchange_secret.sh", name, folder / "secrets")
    return subprocess.run(command, input=value, capture_output=True, text=True, check=False)


def test_secret_is_exchanged_at_each_of_its_holders(tmp_path: Path) -> None:
    script = ("sh", FOLDER / "settings.sh", tmp_path)
    subprocess.run(script, env=GIVEN, check=True, capture_output=True)
    files = [*tmp_path.glob("secrets/*/meta_app_secrets")]
    assert {path.parent.name for path in files} == {"gateway", "deliverer", "owner"}
    files[0].chmod(0o640)
    numbers = {path.stat().st_ino for path in files}
    done = exchange(tmp_path, "meta_app_secrets", "nieuw,geheim\n")
    assert done.returncode == 0 and "nieuw" not in done.stdout + done.stderr
    assert {path.read_text() for path in files} == {"nieuw,geheim\n"}
    assert not numbers & {path.stat().st_ino for path in files}, "each file is whole and new"
    files[1].write_text("nieuwer\n")  # the exchange for this one was interrupted
    assert exchange(tmp_path, "meta_app_secrets", "nog nieuwer").returncode == 1
    assert exchange(tmp_path, "meta_app_secrets", "nieuwer").returncode == 0
    assert {path.read_text() for path in files} == {"nieuwer\n"}
    assert [oct(path.stat().st_mode & 0o777) for path in files] == ["0o640", "0o600", "0o600"]
    of_all = tmp_path.glob("secrets/*/database_password")
    before = {path: path.read_text() for path in of_all}
    done = exchange(tmp_path, "database_password", "for all")
    assert done.returncode == 1 and "Holders have different ones" in done.stderr
    assert exchange(tmp_path, "router/database_password", "").returncode == 1
    assert exchange(tmp_path, "no_such_secret", "x").returncode == 1
    assert {path: path.read_text() for path in before} == before
    assert exchange(tmp_path, "router/database_password", "for one").returncode == 0
    changed = [path for path, text in before.items() if path.read_text() != text]
    assert changed == [tmp_path / "secrets" / "router" / "database_password"]


@pytest.mark.parametrize("token", ["a b", "a\nb"])
def test_value_that_is_no_word_is_refused(tmp_path: Path, token: str) -> None:
    script = ("sh", FOLDER / "settings.sh", tmp_path)
    done = subprocess.run(script, env=GIVEN | {"META_ACCESS_TOKEN": token}, capture_output=True)
    assert done.returncode == 1 and token.encode() not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_settings_of_which_the_drawing_was_killed_are_drawn_anew(tmp_path: Path) -> None:
    script, broken = ("sh", FOLDER / "settings.sh", tmp_path), tmp_path / "bin" / "mv"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nkill -9 $PPID\n")
    broken.chmod(0o755)
    killed = GIVEN | {"PATH": f"{broken.parent}:{GIVEN['PATH']}"}
    assert subprocess.run(script, env=killed, check=False).returncode == -9
    subprocess.run(script, env=GIVEN, check=True, capture_output=True)
    owner = parse_settings((tmp_path / "owner.env").read_text(), "owner.env")
    logins = parse_settings((tmp_path / "logins.env").read_text(), "logins.env")
    password = Path(owner["POSTKAMER_DATABASE_PASSWORD_FILE"]).read_text()
    assert password == logins["OWNER_DATABASE_PASSWORD"] + "\n"


def test_page_names_only_files_that_exist() -> None:
    named = {*re.findall(r"deploy/[\w./*@-]+", PAGE.read_text())}
    assert [name for name in named if not list(ROOT.glob(name))] == []
