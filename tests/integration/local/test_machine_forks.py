"""A fork of the supervisor is a process of its own: its end, words, environment and signals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.local.process import Process, Program
from deploy.local.watch import POLL_SECONDS, wait_for_end
from deploy.one_machine.forks import forking

ROOT = Path(__file__).parents[3]
SECONDS = 30.0
CALL = """
import sys
from pathlib import Path
from tests.integration.local.test_machine_forks import fork_and_wait
print(fork_and_wait(sys.argv[1], Path(sys.argv[2])))
"""
SHARED = """
import gc, os, sys
from cli.one_machine import import_services
import_services(has_desk=False)
services = sorted(each for each in sys.modules if each.endswith(".service"))
print(*services, gc.get_freeze_count() > 0, len(os.listdir("/proc/self/task")))
"""
APART = """
import sys
import cli.services, gateway.service, deliverer.service, archiver.service
print(*sorted(each for each in sys.modules if each.partition(".")[0] == "router"))
"""


def end(arguments: Sequence[str]) -> None:
    """Stand in for a service: end in the way that its command line names."""
    match arguments[0]:
        case "words":
            sys.exit("a setting is missing")
        case "code":
            sys.exit(3)
        case "fault":
            raise ValueError("a fault")
        case "signal":
            os.kill(os.getpid(), signal.SIGTERM)
    print(os.environ["OWN"], sorted(os.environ), os.getcwd(), os.getsid(0) == os.getpid())


def fork_and_wait(how: str, folder: Path) -> int:
    """Be a supervisor with one service, and return the exit code of that."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
    program = Program(
        name="router",
        arguments=("postkamer", how),
        environment={"OWN": "of the router"},
        folder=folder,
        cwd=folder,
    )
    process = Process(program, forking(end))
    process.start()
    deadline = time.monotonic() + SECONDS
    while process.exit_code is None:  # one that has ended already is not waited for
        assert time.monotonic() < deadline
        wait_for_end([process], POLL_SECONDS)
    return process.exit_code


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("run", 0, "of the router ['OWN'] {folder} True\n"),
        ("words", 1, "a setting is missing\n"),
        ("code", 3, ""),
        ("fault", 1, "ValueError: a fault\n"),
        ("signal", -signal.SIGTERM, ""),
    ],
)
def test_fork_ends_as_a_program_does(tmp_path: Path, how: str, code: int, words: str) -> None:
    assert answer(CALL, how, str(tmp_path)) == str(int(code))
    log = (tmp_path / "router.log").read_text()
    assert log.endswith(words.format(folder=tmp_path)) and bool(log) == bool(words)


def answer(code: str, *arguments: str) -> str:
    run = [sys.executable, "-c", code, *arguments]
    return subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def test_supervisor_shares_what_it_imported_frozen_and_has_one_thread() -> None:
    services = "archiver.service deliverer.service gateway.service router.service"
    assert answer(SHARED) == f"{services} True 1"


def test_services_that_decide_nothing_import_nothing_of_the_router() -> None:
    assert answer(APART) == ""
