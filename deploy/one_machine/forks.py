"""Services as forks of the supervisor, which has imported them: all share that memory.

A fork leads a session of its own, with its own environment, signals and end; it ends when we do.
"""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from deploy.local.process import Program, Running

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
"""Numbers of the options in Linux, prctl(2)."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that the supervisor handles; a service handles them in its own way."""
Run = Callable[[Sequence[str]], object]
"""Runs a service by its command line, and raises SystemExit as a program does."""


@dataclass
class Fork:
    """A forked process, as much of `Popen` as `Process` asks."""

    pid: int
    _exit_code: int | None = field(default=None, init=False)

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        code = self._wait(0)
        assert code is not None
        return code

    def _wait(self, options: int) -> int | None:
        if self._exit_code is None:
            pid, status = os.waitpid(self.pid, options)
            self._exit_code = os.waitstatus_to_exitcode(status) if pid else None
        return self._exit_code

    def send_signal(self, number: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def forking(run: Run) -> Callable[[Program, int], Running]:
    """Return what starts a program as a fork that calls `run` with its arguments."""

    def fork(program: Program, output: int) -> Running:
        sys.stdout.flush()  # else the fork would write that again
        is_apart, tell = os.pipe()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if not (pid := os.fork()):
            os.close(is_apart)
            _be_service(program, output, tell, run)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(tell)
        os.read(is_apart, 1)  # ends when it leads its session, by which it may be killed
        os.close(is_apart)
        return Fork(pid)

    return fork


def _be_service(program: Program, output: int, tell: int, run: Run) -> NoReturn:
    """Be the process of a program until it ends."""
    code = 1
    try:
        _set_apart(program, output)
        os.close(tell)
        run(program.arguments[1:])
        code = 0
    except SystemExit as end:
        code = _exit_code(end.code)
    except BaseException:
        traceback.print_exc()
    finally:  # whatever happens, this never goes on as a second supervisor
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _exit_code(code: object) -> int:
    """Return the exit code of a SystemExit, as Python has it: words are an error, and printed."""
    if isinstance(code, int):
        return code
    if code is not None:
        print(code, file=sys.stderr)
    return 1 if code is not None else 0


def _set_apart(program: Program, output: int) -> None:
    """Leave the supervisor's session, signals, output, folder and environment."""
    os.setsid()
    library = ctypes.CDLL(None)
    library.prctl(PR_SET_PDEATHSIG, program.death_signal)
    library.prctl(PR_SET_NAME, program.name.encode())
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(file, number)
    os.close(nothing)
    os.chdir(program.cwd)
    os.environ.clear()
    os.environ.update(program.environment)
