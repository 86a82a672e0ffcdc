"""The servers under load: the gateway and its baselines, with a broker and a database."""

import asyncio
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aio_pika

from bench.reports.results import BARE, GATEWAY, SINGLE
from deploy.local.plan import PORTS, Secrets, environment
from deploy.local.postgresql import Database
from deploy.local.rabbitmq import Broker
from deploy.local.servers import definitions
from deploy.local.state import free_port, token
from services import clock
from services.config import loader
from services.keys.working_keys import refresh
from services.postgres.database import connection_pool
from services.sealing.key_ring import RING, KeyRing

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "tests" / "examples" / "almelo.toml"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
"""32 bytes in base64, for test data only."""
START_SECONDS = 60
"""Time for a server to answer; a service that waits for another one would wait for ever."""
STOP_SECONDS = 30


class Servers:
    """The port of each running server, and the queues behind them."""

    def __init__(self, ports: Mapping[str, int], amqp: str, partitions: int) -> None:
        self.ports = ports
        self._amqp, self._partitions = amqp, partitions

    def purge(self) -> None:
        """Purge the queues, which have no consumers here."""
        asyncio.run(self._purge())

    async def _purge(self) -> None:
        async with await aio_pika.connect(self._amqp) as connection:
            channel = await connection.channel()
            for partition in range(self._partitions):
                queue = await channel.get_queue(f"router.partition.{partition}", ensure=False)
                await queue.purge()


@contextmanager
def migrated_database(folder: Path) -> Iterator[tuple[Database, dict[str, str]]]:
    """Run a database with its shipped settings and all tables; yields it with the environment."""
    folder.mkdir(parents=True)
    with Database(folder / "postgresql") as database:
        settings = process_environment(folder, EXAMPLE, "", database.url)
        migrate(settings)
        yield database, settings


def migrate(settings: Mapping[str, str]) -> None:
    """Make all tables."""
    line = [sys.executable, "-m", "cli.main", "migrate"]
    subprocess.run(line, env=settings, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def note_comparison(database: Database) -> None:
    """Note, as an archiver does, that this database was not restored: no service starts before."""
    database.execute("select restoration.note_comparison(-1)")


async def read_keys(settings: Mapping[str, str]) -> None:
    """Make the working keys of a database, so that this process seals and opens with them, and not
    with those of the part before: its database is gone, and no service here knows them."""
    vars(RING).update(vars(KeyRing()))
    master = b64decode(settings["POSTKAMER_WORKING_KEY"])
    async with connection_pool(settings["POSTKAMER_DATABASE_URL"], "bench", 1) as pool:
        await refresh(pool, [master], clock.now().date())


@contextmanager
def run_servers(folder: Path) -> Iterator[Servers]:
    """Run all servers until the context is left."""
    config = loader.load(EXAMPLE).config
    passwords = {name: token() for name in ("gateway", "router", "deliverer", "archiver")}
    broker = Broker(folder / "rabbitmq", definitions(EXAMPLE, passwords))
    database = Database(folder / "postgresql", durable=False)
    with broker, database, ExitStack() as stack:
        settings = process_environment(folder, EXAMPLE, broker.url, database.url)
        migrate(settings)
        note_comparison(database)
        ports = {kind: free_port() for kind in (BARE, SINGLE)}
        ports[GATEWAY] = int(settings["POSTKAMER_GATEWAY_PORT"])
        for kind, port in ports.items():
            stack.enter_context(run_command(_command(kind, port), port, settings))
        yield Servers(ports, broker.url, config.partitions)


def _command(kind: str, port: int) -> list[str]:
    if kind == GATEWAY:
        return [sys.executable, "-m", "cli.main", "gateway"]
    baseline = "single" if kind == SINGLE else "bare"
    return [sys.executable, "-m", "bench.baselines.gateway", baseline, str(port)]


def process_environment(folder: Path, config: Path, amqp: str, database: str) -> dict[str, str]:
    """Return the environment of our processes, with free ports."""
    ports = {port.variable: str(free_port()) for port in PORTS}
    variables = ports | {"POSTKAMER_CONFIG": str(config), "PATH": os.environ["PATH"]}
    settings = environment(
        variables, root=folder, secrets=Secrets(KEY, KEY, KEY, f"bench:{token()}")
    )
    return settings | {
        "POSTKAMER_AMQP_URL": amqp,
        "POSTKAMER_DATABASE_URL": database,
        "POSTKAMER_LOG_LEVEL": "error",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def run_command(command: list[str], port: int, settings: Mapping[str, str]) -> Iterator[int]:
    """Run a process that answers on its port; yield its pid."""
    process = subprocess.Popen(command, env=dict(settings), cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/", process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=STOP_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until something answers on the port, with any status; RuntimeError if nothing does."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("a server ended early, or never answered")
