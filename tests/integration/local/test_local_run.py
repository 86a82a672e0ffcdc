"""`python -m deploy.local` with a stand-in for the services: start, stop, crash, refusal."""

import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local import plan
from deploy.local.postgresql import Database
from deploy.local.process_tree import alive, descendants
from deploy.local.rabbitmq import Broker
from deploy.local.state import free_port
from tests.support.config_files import ONE_DEPARTMENT as TOML
from tests.support.local import service_stand_in
from tests.support.local.process_ends import an_end_of
from tests.support.local.run import Run

STAND_IN = str(Path(service_stand_in.__file__))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    town = tmp_path_factory.mktemp("town") / "postkamer.toml"
    town.write_text(TOML)
    ports = {port.variable: str(free_port()) for port in plan.PORTS}
    return {"PATH": os.environ["PATH"], "POSTKAMER_CONFIG": str(town)} | ports


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clone for all tests: its database and broker are made once."""
    return tmp_path_factory.mktemp("a clone")


@pytest.fixture
def start(folder: Path, environment: dict[str, str]) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def started(**more: str) -> Run:
        runs.append(Run(folder, environment | more, STAND_IN))
        return runs[-1]

    yield started
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.ends()


def stop(run: Run) -> None:
    """Ask for an end, which stops all parts in reverse and leaves no process."""
    members = descendants(run.process.pid)
    assert len(members) > 10
    run.process.terminate()
    assert run.ends() == 0
    assert alive(members) == []
    stopped = [line.split()[0] for line in run.printed.splitlines() if " stopped" in line]
    services = [service.name for service in reversed(plan.SERVICES)]
    assert stopped == [*services, "RabbitMQ", "PostgreSQL"]


def kill(run: Run) -> None:
    """Kill it, after which all that it started ends by itself."""
    members = descendants(run.process.pid)
    with ExitStack() as ends:
        ended = [ends.enter_context(an_end_of(pid)) for pid in members]
        run.process.kill()
        assert all(end(10) for end in ended)
    assert alive(members) == []


def test_local_run_has_a_role_for_each_service_refuses_a_second_run_and_is_killed_with_all_of_it(
    start: Callable[..., Run], folder: Path
) -> None:
    run = start()
    run.until_ready()
    for name in plan.REAL:
        log = folder / ".local" / "log" / f"{name}.log"
        assert f"logged in as postkamer_{name}" in log.read_text()
    second = start()
    assert second.ends() == 1
    assert f"running already, as process {run.process.pid}" in second.printed
    kill(run)
    again = start()
    again.until_ready()
    stop(again)


def test_service_that_ends_is_started_again_and_a_server_that_ends_stops_everything(
    start: Callable[..., Run], environment: dict[str, str], folder: Path
) -> None:
    run = start()
    run.until_ready()
    router = f"http://127.0.0.1:{environment[plan.ROUTER_OPS.variable]}"
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{router}/end")
    run.until("router ended by itself (exit code 7); it is started again in 1 s")
    run.until("router is ready again")
    assert urllib.request.urlopen(f"{router}/health/ready").status == 200
    log = folder / ".local" / "log" / "router.log.old"
    assert "the last words of router" in log.read_text()
    members = descendants(run.process.pid)
    broker = (folder / ".local" / "rabbitmq" / "rabbitmq.pid").read_text()
    os.kill(int(broker.partition(" ")[0]), signal.SIGKILL)
    assert run.ends() == 1
    assert "rabbitmq ended by itself (killed by SIGKILL)" in run.printed
    assert alive(members) == []


def test_servers_of_the_environment_are_used_and_left_running(
    environment: dict[str, str], tmp_path: Path, server: Database, running: Broker
) -> None:
    urls = {"POSTKAMER_DATABASE_URL": server.url, "POSTKAMER_AMQP_URL": running.url}
    clone = tmp_path / "clone"
    clone.mkdir()
    run = Run(clone, environment | urls, STAND_IN)
    run.until_ready()
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0
    assert server.execute("select 1") == "1"
    assert running.process.exit_code is None
    assert "logged in as postkamer" in (clone / ".local" / "log" / "router.log").read_text()
    assert "declared" in (clone / ".local" / "log" / "topology.log").read_text()
    assert not (clone / ".local" / "rabbitmq").exists()
    assert not (clone / ".local" / "postgresql").exists()


def test_port_in_use_is_refused_with_its_service_and_variable(start: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(POSTKAMER_ARCHIVER_PORT=str(port))
        assert run.ends() == 1
    assert f"Port {port} (archiver API) is in use; POSTKAMER_ARCHIVER_PORT=" in run.printed
    assert "Traceback" not in run.printed


def test_wrong_configuration_is_refused_with_file_and_line(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(TOML.replace('destination = "crm"', 'destination = "nowhere"', 1))
    run = start(POSTKAMER_CONFIG=str(wrong))
    assert run.ends() == 1
    assert f"{wrong}:13: department kcc: destination" in run.printed
    assert "Traceback" not in run.printed
