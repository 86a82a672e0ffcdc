"""Watch over the services: starts one again that ended, and reports changes of the rules."""

import os
import select
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import msgspec

from deploy.local import plan
from deploy.local.process import Process, ending
from deploy.local.watch_policy import (
    RESTARTS,
    mending_pause,
    merge_rules,
    report_rules,
    restart_pause,
)
from services.config.rules_status import RefusedChange, RulesStatus, refused_change
from services.http.service_status import STATUS_PATH, ServiceStatus, first_refusal

POLL_SECONDS = 0.2
"""Interval between looks at a service that is starting."""
RULES_SECONDS = 2.0
"""Interval between looks at the rules; the services read changed files as often."""
ANSWER_SECONDS = 5.0
HUNG_SECONDS = 60.0
"""Silence after which a service hangs for good: it answers between two steps of its work, and a
machine that is short of memory for seconds is no reason to kill."""
LIVE_PATH = "/health/live"
ANSWER_BYTES = 64 * 1024


@dataclass
class Watched:
    """One service under watch."""

    service: plan.Service
    process: Process
    address: tuple[str, int]
    """Host and port at which it answers."""
    ends: list[float] = field(default_factory=list)
    """Times at which it ended, unless a fault in the configuration ended it."""
    fault: RefusedChange | None = None
    """Fault in the configuration that ended its last start."""
    pause: float = 0.0
    """Pause in which that fault may be mended, before the next start."""
    start_at: float | None = None
    """Time of its next start; None while it runs."""
    is_ready: bool = True
    was_ready: bool = True
    """False until it is ready for the first time, if nobody waited for that before."""
    obstacle: str = ""
    """Reason why it was not ready at the last look."""
    silent_since: float | None = None
    """Time of the first look since which it did not answer at all."""


@dataclass
class Watch:
    """All services of one run. `report` shows a line to the user."""

    services: Sequence[Watched]
    report: Callable[[str], None]
    config: Path
    """The services' `postkamer.toml`."""
    rules: RulesStatus | None = None

    def keep_running(self, now: float) -> None:
        """Start again what ended and is due. Refusal if one ends too often, or refuses its settings
        before it was ever ready."""
        for each in self.services:
            if each.start_at is not None:
                self._start(each, now)
            elif each.process.exit_code is not None:
                self._plan_start(each, now)
            elif not each.is_ready:
                self._look(each)

    def end_hung(self, now: float) -> None:
        """Kill what answered nothing for so long, to be started again as what ended by itself."""
        for each in self.services:
            if each.start_at is not None or not each.is_ready or answers(each.address):
                each.silent_since = None
            elif each.silent_since is None:
                each.silent_since = now
            elif now - each.silent_since >= HUNG_SECONDS:
                silent = f"has not answered for {now - each.silent_since:.0f} s"
                self.report(f"{each.service.name} {silent}: it is killed")
                each.silent_since = None
                each.process.send(signal.SIGKILL)

    def _look(self, each: Watched) -> None:
        each.obstacle = ask(each.address, each.service.path)
        if each.obstacle:
            return
        if each.was_ready:
            self.report(f"{each.service.name} is ready again")
        each.is_ready, each.was_ready, each.fault, each.pause = True, True, None, 0.0

    def _plan_start(self, each: Watched, now: float) -> None:
        code = each.process.exit_code
        assert code is not None
        # A crash ends by a signal; what refuses to start, by an exit code.
        if not each.was_ready and code > 0:
            each.process.must_run()
        if not each.is_ready and code > 0 and (fault := self._find_fault()):
            self._await_mending(each, fault, now)
            return
        each.ends.append(now)
        pause = restart_pause(each.ends, now)
        if pause is None:
            self.report(f"{each.service.name} was started again {RESTARTS} times")
            each.process.must_run()
            return
        how = f"{each.service.name} ended by itself ({ending(code)})"
        self.report(f"{how}; it is started again in {pause:.0f} s")
        each.start_at = now + pause

    def _await_mending(self, each: Watched, fault: RefusedChange, now: float) -> None:
        if fault != each.fault:
            self.report(
                f"{each.service.name} cannot start: {fault}; it is tried again until this is mended"
            )
        each.fault, each.pause = fault, mending_pause(each.pause)
        each.start_at = now + each.pause

    def _find_fault(self) -> RefusedChange | None:
        """Return the fault of the configuration for a service that starts: one in the files, else
        the change that a running service refused.
        """
        fault = find_fault(self.config) or first_refusal(self._ask_statuses())
        return shorten(fault) if fault else None

    def _start(self, each: Watched, now: float) -> None:
        if each.start_at is not None and now >= each.start_at:
            each.start_at, each.is_ready = None, False
            each.process.start()

    def report_rules(self) -> None:
        """Report if a change of the rules was taken or refused since the last time."""
        rules = merge_rules(self._ask_statuses())
        if rules is None:
            return
        if rules.refused:
            rules = msgspec.structs.replace(rules, refused=shorten(rules.refused))
        if line := report_rules(self.rules or RulesStatus(rules.version), rules):
            self.report(line)
        self.rules = rules

    def _ask_statuses(self) -> list[ServiceStatus | None]:
        return [ask_status(each.address) for each in self.services if each.service.has_database]

    def pause_seconds(self) -> float:
        """Return the time until the next look, unless a process ends before."""
        is_starting = any(each.start_at or not each.is_ready for each in self.services)
        return POLL_SECONDS if is_starting else RULES_SECONDS


def find_fault(config: Path) -> RefusedChange | None:
    """Return the fault in the files of a configuration, None if there is none."""
    # Not above: what reads a configuration takes 10 MB, and most runs never need it.
    from services.config import loader
    from services.config.model import ConfigError

    try:
        loader.load_without_rules(config)
    except ConfigError as error:
        return refused_change(error.faults)
    except OSError as error:  # a file that has just disappeared
        return RefusedChange(str(config), 0, f"file: cannot be read: {error.strerror}")
    return None


def shorten(change: RefusedChange) -> RefusedChange:
    """Return a refused change with its file relative to the current folder, if below it."""
    if not Path(change.file).is_relative_to(Path.cwd()):
        return change
    return msgspec.structs.replace(change, file=str(Path(change.file).relative_to(Path.cwd())))


def wait_for_end(processes: Iterable[Process], seconds: float) -> None:
    """Wait until one of the running processes ends, at most so long."""
    with ExitStack() as opened:
        poll = select.poll()
        for process in processes:
            if process.exit_code is None:
                descriptor = os.pidfd_open(process.pid)
                opened.callback(os.close, descriptor)
                poll.register(descriptor, select.POLLIN)
        poll.poll(seconds * 1000)


def ask(address: tuple[str, int], path: str) -> str:
    """Return why a service is not ready; '' when it answers 200."""
    try:
        status, body = _get(address, path)
        text = body.decode(errors="replace").strip()
        return "" if status == 200 else f"it answers {status} {text}"
    except (OSError, HTTPException) as error:
        return f"it does not answer ({error})"


def answers(address: tuple[str, int]) -> bool:
    """Return True if anything is answered: whatever it is, somebody lives there."""
    try:
        _get(address, LIVE_PATH)
    except (OSError, HTTPException):
        return False
    return True


def ask_status(address: tuple[str, int]) -> ServiceStatus | None:
    """Return the status of a service, or None if it shows none."""
    try:
        return msgspec.json.decode(_get(address, STATUS_PATH)[1], type=ServiceStatus)
    except (OSError, HTTPException, msgspec.DecodeError):
        return None


def _get(address: tuple[str, int], path: str) -> tuple[int, bytes]:
    connection = HTTPConnection(*address, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES)
    finally:
        connection.close()
