"""The watch over the services of `make run`: restarts and their bound, lines about the rules."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import plan
from deploy.local.errors import Refusal
from deploy.local.process import Process, Program
from deploy.local.watch import Watch, Watched, wait_for_end
from deploy.local.watch_policy import (
    RESTARTS,
    WINDOW_SECONDS,
    merge_rules,
    report_rules,
    restart_pause,
)
from services.config.rules_status import RefusedChange, RulesStatus
from services.http.service_status import ServiceStatus

FAULT = RefusedChange("rules/afval.toml", 3, "rule afval: department: there is no 'x'", 2)
OLD, NEW, REFUSED = RulesStatus("a1"), RulesStatus("b2"), RulesStatus("a1", FAULT)


def test_restarts_are_bounded_within_their_window_and_pause_longer_each_time() -> None:
    ends = [10.0 * n for n in range(RESTARTS + 1)]
    pauses = [restart_pause(ends[: n + 1], ends[n]) for n in range(RESTARTS + 1)]
    assert pauses == [1, 2, 4, 8, 16, None]
    later = ends[-1] + WINDOW_SECONDS
    assert restart_pause([*ends, later], later) == 1


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (OLD, OLD, ""),
        (REFUSED, REFUSED, ""),
        (OLD, NEW, "Changed rules are in force: version b2"),
        (OLD, REFUSED, f"A change of the rules is NOT in force: {FAULT}"),
        (REFUSED, OLD, "The rules are in order again: version a1 is in force"),
        (REFUSED, NEW, "The rules are in order again: version b2 is in force"),
    ],
)
def test_change_of_the_rules_is_one_line(
    before: RulesStatus, after: RulesStatus, line: str
) -> None:
    assert report_rules(before, after) == line
    assert str(FAULT) == "rules/afval.toml:3: rule afval: department: there is no 'x' (and 1 more)"


def status(rules: RulesStatus | None) -> ServiceStatus:
    return ServiceStatus(ready=True, rules=rules)


def test_rules_of_all_services_are_one_once_all_have_taken_them() -> None:
    assert merge_rules([status(OLD), status(None), status(OLD)]) == OLD
    assert merge_rules([status(OLD), status(NEW)]) is None
    assert merge_rules([status(NEW), status(REFUSED)]) == REFUSED
    assert merge_rules([status(OLD), None]) is None
    assert merge_rules([status(None)]) is None


@pytest.fixture
def watched(tmp_path: Path) -> Callable[[str], tuple[Watch, list[str]]]:
    def start(code: str) -> tuple[Watch, list[str]]:
        lines: list[str] = []
        command = (sys.executable, "-c", code)
        program = Program(name="router", arguments=command, environment={}, folder=tmp_path)
        process = Process(program)
        process.start()
        service = plan.Service("router", plan.ROUTER_OPS)
        return Watch([Watched(service, process, ("127.0.0.1", 1))], lines.append), lines

    return start


def until_it_ends(service: Watched) -> None:
    while service.start_at is None and service.process.exit_code is None:
        wait_for_end([service.process], 10)


KILLED = "import os; os.kill(os.getpid(), 9)"


def test_service_that_is_killed_again_and_again_is_given_up(
    watched: Callable[[str], tuple[Watch, list[str]]],
) -> None:
    watch, lines = watched(KILLED)
    [router] = watch.services
    with pytest.raises(Refusal, match=r"router ended by itself \(killed by SIGKILL\)"):
        for second in range(100):
            until_it_ends(router)
            watch.keep_running(float(second))
    pauses = [line.rpartition(" in ")[2] for line in lines[:-1]]
    assert pauses == ["1 s", "2 s", "4 s", "8 s", "16 s"]
    assert lines[-1] == "router was started again 5 times"


def test_service_that_cannot_start_again_stops_everything_with_the_reason(
    watched: Callable[[str], tuple[Watch, list[str]]],
) -> None:
    watch, lines = watched("import sys; sys.exit('POSTKAMER_X: is missing')")
    [router] = watch.services
    with pytest.raises(Refusal, match="POSTKAMER_X: is missing"):
        for second in range(3):
            until_it_ends(router)
            watch.keep_running(float(second))
    assert lines == ["router ended by itself (exit code 1); it is started again in 1 s"]
