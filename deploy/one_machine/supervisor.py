"""Supervisor of the services of one machine: starts, watches and stops them."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import NoReturn

import structlog

from deploy.local import plan
from deploy.local.errors import Refusal
from deploy.local.process import Process, Program
from deploy.local.supervisor import READY_SECONDS, Interruption, Stopped, watch_over
from deploy.local.watch import POLL_SECONDS, RULES_SECONDS, Watch, Watched, wait_for_end
from deploy.one_machine.forks import Run, forking
from deploy.one_machine.service_manager import ALIVE, READY, STOPPING, ServiceManager, status
from deploy.one_machine.service_settings import environment_of, parse_settings

SERVICES = tuple(each for each in plan.SERVICES if each.name in plan.STORING)
"""Services in the order of starting: first those that receive work. They stop in reverse."""
COMMAND = "postkamer"
LIFE_SECONDS = 10.0
"""Interval of looks for a service that hangs."""

log = structlog.get_logger()


def run(
    environ: Mapping[str, str],
    folder: Path | None,
    run_service: Run,
    *,
    has_desk: bool = False,
) -> int:
    """Run the services until a signal comes (exit code 0), or until one cannot be kept running (1).

    `folder` has a file of settings for each service; without one all have the same. `run_service`
    is called in a fork of this process for each of them.
    """
    manager, interruption = ServiceManager.of(environ), Interruption()
    interruption.install()
    try:
        with ExitStack() as stack:
            services = [each for each in SERVICES if has_desk or each.name != "desk"]
            programs = programs_of(services, environ, folder)
            machine = OneMachine(watched(services, programs, run_service), manager, interruption)
            signal.signal(signal.SIGHUP, machine.pass_on)
            machine.start(stack)
            machine.wait_ready()
            machine.watch()
    except Stopped:
        log.info("all.stopped")
        return 0
    except (Refusal, OSError) as error:
        log.error("all.ended", reason=str(error))
        return 1


def programs_of(
    services: Sequence[plan.Service], environ: Mapping[str, str], folder: Path | None
) -> list[Program]:
    """Return the program of each service. Refusal if a file of settings is missing or wrong."""
    return [
        Program(
            name=service.name,
            arguments=(COMMAND, service.name),
            environment=environment_of(service, environ, _read(folder, service.name)),
            cwd=Path.cwd(),  # relative paths in settings start from where we were called
        )
        for service in services
    ]


def _read(folder: Path | None, name: str) -> dict[str, str]:
    if folder is None:
        return {}
    file = folder / f"{name}.env"
    try:
        return parse_settings(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError:
        raise Refusal(f"{file}: is no text") from None
    except OSError as error:
        raise Refusal(f"{file}: cannot be read ({error.strerror})") from None


def watched(
    services: Sequence[plan.Service], programs: Sequence[Program], run_service: Run
) -> list[Watched]:
    """Return the services with the address of the health of each, not started yet."""
    fork = forking(run_service)
    return [
        Watched(
            service,
            Process(program, fork),
            plan.address(service, program.environment),
            is_ready=False,
            was_ready=False,
        )
        for service, program in zip(services, programs, strict=True)
    ]


@dataclass
class OneMachine:
    """All services of this machine."""

    services: Sequence[Watched]
    manager: ServiceManager
    interruption: Interruption
    shown: str = field(default="", init=False)
    """Status that the manager shows."""
    life_at: float = field(default=0.0, init=False)
    """Time of the next look for a service that hangs."""

    @cached_property
    def watcher(self) -> Watch:
        config = self.services[0].process.program.environment.get("POSTKAMER_CONFIG", "")
        return Watch(self.services, self._report, Path(config))

    def start(self, stack: ExitStack) -> None:
        """Start all, side by side: each waits by itself for what it needs. Stop each when the stack
        unwinds."""
        for each in self.services:
            stack.callback(self._stop, each.process)
            each.process.start()
            log.info("all.started", what=each.service.name)

    def wait_ready(self) -> None:
        """Wait until each has been ready once, however long a database may take to come back.
        Refusal if one refuses its settings. One that crashes is started again, as later."""
        soon = time.monotonic() + READY_SECONDS
        while waiting := [each for each in self.services if not each.was_ready]:
            with self._hurrying_the_rest():
                self.watcher.keep_running(time.monotonic())
            self._show("; ".join(f"{w.service.name}: {w.obstacle}" for w in waiting if w.obstacle))
            pause = POLL_SECONDS if time.monotonic() < soon else RULES_SECONDS
            wait_for_end([each.process for each in self.services], pause)
        self.manager.tell(READY)

    def watch(self) -> NoReturn:
        """Keep them running. Refusal if one ends too often."""
        with self._hurrying_the_rest():
            watch_over(self.watcher, self.interruption, beat=self._beat)

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        """Pass a signal on to the services that are ready: one that starts may not expect it yet,
        and reads its files anyway."""
        for each in self.services:
            if each.is_ready:
                each.process.send(signal.Signals(number))

    @contextmanager
    def _hurrying_the_rest(self) -> Iterator[None]:
        """Ask all to stop at once on a Refusal: one may wait for another that never comes."""
        try:
            yield
        except Refusal:
            self.interruption.stopping = True
            for each in self.services:
                each.process.send(each.process.program.stop_signal)
            raise

    def _beat(self) -> None:
        if (now := time.monotonic()) >= self.life_at:
            self.watcher.end_hung(now)
            self.life_at = now + LIFE_SECONDS
        self.manager.tell(ALIVE)
        away = [each.service.name for each in self.services if not each.is_ready or each.start_at]
        self._show(f"{', '.join(away)}: started again" if away else "all services run")

    def _show(self, words: str) -> None:
        if words and words != self.shown:
            self.shown = words
            self.manager.tell(status(words))
            log.info("all.status", what=words)

    def _report(self, line: str) -> None:
        log.warning("all.noticed", what=line)

    def _stop(self, process: Process) -> None:
        self.manager.tell(STOPPING)
        began = time.monotonic()
        clean = process.stop(self.interruption.hurry)
        seconds = round(time.monotonic() - began, 1)
        how = "stopped" if clean else "killed"
        log.info("all.service_ended", what=f"{process.name} {how}", seconds=seconds)
