"""`postkamer status` of services, a broker and a database that are there, and of those that are
not."""

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cli.status import collect
from deploy.local.rabbitmq import Broker
from services.amqp.queue_status import ConsumerStatus
from services.config.rules_status import RefusedChange, RulesStatus
from services.http.application import LATE, operations_app
from services.http.server import serve
from services.http.service_status import (
    DestinationStatus,
    PartitionStatus,
    ServiceParts,
)
from services.instance import VERSION, instance_name
from services.postgres.database import connection_pool
from tests.integration.conftest import PASSWORDS
from tests.support.cli.command_line import TOML, postkamer
from tests.support.integration.parked_deliveries import filled
from tests.support.integration.stops import stop

REFUSED = RefusedChange("/etc/rules/afval.toml", 3, "rule afval: words: is missing")
NUMBER = "10000001"
PARTS = ServiceParts(
    consumers=(ConsumerStatus("router.partition.0", True, True),),
    partitions=(PartitionStatus(0, 3), PartitionStatus(1)),
    destinations=(DestinationStatus("crm", window=16),),
    numbers=(NUMBER,),
)
SENT = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, state, stopped, due_at, created_at)
select gen_random_uuid(), $1, 'c' || n, 1, gen_random_uuid(), 'phone', '', '{}', state, stopped,
    now() - interval '1 hour', now() - interval '2 hours'
from (values (1, 'queued', true), (2, 'queued', false), (3, 'held', false),
    (4, 'unconfirmed', false)) line (n, state, stopped)
"""


MOVING = "70000001"
TIMER = """
insert into router.timer (id, conversation, number, kind, due_at)
values (gen_random_uuid(), $1 || '-c', $1, 'care', now() - interval '1 hour')
"""


class Router:
    """A service with its operations port."""

    def __init__(self) -> None:
        self.obstacles: list[str] = []
        self.rules = RulesStatus("a1")
        self.hung = asyncio.Event()
        self.hung.set()

    async def ready(self) -> list[str]:
        await self.hung.wait()
        return self.obstacles


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
async def address(router: Router) -> AsyncIterator[str]:
    app = operations_app(router.ready, lambda: router.rules, lambda: PARTS)
    async with serve(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def run(urls: str, *arguments: str, **settings: str) -> Result:
    env = {"POSTKAMER_OPS_URLS": urls} | settings
    return await asyncio.to_thread(postkamer, "status", *arguments, env=env)


async def read_status(urls: str, **settings: str) -> dict[str, Any]:
    done = await run(urls, "--json", **settings)
    status: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == (1 if status["problems"] else 0)
    return status


async def test_status_without_broker_and_database_says_so_and_sees_nothing_wrong(
    address: str,
) -> None:
    done = await run(f"router={address}/")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].endswith("nothing wrong seen, but not all was asked")
    assert "? 0          not known      -" in done.stdout
    assert re.search(rf"router +ready +{VERSION} +0 s +a1 +{instance_name()}", done.stdout)
    assert lines[-2:] == [
        "? The broker is not asked: POSTKAMER_AMQP_URL is missing.",
        "? The database is not asked: POSTKAMER_DATABASE_URL is missing.",
    ]
    status = await read_status(f"router={address}")
    [shown] = status["services"]
    assert shown["rules"] == {
        "version": "a1",
        "refused": None,
        "production": False,
        "waiting": None,
    }
    assert (shown["version"], shown["instance"]) == (VERSION, instance_name())


async def test_status_has_exit_code_1_and_the_reason_for_each_service(
    address: str, router: Router
) -> None:
    router.obstacles, router.rules = ["no consumer on q"], RulesStatus("a1", REFUSED)
    urls = f"router={address}, second=http://127.0.0.1:1, third={address}/elsewhere"
    status = await read_status(urls)
    assert [(each["text"], each["about"]) for each in status["problems"]] == [
        ("router is not ready: no consumer on q.", f"service router {address}"),
        (
            "second is not live: http://127.0.0.1:1 does not answer: Connection refused.",
            "service second http://127.0.0.1:1",
        ),
        (
            f"third is not live: {address}/elsewhere answers something else.",
            f"service third {address}/elsewhere",
        ),
        (f"A change of the rules is not in force: {REFUSED}", "rules"),
    ]


async def test_hung_services_are_given_up_and_told_apart(address: str, router: Router) -> None:
    router.hung.clear()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        status = await read_status(f"router={address},gateway=http://{host}:{port}")
    router.hung.set()
    first, second = (each["text"] for each in status["problems"])
    assert first == f"router is not ready: {LATE}."
    assert second == f"gateway is not live: http://{host}:{port} does not answer within 1 s."


async def write_day(url: str) -> None:
    """Write an ordinary day of four messages of a number, and take a partition."""
    async with connection_pool(url, "postkamer-router web9/77", 1) as pool:
        await pool.execute(SENT, NUMBER)
        await pool.execute("insert into router.lease values (0, 3)")
        await pool.execute("insert into deliverer.pause values ('piket', now(), 'upgrade')")
        await pool.execute(TIMER, MOVING)
        await stop(pool, MOVING)


async def test_status_shows_what_broker_and_database_tell(
    address: str, broker: Broker, fresh: str
) -> None:
    await asyncio.to_thread(filled, fresh)
    await write_day(fresh)
    amqp = broker.url_for("operator", PASSWORDS["operator"])
    async with connection_pool(fresh, "postkamer-router web9/77", 1) as pool:
        await pool.fetchval("select 1")
        status = await read_status(
            f"router={address}", POSTKAMER_AMQP_URL=amqp, POSTKAMER_DATABASE_URL=fresh
        )
    zero, one = status["partitions"]
    assert (zero["epoch"], zero["queue"]["owner"]) == (3, f"router {instance_name()}")
    assert (one["queue"]["ready"], one["queue"]["consumers"]) == (0, 0)
    crm = next(each for each in status["destinations"] if each["id"] == "crm")
    assert (crm["parked"], crm["window"], crm["queue"]["ready"]) == (6, 16, 0)
    [number] = status["numbers"]
    counts = [number[name] for name in ("queued", "held", "inDoubt", "stopped", "state")]
    assert counts == [2, 1, 1, True, "open"]
    assert number["movesSince"] is None
    send = next(each for each in status["waiting"] if each["kind"] == "send")
    assert send["count"] == 2
    timer = next(each for each in status["waiting"] if each["kind"] == "timer")
    assert timer["count"] == 0, "that of a stopped number rests"
    assert status["others"] == [{"name": "router", "instance": "web9/77"}]
    assert status["archive"]["entries"] == 0
    database = next(each for each in status["disk"] if each["name"] == "database")
    assert database["used"] > 0 and 0 < database["free"] <= database["total"]
    texts = {each["text"] for each in status["problems"]}
    assert "Parked for crm: 6 deliveries." in texts
    assert f"The provider of number {NUMBER} lets nothing go; its messages wait." in texts
    assert f"1 message from number {NUMBER} may or may not have gone." in texts
    assert "No process reads the queue of partition 1." in texts


async def test_silent_broker_and_database_are_lines_and_the_rest_is_shown(
    address: str, tmp_path: Path
) -> None:
    config = tmp_path / "postkamer.toml"
    config.write_text(TOML)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        began = time.monotonic()
        status = await read_status(
            f"router={address}",
            POSTKAMER_CONFIG=str(config),
            POSTKAMER_AMQP_URL=f"amqp://u:hunter2@{host}:{port}/",
            POSTKAMER_DATABASE_URL=f"postgresql://u:hunter2@{host}:{port}/x",
            POSTKAMER_BROKER_METRICS_URL=f"http://{host}:{port}/metrics",
        )
        assert time.monotonic() - began < 5, "all are asked at the same time"
    texts = [each["text"] for each in status["problems"]]
    assert sorted(texts) == [
        "The broker does not answer (TimeoutError).",
        "The broker's metrics do not answer (TimeoutError).",
        "The database does not answer (TimeoutError).",
    ]
    assert status["services"][0]["ready"] and status["destinations"][0]["parked"] is None
    assert "hunter2" not in json.dumps(status)


async def test_metrics_that_come_by_the_byte_are_given_up(address: str) -> None:
    ended = asyncio.Event()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n")
        while not ended.is_set():
            writer.write(b"x")
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 0.2)
        writer.close()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        began = time.monotonic()
        metrics = f"http://127.0.0.1:{port}/metrics"
        status = await read_status(f"router={address}", POSTKAMER_BROKER_METRICS_URL=metrics)
        took = time.monotonic() - began
        ended.set()
    assert took < 5
    [problem] = status["problems"]
    assert problem["text"] == "The broker's metrics do not answer (TimeoutError)."


async def test_names_that_no_resolver_answers_are_given_up(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up, ended = socket.getaddrinfo, threading.Event()

    def hang(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == "hung.example":
            ended.wait(20)
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    status = await read_status(
        f"router={address}",
        POSTKAMER_AMQP_URL="amqp://u:p@hung.example/",
        POSTKAMER_DATABASE_URL="postgresql://u:p@hung.example/x",
        POSTKAMER_PLAIN_HOSTS="hung.example",
    )
    took = time.monotonic() - began
    ended.set()
    assert took < 5 and status["services"][0]["ready"]
    assert sorted(each["text"] for each in status["problems"]) == [
        "The broker does not answer (TimeoutError).",
        "The database does not answer (TimeoutError).",
    ]


async def test_locked_table_leaves_time_for_the_other_questions(
    address: str, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "SECONDS", 4.0)  # of one second, a busy machine takes half
    async with (
        connection_pool(fresh, "test", 1) as pool,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        await connection.execute("lock table deliverer.delivery in access exclusive mode")
        status = await read_status(f"router={address}", POSTKAMER_DATABASE_URL=fresh)
    [problem] = [each["text"] for each in status["problems"]]
    assert problem == "The database refuses to tell: destinations (LockNotAvailableError)."
    assert status["archive"]["entries"] == 0 and status["balance"]


async def test_tables_of_an_older_database_are_named(address: str, empty: str) -> None:
    status = await read_status(f"router={address}", POSTKAMER_DATABASE_URL=empty)
    [problem] = [each["text"] for each in status["problems"]]
    assert problem.startswith("The database refuses to tell: leases (UndefinedTableError)")


async def test_without_the_services_the_configuration_says_what_to_ask_about(
    tmp_path: Path, fresh: str
) -> None:
    config = tmp_path / "postkamer.toml"
    config.write_text(TOML)
    await asyncio.to_thread(filled, fresh)
    status = await read_status(
        "router=http://127.0.0.1:1", POSTKAMER_CONFIG=str(config), POSTKAMER_DATABASE_URL=fresh
    )
    assert status["destinations"][0]["id"] == "crm"
    assert [each["id"] for each in status["numbers"]] == ["10000001", "20000001"]
    config.write_text("[[")
    status = await read_status("router=http://127.0.0.1:1", POSTKAMER_CONFIG=str(config))
    assert "POSTKAMER_CONFIG: the configuration has faults, or cannot be read." in {
        each["text"] for each in status["problems"]
    }


@contextmanager
def watch(
    *arguments: str, terminal: int | None = None, **settings: str
) -> Iterator["subprocess.Popen[str]"]:
    """Run `status --watch`; it is ended with the context at the latest.

    A job that a shell runs in the background ignores Ctrl-C, and so would its children.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "status", "--watch", *arguments],
        stdin=terminal,
        stdout=terminal if terminal is not None else subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"POSTKAMER_OPS_URLS": "router=http://127.0.0.1:1"} | settings,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_watch_goes_on_without_a_terminal_until_ctrl_c() -> None:
    with watch("--json") as process:
        assert process.stdout
        shown = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
        assert process.wait(10) == 1
    first, second = (each["at"] for each in shown)
    assert first < second


def read_rest(terminal: int) -> bytes:
    """Read what the process wrote to the terminal before it ended."""
    rest = b""
    with suppress(OSError):  # EIO: the other end is closed
        while more := os.read(terminal, 65536):
            rest += more
    return rest


@pytest.mark.parametrize(
    ("settings", "end"), [({}, signal.SIGINT), ({"NO_COLOR": "1"}, signal.SIGTERM)]
)
def test_watch_redraws_a_terminal_in_one_piece(
    settings: dict[str, str], end: signal.Signals
) -> None:
    ours, theirs = pty.openpty()
    with watch(terminal=theirs, TERM="xterm", **settings) as process:
        seen = b""
        while seen.count(b"\x1b[J") < 2:
            seen += os.read(ours, 65536)
        process.send_signal(end)
        assert process.wait(10) == 1
    os.close(theirs)
    screen = (seen + read_rest(ours)).decode()
    assert "\x1b[?25h\x1b[?1049l" in screen, "the first screen is back, with its cursor"
    assert screen.startswith("\x1b[?1049h\x1b[?25l\x1b[H")
    assert ("\x1b[1;31m" in screen) is not bool(settings)
    assert "! router is not live" in re.sub(r"\x1b\[[0-9;]*m", "", screen)


def test_watch_appends_where_the_terminal_is_dumb() -> None:
    ours, theirs = pty.openpty()
    with watch(terminal=theirs, TERM="dumb") as process:
        seen = b""
        while b"SERVICE" not in seen:
            seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 1
    os.close(theirs)
    assert b"\x1b" not in seen + read_rest(ours)
