"""A crash leaves no memory of a service on a disk."""

import os
import resource
import signal
import subprocess
import sys

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
SERVICE = "from services.instance import forbid_core_dumps; forbid_core_dumps(); "


def _allow_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)[1:] * 2)


def _crash(code: str) -> int:
    """Status in which a process ended that could have been dumped."""
    process = subprocess.Popen([sys.executable, "-c", code], preexec_fn=_allow_dumps)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = status
    return status


def test_crash_of_a_service_is_not_dumped() -> None:
    status = _crash(SERVICE + CRASH)
    assert os.WTERMSIG(status) == signal.SIGSEGV and not os.WCOREDUMP(status)


def test_service_may_not_be_dumped_by_a_program_of_the_kernel_either() -> None:
    code = SERVICE + "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "0"


def test_crash_of_a_command_is_not_dumped() -> None:
    code = f"""
import click
from cli.main import OWN_PROCESS, main
@click.command()
def crash():
    {CRASH}
main.get_command = lambda context, name: crash
main(["crash"], obj=OWN_PROCESS)
"""
    status = _crash(code)
    assert os.WTERMSIG(status) == signal.SIGSEGV and not os.WCOREDUMP(status)
