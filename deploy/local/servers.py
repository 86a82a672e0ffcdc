"""Broker and database of a run: private ones, or those that the environment names."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from deploy.local.errors import Refusal
from deploy.local.plan import REAL, STORING, wants_prometheus
from deploy.local.postgresql import Database
from deploy.local.process import Process
from deploy.local.rabbitmq import Broker, Ports
from deploy.local.state import State
from services.amqp import topology
from services.config import loader, model
from services.config.settings import read

AMQP, DATABASE = "POSTKAMER_AMQP_URL", "POSTKAMER_DATABASE_URL"
METRICS = "POSTKAMER_BROKER_METRICS_URL"


class Servers:
    """Both servers of one run. Each of our services has a user of its own in each."""

    def __init__(
        self,
        folder: Path,
        state: State,
        settings: Mapping[str, str],
        report: Callable[[str], None],
    ) -> None:
        self._state = state
        given = {name: read(name, settings) or "" for name in (AMQP, DATABASE)}
        # A shell that has read `.local/environment` has the addresses of our own.
        self._external = {name: url for name, url in given.items() if not state.is_own(url)}
        self._report = report
        self.broker: Broker | None = None
        self.database: Database | None = None
        if not self._external.get(AMQP):
            self.broker = Broker(
                folder / "rabbitmq",
                definitions(Path(settings["POSTKAMER_CONFIG"]), self._passwords("broker")),
                ports=Ports(
                    lambda name: self._state.port(f"rabbitmq {name}"),
                    metrics=wants_prometheus(settings),
                ),
                report=report,
            )
        if not self._external.get(DATABASE):
            self.database = Database(
                folder / "postgresql", port=self._state.port("postgresql"), report=report
            )

    def start(self, stack: ExitStack, hurry: Callable[[], bool]) -> None:
        """Start our private servers: the broker first without waiting, because it is slower."""
        if database := self.database:
            stack.callback(self._stop, "PostgreSQL", lambda: database.stop(hurry))
        if broker := self.broker:
            stack.callback(self._stop, "RabbitMQ", lambda: broker.stop(hurry))
            broker.launch()
        if database:
            database.start()
            self._report(f"PostgreSQL {database.version} answers on port {database.port}")

    def wait(self) -> None:
        if self.broker:
            self.broker.wait()
            self.broker.flush()
            self._report(f"RabbitMQ answers on port {self.broker.ports.amqp}")

    def let_services_in(self) -> None:
        """Give the roles that the migrations created a password, so that they can log in."""
        if self.database:
            passwords = self._passwords("database").items()
            self.database.execute(
                "".join(
                    f"alter role postkamer_{name} login password '{password}';"
                    for name, password in passwords
                )
            )

    def processes(self) -> list[Process]:
        """Return the processes that must keep running."""
        processes = [self.broker.epmd, self.broker.process] if self.broker else []
        if self.database and self.database.process:
            processes.append(self.database.process)
        return processes

    def settings(self) -> dict[str, str]:
        """Return the addresses of the servers for the owner of the installation."""
        settings = {}
        if self.broker:
            settings[AMQP] = self.broker.url
            if port := self.broker.ports.metrics:
                settings[METRICS] = f"http://127.0.0.1:{port}/metrics"
        if self.database:
            settings[DATABASE] = self.database.url
        return settings

    def settings_of(self, service: str) -> dict[str, str]:
        """Return the addresses of the servers for one service, with its own user."""
        settings = {}
        if self.broker and service in REAL:
            settings[AMQP] = self.broker.url_for(service, self._passwords("broker")[service])
        if self.database:
            role, password = f"postkamer_{service}", self._passwords("database")[service]
            settings[DATABASE] = self.database.url_for(role, password)
        return settings

    def _passwords(self, server: str) -> dict[str, str]:
        names = REAL if server == "broker" else STORING
        return {name: self._state.secret(f"{server} {name}") for name in names}

    def _stop(self, name: str, stop: Callable[[], bool]) -> None:
        self._report(f"{name} {'stopped' if stop() else 'killed'}")


def definitions(path: Path, passwords: Mapping[str, str]) -> dict[str, Any]:
    """Return the broker's definitions for the configuration in `path`."""
    try:
        town = loader.load(path).config
    except model.ConfigError as error:
        raise Refusal(f"The configuration is not right:\n{error}") from error
    destinations = [destination.id for destination in town.destinations]
    return topology.definitions(topology.queues(town.partitions, destinations), passwords)
