"""The watch over the services of `make run`: restarts and their bound, lines about the rules."""

import sys
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer
from threading import Thread

import msgspec
import pytest

from deploy.local import plan
from deploy.local.errors import Refusal
from deploy.local.process import Process, Program
from deploy.local.watch import Watch, Watched, wait_for_end
from deploy.local.watch_policy import (
    RESTARTS,
    WINDOW_SECONDS,
    mending_pause,
    merge_rules,
    report_rules,
    restart_pause,
)
from services.config.rules_status import RefusedChange, RulesStatus
from services.http.service_status import ServiceStatus, first_refusal
from tests.support.config_files import ONE_DEPARTMENT

FAULT = RefusedChange("rules/afval.toml", 3, "rule afval: department: there is no 'x'", 2)
SHORT = RulesStatus("a1", RefusedChange("tabel.csv", 0, "test of almelo: 1 of 3", in_force=True))
OLD, NEW, REFUSED = RulesStatus("a1"), RulesStatus("b2"), RulesStatus("a1", FAULT)


def test_restarts_are_bounded_within_their_window_and_pause_longer_each_time() -> None:
    ends = [10.0 * n for n in range(RESTARTS + 1)]
    pauses = [restart_pause(ends[: n + 1], ends[n]) for n in range(RESTARTS + 1)]
    assert pauses == [1, 2, 4, 8, 16, None]
    later = ends[-1] + WINDOW_SECONDS
    assert restart_pause([*ends, later], later) == 1


def test_pauses_for_a_person_who_mends_a_file_grow_to_half_a_minute_and_do_not_end() -> None:
    pauses = [0.0]
    for _ in range(2_000):
        pauses.append(mending_pause(pauses[-1]))
    assert pauses[1:8] == [1, 2, 4, 8, 16, 30, 30]
    assert pauses[-1] == 30


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (OLD, OLD, ""),
        (REFUSED, REFUSED, ""),
        (OLD, NEW, "Changed rules are in force: version b2"),
        (OLD, REFUSED, f"A change of the rules is NOT in force: {FAULT}"),
        (OLD, SHORT, f"The rules in force fall below a table of messages: {SHORT.refused}"),
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
    assert merge_rules([None, status(REFUSED)]) == REFUSED


def test_rules_in_force_are_no_reason_why_a_service_cannot_start() -> None:
    assert first_refusal([None, status(None), status(SHORT)]) is None
    assert first_refusal([status(SHORT), status(REFUSED)]) == FAULT
    assert merge_rules([status(OLD), None]) is None
    assert merge_rules([status(None)]) is None


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "postkamer.toml"
    file.write_text(ONE_DEPARTMENT)
    return file


@pytest.fixture
def watched(tmp_path: Path, config: Path) -> Iterator[Callable[[str], tuple[Watch, list[str]]]]:
    processes: list[Process] = []

    def start(code: str) -> tuple[Watch, list[str]]:
        lines: list[str] = []
        command = (sys.executable, "-c", code)
        program = Program(name="router", arguments=command, environment={}, folder=tmp_path)
        process = Process(program)
        processes.append(process)
        process.start()
        service = plan.Service("router", plan.ROUTER_OPS)
        watch = Watch([Watched(service, process, ("127.0.0.1", 1))], lines.append, config)
        return watch, lines

    yield start
    for process in processes:
        process.kill()


def until_it_ends(service: Watched) -> None:
    while service.start_at is None and service.process.exit_code is None:
        wait_for_end([service.process], 10)


def look(watch: Watch, seconds: Iterable[int]) -> None:
    [router] = watch.services
    for second in seconds:
        until_it_ends(router)
        watch.keep_running(float(second))


KILLED = "import os; os.kill(os.getpid(), 9)"
REFUSES = "import sys; sys.exit('POSTKAMER_X: is missing')"
ENDED = "router ended by itself (exit code 1); it is started again in {} s"
GIVEN_UP = "router was started again 5 times"


@pytest.mark.parametrize(("code", "how"), [(KILLED, "killed by SIGKILL"), (REFUSES, "exit code 1")])
def test_service_that_ends_again_and_again_is_given_up_with_the_reason(
    watched: Callable[[str], tuple[Watch, list[str]]], code: str, how: str
) -> None:
    watch, lines = watched(code)
    with pytest.raises(Refusal) as refusal:
        look(watch, range(100))
    again = f"router ended by itself ({how}); it is started again in"
    assert lines == [*(f"{again} {pause} s" for pause in (1, 2, 4, 8, 16)), GIVEN_UP]
    assert f"router ended by itself ({how})" in str(refusal.value)
    assert ("POSTKAMER_X: is missing" in str(refusal.value)) == (code == REFUSES)


def test_service_is_tried_until_the_fault_in_the_configuration_is_mended(
    watched: Callable[[str], tuple[Watch, list[str]]], config: Path
) -> None:
    watch, lines = watched(REFUSES)
    config.write_text(ONE_DEPARTMENT + 'id = "kapot\n')
    look(watch, range(150))
    [first, fault] = lines
    assert first == ENDED.format(1)
    line = len(config.read_text().splitlines())
    assert fault.startswith(f"router cannot start: {config}:{line}: id: a quote is missing")
    assert fault.endswith("; it is tried again until this is mended")
    [router] = watch.services
    assert (router.pause, router.start_at) == (30, 161)

    config.unlink()
    look(watch, [161, 162])
    assert lines[2].startswith(f"router cannot start: {config}:0: file: cannot be read:")
    config.write_text(ONE_DEPARTMENT)
    with pytest.raises(Refusal, match="POSTKAMER_X: is missing"):
        look(watch, range(192, 300))
    assert lines[3:] == [*(ENDED.format(pause) for pause in (2, 4, 8, 16)), GIVEN_UP]


class Refusing(BaseHTTPRequestHandler):
    """A service that refused a change."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(msgspec.json.encode(status(REFUSED)))

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def refusing() -> Iterator[tuple[str, int]]:
    with TCPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield "127.0.0.1", server.server_address[1]
        server.shutdown()


def test_service_is_tried_while_another_refuses_a_change_without_a_fault_in_the_files(
    watched: Callable[[str], tuple[Watch, list[str]]], refusing: tuple[str, int]
) -> None:
    watch, lines = watched(REFUSES)
    watch.services[0].address = refusing
    look(watch, range(100))
    assert lines[1:] == [f"router cannot start: {FAULT}; it is tried again until this is mended"]
