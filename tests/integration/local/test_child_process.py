"""Child processes: pid files, their end, and the end of their parent."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.errors import Refusal
from deploy.local.process import Process, Program, end_leftover
from deploy.local.process_tree import identity, runs
from tests.support.local.process_ends import an_end_of

SLEEPER = "import signal; print('up', flush=True); signal.pause()"


def program(folder: Path, *arguments: str) -> Program:
    return Program(
        name="child", arguments=(sys.executable, *arguments), environment={}, folder=folder
    )


def test_pid_file_that_names_another_process_is_harmless(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
    try:
        stale = tmp_path / "child.pid"
        for text in (f"{bystander.pid} 1 another-boot", f"{bystander.pid}", "nonsense", "", "1"):
            stale.write_text(text)
            end_leftover(stale)
            assert bystander.poll() is None
            assert not stale.exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_leftover_of_an_earlier_run_is_ended_before_a_start(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True) as leftover:
        (tmp_path / "child.pid").write_text(identity(leftover.pid))
        process = Process(program(tmp_path, "-c", SLEEPER))
        process.start()
        assert leftover.wait() == -signal.SIGKILL
        assert process.stop()
        assert not (tmp_path / "child.pid").exists()


def test_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent_code = f"""
import signal, sys
from pathlib import Path
from deploy.local.process import Process, Program
folder = Path({str(tmp_path)!r})
process = Process(Program(name="child", arguments=(sys.executable, "-c", {SLEEPER!r}),
                          environment={{}}, folder=folder))
process.start()
while "up" not in process.program.log.read_text():
    process.must_run()
print(process.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        with an_end_of(child) as ended:
            parent.kill()
            assert ended(10)
    assert not runs(child)


def test_child_that_ends_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = Process(program(tmp_path, "-c", "print('last words'); raise SystemExit(3)"))
    process.start()
    with an_end_of(process.pid) as ended:
        assert ended(10)
    with pytest.raises(Refusal, match=r"(?s)child ended by itself \(exit code 3\).*last words"):
        process.must_run()


def test_stubborn_child_is_killed_in_a_hurry(tmp_path: Path) -> None:
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\n"
        "while True: signal.pause()"
    )
    process = Process(program(tmp_path, "-c", stubborn))
    process.start()
    while "up" not in process.program.log.read_text():
        process.must_run()
    assert not process.stop(lambda: True)
    assert process.exit_code == -signal.SIGKILL


def test_frozen_child_can_be_stopped(tmp_path: Path) -> None:
    process = Process(program(tmp_path, "-c", SLEEPER))
    process.start()
    process.send(signal.SIGSTOP)
    assert process.stop()
