"""`postkamer all` with stand-ins for the services: order, settings, signals, restarts, refusals."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.errors import Refusal
from deploy.local.process_tree import alive, descendants
from deploy.local.state import free_port
from deploy.one_machine.service_settings import environment_of, parse_settings
from deploy.one_machine.supervisor import SERVICES
from tests.support.config_files import ONE_DEPARTMENT

ROOT = Path(__file__).parents[3]
CALL = """
import os, sys
from pathlib import Path
from deploy.local import watch
from deploy.one_machine import supervisor
from services.logs import log_to_stdout
from tests.support.local.ready_service import main
log_to_stdout("all", "info")
if os.environ.get("POSTKAMER_IMPATIENT"):
    watch.ANSWER_SECONDS, watch.HUNG_SECONDS, supervisor.LIFE_SECONDS = 0.2, 0.5, 0.1
run_service = lambda arguments: main(arguments[-1])
sys.exit(supervisor.run(os.environ, Path(sys.argv[1]), run_service, has_desk="desk" in sys.argv))
"""
NAMES = ("archiver", "deliverer", "router", "gateway")
"""Services in the order of starting, without the desk."""


class Machine:
    """One `postkamer all` in a process of its own, with its service manager."""

    def __init__(self, folder: Path, *more: str) -> None:
        (folder / "postkamer.toml").write_text(ONE_DEPARTMENT)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(60)
        ports = {each.port.variable: str(free_port()) for each in SERVICES}
        addressed = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALL, str(folder), *more],
            env=os.environ
            | ports
            | addressed
            | {"POSTKAMER_CONFIG": str(folder / "postkamer.toml"), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = ""

    def until_told(self, word: str) -> None:
        """Read what the service manager is told until this comes."""
        while word not in self.manager.recv(4096).decode():
            pass

    def until(self, pattern: str) -> "re.Match[str]":
        """Read until a line matches."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"ended before {pattern}:\n{self.printed}")

    def ends(self) -> int:
        """Read the rest, and return the exit code."""
        assert self.process.stdout
        if not self.process.stdout.closed:
            self.printed += self.process.stdout.read()
            self.process.stdout.close()
        return self.process.wait(timeout=60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    machines: list[Machine] = []

    def started(*more: str, **changes: str) -> Machine:
        own = tmp_path / str(len(machines))
        own.mkdir()
        for name in (*NAMES, "desk"):
            (own / f"{name}.env").write_text(f"OWN='of {name}'\n{changes.get(name, '')}\n")
        machines.append(Machine(own, *more))
        return machines[-1]

    yield started
    for machine in machines:
        if machine.process.poll() is None:
            machine.process.kill()
        machine.ends()
        machine.manager.close()


def test_services_of_one_machine_start_hear_signals_and_stop_in_order(
    start: Callable[..., Machine],
) -> None:
    machine = start()
    for name in NAMES:
        machine.until(f'"what":"{name}","event":"all.started"')
    machine.until_told("READY=1")
    machine.until_told("WATCHDOG=1")
    members = descendants(machine.process.pid)
    machine.process.send_signal(signal.SIGHUP)
    machine.until_told("WATCHDOG=1")
    machine.process.send_signal(signal.SIGTERM)
    machine.until_told("STOPPING=1")
    assert machine.ends() == 0
    assert alive(members) == []
    assert {*re.findall(r"(\w+) is \d+ with of \1\b", machine.printed)} == {*NAMES}
    assert {*re.findall(r"(\w+) hears SIGHUP", machine.printed)} == {*NAMES}
    assert re.findall(r"(\w+) hears SIGTERM", machine.printed) == [*reversed(NAMES)]
    assert re.findall(r'"(\w+) stopped"', machine.printed) == [*reversed(NAMES)]


def test_service_of_one_machine_that_is_killed_is_started_again(
    start: Callable[..., Machine],
) -> None:
    machine = start("desk")
    router = int(machine.until(r"router is (\d+)")[1])
    machine.until_told("READY=1")
    os.kill(router, signal.SIGKILL)
    machine.until(r"router ended by itself \(killed by SIGKILL\); it is started again in 1 s")
    again = int(machine.until(r"router is (\d+)")[1])
    machine.until("router is ready again")
    assert router != again
    machine.process.send_signal(signal.SIGTERM)
    assert machine.ends() == 0
    assert re.findall(r"(\w+) hears SIGTERM", machine.printed)[-1] == "desk"


def test_service_that_crashes_before_all_were_ready_is_started_again(
    start: Callable[..., Machine], tmp_path: Path
) -> None:
    machine = start(deliverer=f"POSTKAMER_AWAITS={tmp_path}/file")
    machine.until('"what":"deliverer: it answers 503 *"')  # the others are ready
    pids = dict(re.findall(r"(\w+) is (\d+) with", machine.printed))
    os.kill(int(pids["router"]), signal.SIGUSR1)
    machine.until(r"router ended by itself \(exit code 1\); it is started again in 1 s")
    os.kill(int(pids["deliverer"]), signal.SIGKILL)
    machine.until(r"deliverer ended by itself \(killed by SIGKILL\); it is started again in 1 s")
    machine.until("router is ready again")
    (tmp_path / "file").touch()
    machine.until_told("READY=1")
    machine.process.send_signal(signal.SIGTERM)
    assert machine.ends() == 0
    assert "deliverer is ready again" not in machine.printed, "it was not ready before"


def test_service_of_one_machine_that_hangs_is_killed_and_started_again(
    start: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTKAMER_IMPATIENT", "yes")
    machine = start()
    router = int(machine.until(r"router is (\d+)")[1])
    machine.until_told("READY=1")
    os.kill(router, signal.SIGSTOP)
    machine.until(r"router has not answered for \d+ s: it is killed")
    machine.until(r"router ended by itself \(killed by SIGKILL\)")
    machine.until("router is ready again")


def test_one_machine_ends_with_the_reason_when_a_service_cannot_run(
    start: Callable[..., Machine], tmp_path: Path
) -> None:
    machine = start(deliverer="POSTKAMER_REFUSES=yes")
    members = descendants(machine.process.pid)
    assert machine.ends() == 1
    assert "deliverer: POSTKAMER_X: is missing" in machine.printed
    assert "deliverer ended by itself (exit code 1)" in machine.printed.splitlines()[-1]
    assert alive(members) == []
    wrong = start(router="POSTKAMER_AMQP_URL amqp://secret@host")
    assert wrong.ends() == 1
    assert f"{tmp_path}/1/router.env:2: expected NAME=value" in wrong.printed
    assert "secret" not in wrong.printed


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("A=1\n\n# of the gateway\n  B=x=y \n", {"A": "1", "B": "x=y"}),
        ("A=operator/**:x", {"A": "operator/**:x"}),
        ("A='x y$'\nB=\"x # y\"\nC=", {"A": "x y$", "B": "x # y", "C": ""}),
        ("A=postgresql://x:y@h:5432/postkamer?a=1", {"A": "postgresql://x:y@h:5432/postkamer?a=1"}),
    ],
)
def test_settings_of_a_service_are_lines_that_a_shell_reads_too(
    text: str, settings: dict[str, str]
) -> None:
    assert parse_settings(text, "router.env") == settings


@pytest.mark.parametrize(
    "line",
    ["A=x y", "A=~/x", "A='x", "A=x&y", 'A="$x"', "A=x#y", "A='x'y", "export A=x", "A", "1A=x"],
)
def test_setting_that_a_shell_would_read_otherwise_is_refused(line: str) -> None:
    with pytest.raises(Refusal, match=r"router\.env:2: expected NAME=value"):
        parse_settings(f"# own\n{line}\n", "router.env")


def test_own_settings_win_and_the_service_manager_stays_the_supervisors() -> None:
    [router] = [each for each in SERVICES if each.name == "router"]
    shared = {"A": "shared", "B": "shared", "NOTIFY_SOCKET": "/run/x"}
    found = environment_of(router, shared, {"A": "own"})
    health = {"POSTKAMER_BIND": "127.0.0.1", "POSTKAMER_ROUTER_OPS_PORT": "9081"}
    assert found == {"A": "own", "B": "shared"} | health
