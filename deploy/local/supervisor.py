"""Starts processes in order, reports when they are ready, watches them, stops them in reverse."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy.local import plan
from deploy.local.errors import Refusal, last_lines
from deploy.local.process import Process, Program
from deploy.local.process_tree import POLL_SECONDS
from deploy.local.state import obstacle
from deploy.local.watch import RULES_SECONDS, Watch, Watched, ask, wait_for_end

READY_SECONDS = 60.0
"""Time limit of one service, from its start to its first 200 on /health/ready."""
MIGRATE_SECONDS = 300.0
FREE_BYTES = 1 << 30
"""Free disk space required before anything starts. Data, logs and the broker's write-ahead log fit
in half of it, and the broker stops accepting messages when 256 MB are left."""


class Stopped(BaseException):
    """Ctrl-C or SIGTERM. Not an Exception, so that no handler on the way treats it as a fault."""


@dataclass
class Interruption:
    """Signal handler: the first signal raises Stopped, any later one hurries the stop."""

    stopping: bool = False
    hurried: bool = False

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup`
                signal.signal(number, self._on_signal)

    def hurry(self) -> bool:
        return self.hurried

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            self.hurried = True
            return
        self.stopping = True
        raise Stopped


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Lock the folder of this clone. Refusal if another run holds it, or it is not ours."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        file = (folder / "lock").open("a+")
    except PermissionError as error:
        raise Refusal(
            f"{error.filename} may not be written by this user; "
            "run as the one who ran it before, or remove it as root."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Refusal(
                f"This clone is running already, as process {file.read().strip() or 'unknown'}; "
                "stop that one first."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def check_disk(folder: Path, needed: int = FREE_BYTES) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refusal(
            f"Too little disk space: {free >> 20} MiB are free for {folder}, "
            f"{needed >> 20} MiB are needed."
        )


def check_ports(environment: Mapping[str, str]) -> None:
    """Raise Refusal with every port that is not available, and the variable that changes it."""
    bind = environment["POSTKAMER_BIND"]
    faults, taken = [], set()
    for port in plan.used_ports(environment):
        number = plan.port_number(environment, port)
        reason = "is given twice" if number in taken else obstacle(bind, number)
        taken.add(number)
        if reason:
            faults.append(
                f"Port {number} ({port.purpose}) {reason}; "
                f"{port.variable}=<another port> chooses another."
            )
    if faults:
        raise Refusal("\n".join(faults))


def watch_over(
    watch: Watch,
    interruption: Interruption,
    servers: Sequence[Process] = (),
    beat: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Keep the services running until a signal comes, and call `beat` at each look. Refusal if a
    server ends, or a service cannot be kept running.
    """
    rules_at = 0.0
    processes = (*(each.process for each in watch.services), *servers)
    while True:
        if interruption.stopping:  # raised where Python drops it, as in a finalizer
            raise Stopped
        for server in servers:
            server.must_run()
        watch.keep_running(now := time.monotonic())
        if now >= rules_at:
            watch.report_rules()
            rules_at = now + RULES_SECONDS
        beat()
        wait_for_end(processes, watch.pause_seconds())


@dataclass
class Supervisor:
    """Processes of one run. `report` shows a line to the user."""

    folder: Path
    report: Callable[[str], None]
    interruption: Interruption = field(default_factory=Interruption)
    services: list[Process] = field(default_factory=list)
    servers: list[Process] = field(default_factory=list)

    def program(self, name: str, command: tuple[str, ...], settings: Mapping[str, str]) -> Program:
        return Program(
            name=name,
            arguments=command,
            environment=settings,
            folder=self.folder / "log",
            cwd=Path.cwd(),  # relative paths in settings start from where `make run` was called
        )

    def finish(self, program: Program) -> None:
        """Run a program to its end. Refusal when it fails."""
        process = Process(program)
        process.start()
        deadline = time.monotonic() + MIGRATE_SECONDS
        while process.exit_code is None:
            self._check_running()
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(POLL_SECONDS)
        process.stop()
        if process.exit_code:
            raise Refusal(
                f"`{' '.join(program.arguments)}` failed. "
                f"Its log, {program.log}, ends:\n{last_lines(program.log)}"
            )

    def add(self, program: Program, stack: ExitStack) -> None:
        """Start a service, and stop it when the stack unwinds."""
        process = Process(program)
        stack.callback(self._stop, process)
        self.services.append(process)
        process.start()

    def wait_ready(self, service: plan.Service, environment: Mapping[str, str]) -> None:
        """Wait until a service reports that it is ready. Refusal if it takes too long."""
        address = plan.address(service, environment)
        deadline = time.monotonic() + READY_SECONDS
        while obstacle := ask(address, service.path):
            self._check_running()
            if time.monotonic() > deadline:
                log = self.folder / "log" / f"{service.name}.log"
                raise Refusal(
                    f"{service.name} was not ready within {READY_SECONDS:.0f} s: {obstacle}. "
                    f"Its log, {log}, ends:\n{last_lines(log)}"
                )
            time.sleep(POLL_SECONDS)

    def watch(self, environment: Mapping[str, str]) -> NoReturn:
        """Keep the services running until a signal comes. Refusal if a server ends, or a service
        cannot be kept running.
        """
        watched = [
            Watched(service, process, plan.address(service, environment))
            for service, process in zip(plan.SERVICES, self.services, strict=True)
        ]
        watch = Watch(watched, self.report, Path(environment["POSTKAMER_CONFIG"]))
        watch_over(watch, self.interruption, self.servers)

    def give_up(self) -> None:
        """Stop all services at once: after a failure one may wait for another that never comes."""
        self.interruption.stopping = True
        for process in self.services:
            process.send(process.program.stop_signal)

    def _check_running(self) -> None:
        for process in (*self.servers, *self.services):
            process.must_run()

    def _stop(self, process: Process) -> None:
        began = time.monotonic()
        clean = process.stop(self.interruption.hurry)
        how = "stopped" if clean else "killed"
        self.report(f"{process.name} {how} after {time.monotonic() - began:.1f} s")
