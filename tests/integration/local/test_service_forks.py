"""A forked service is a process of its own, as one that was started with Python is."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import Process, Program
from deploy.local.process_tree import identity, runs
from deploy.local.state import free_port
from tests.support.fork_server import COMMAND
from tests.support.installation import answers
from tests.support.observer import until_true
from tests.support.service_forks import ROOT, fork, start_servers

PORT = "POSTKAMER_SANDBOX_PORT"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    environment = {PORT: str(free_port()), "PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"}
    command = (sys.executable, "-m", COMMAND, "sandbox")
    start_servers("sandbox")
    return Program(
        name="sandbox", arguments=command, environment=environment, folder=tmp_path, cwd=ROOT
    )


@pytest.fixture
def sandbox(program: Program) -> Iterator[Process]:
    process = Process(program, fork)
    process.start()
    yield process
    process.kill()


async def test_fork_serves_with_its_own_environment_in_a_session_of_its_own(
    sandbox: Process, program: Program
) -> None:
    await until_true(lambda: answers(f"http://127.0.0.1:{program.environment[PORT]}/"))
    assert os.getsid(sandbox.pid) == sandbox.pid
    assert os.readlink(f"/proc/{sandbox.pid}/cwd") == str(ROOT)
    assert os.readlink(f"/proc/{sandbox.pid}/fd/1") == str(program.log)
    assert sandbox.exit_code is None


async def test_fork_that_is_asked_to_stop_exits_with_0_and_one_that_is_killed_says_so(
    sandbox: Process, program: Program
) -> None:
    await until_true(lambda: answers(f"http://127.0.0.1:{program.environment[PORT]}/"))
    assert sandbox.stop()
    assert sandbox.exit_code == 0
    sandbox.start()
    sandbox.kill()
    assert sandbox.exit_code == -signal.SIGKILL


async def test_fork_that_has_ended_can_be_killed_until_its_exit_code_was_read(
    sandbox: Process,
) -> None:
    for _ in range(20):
        os.kill(sandbox.pid, signal.SIGKILL)
        await until_true(lambda: not runs(sandbox.pid))
        os.killpg(sandbox.pid, signal.SIGKILL)  # a pid that was freed would be nobody's
        sandbox.kill()
        await until_true(lambda: not identity(sandbox.pid))
        sandbox.start()


async def test_fork_with_a_wrong_setting_names_it_and_exits_with_1(
    program: Program, tmp_path: Path
) -> None:
    wrong = dict(program.environment) | {PORT: "none"}
    process = Process(Program(**(vars(program) | {"environment": wrong})), fork)
    process.start()
    await until_true(lambda: process.exit_code is not None)
    assert process.exit_code == 1
    assert PORT in program.log.read_text()
