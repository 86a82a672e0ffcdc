"""Child process that cannot outlive us, with its own log and a time limit on its stop.

Three things can go wrong with child processes; each has its remedy here:

    Ctrl-C reaches the whole process group     each child leads a session of its own
    we are killed and cannot stop them         the kernel kills them (`setpriv --pdeathsig`)
    the kernel did not (an older run)          the next start ends what the pid file still names
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.errors import Refusal, last_lines
from deploy.local.process_tree import POLL_SECONDS, descendants, identity, runs, see_off

STOP_SECONDS = 30.0
"""Time limit of a clean stop; longer than the 25 s after which a service always ends itself."""
LINGER_SECONDS = 5.0
"""Time limit for the children of a process that has ended; they notice within milliseconds."""
OUR_OUTPUT = 1
"""Descriptor of our own standard output."""

# The kernel's death signal comes when the *thread* that forked ends, so all are forked by one
# thread that lives as long as this process.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


@dataclass(frozen=True, kw_only=True)
class Program:
    """Program to run."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path | None = None
    """Folder for `<name>.log`, the previous log, and `<name>.pid`; without one it writes to our own
    output, and whoever started us ends what we leave behind."""
    cwd: Path = Path("/")
    account: tuple[int, int] | None = None
    """User and group to run as; None means our own."""
    descriptors: tuple[int, ...] = ()
    """Open files that it inherits under the same numbers."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """Signal that the kernel sends when we die."""

    @property
    def log(self) -> Path:
        return self._in_folder("log")

    @property
    def pid_file(self) -> Path:
        return self._in_folder("pid")

    def _in_folder(self, suffix: str) -> Path:
        assert self.folder, f"{self.name} has no folder"
        return self.folder / f"{self.name}.{suffix}"

    @property
    def command(self) -> tuple[str, ...]:
        account: tuple[str, ...] = ()
        if self.account:
            user, group = self.account
            account = (f"--reuid={user}", f"--regid={group}", "--clear-groups")
        death = self.death_signal.name.removeprefix("SIG")
        return ("setpriv", *account, f"--pdeathsig={death}", "--", *self.arguments)


class Running(Protocol):
    """A process that was started: as much of `Popen` as is asked here."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


def spawn(program: Program, output: int) -> Running:
    """Start a program, with this open file as its output."""
    return subprocess.Popen(
        program.command,
        cwd=program.cwd,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=program.descriptors,
    )


class Process:
    """Process of a program, before, during and after its run. `spawn` starts it."""

    def __init__(self, program: Program, spawn: Callable[[Program, int], Running] = spawn) -> None:
        self.program, self._spawn = program, spawn
        self._running: Running | None = None

    def start(self) -> None:
        """Start it in a session of its own, after ending a leftover of an earlier run."""
        if not self.program.folder:
            self._start_with_output(OUR_OUTPUT)
            return
        self.program.folder.mkdir(parents=True, exist_ok=True)
        end_leftover(self.program.pid_file)
        log = self.program.log
        if log.exists():
            log.replace(log.with_suffix(".log.old"))
        with log.open("ab") as output:
            self._start_with_output(output.fileno())
        self.program.pid_file.write_text(identity(self.pid))

    def _start_with_output(self, output: int) -> None:
        self._running = _spawner.submit(self._spawn, self.program, output).result()

    def _remove_pid_file(self) -> None:
        if self.program.folder:
            self.program.pid_file.unlink(missing_ok=True)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        assert self._running, f"{self.name} was not started"
        return self._running.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code; None before and during the run; -N when signal N ended it."""
        return self._running.poll() if self._running else None

    def must_run(self) -> None:
        """Raise Refusal, with the end of its log if that is a file, if it has ended."""
        if self.exit_code is None:
            return
        ended = f"{self.name} ended by itself ({ending(self.exit_code)})"
        if not self.program.folder:
            raise Refusal(f"{ended}; the lines before this one say why")
        raise Refusal(
            f"{ended}. Its log, {self.program.log}, ends:\n{last_lines(self.program.log)}"
        )

    def send(self, number: signal.Signals) -> None:
        if self._running and self.exit_code is None:
            self._running.send_signal(number)

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Ask it to stop and wait; kill it after STOP_SECONDS or when `hurry()`.

        Return False if it was killed.
        """
        if not self._running:
            return True
        family = descendants(self.pid)
        self.send(self.program.stop_signal)
        self.send(signal.SIGCONT)  # a frozen process would not see the first signal
        deadline = time.monotonic() + STOP_SECONDS
        while self.exit_code is None:
            if hurry() or time.monotonic() > deadline:
                self.kill()
                return False
            time.sleep(POLL_SECONDS)
        see_off(family, LINGER_SECONDS)
        self._remove_pid_file()
        return True

    def kill(self) -> None:
        """Kill it, as a crash would, and wait until its children have ended."""
        if self._running:
            family = descendants(self.pid)
            if self.exit_code is None:
                os.killpg(self.pid, signal.SIGKILL)
            self._running.wait()
            see_off(family, LINGER_SECONDS)
            self._remove_pid_file()


def ending(exit_code: int) -> str:
    """Return an exit code in words."""
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def end_leftover(pid_file: Path) -> None:
    """Kill the process that the pid file names, if it is still the same one, and wait for it."""
    if not pid_file.exists():
        return
    recorded = pid_file.read_text()
    pid = recorded.partition(" ")[0]
    if pid.isdecimal() and int(pid) > 1 and recorded == identity(int(pid)):
        os.killpg(int(pid), signal.SIGKILL)
        while runs(int(pid)) and recorded == identity(int(pid)):
            time.sleep(POLL_SECONDS)
    pid_file.unlink(missing_ok=True)
