"""TLS with a real broker and a real database: verified or refused, and exchanged under traffic."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from cli.check.broker_management import BrokerManagement, ManagementUnusable
from cli.check.queue_faults import BrokerState
from cli.check.servers import NOT_REACHED, check_servers
from deploy.local.postgresql import Database
from deploy.local.rabbitmq import Broker
from deploy.local.state import free_port
from services import clock
from services.amqp import topology
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.publisher import Publisher, PublishUnconfirmed
from services.contract import PartitionBatch
from services.metrics import REGISTRY
from services.postgres.database import Pool, connection_pool, retry_while_unavailable
from services.servers.certificate_watch import (
    STATES,
    Server,
    look_at,
    watch_certificates,
    watched_servers,
)
from services.tasks import background_task
from tests.integration.conftest import PASSWORDS
from tests.support.integration.web_server import serve_app
from tests.support.observer import until, until_true
from tests.support.test_ca import Authority

KEY = topology.queues(2, ["crm"])[0].name
SECONDS = 20.0
SERVERS = ("broker", "database", "object store")
STORE = "POSTKAMER_OBJECT_STORE"
LISTEN = """
application:set_env(ssl, bypass_pem_cache, true),
application:set_env(rabbit, ssl_options,
    [{{certfile, "{0}/server.pem"}}, {{keyfile, "{0}/server.key"}}]),
rabbit_networking:start_ssl_listener({{"127.0.0.1", {1}}}, rabbit_networking:ensure_ssl(), 2).
"""
"""Without its cache, in which a node keeps the files for two minutes at the longest."""
NO_AUTHORITY = "its certificate leads to no authority that is trusted here"
OTHER_HOST = "its certificate is for another host name"


class Servers:
    """Broker and database that speak TLS, each with the same certificate."""

    def __init__(self, folder: Path, broker: Broker, database: Database) -> None:
        self.old, self.new = Authority(folder, "old"), Authority(folder, "new")
        self._folder, self._broker, self._database = folder, broker, database
        self.trusted, self._port = folder / "trusted.pem", free_port()
        self._data = database.folder / "data"

    def listen(self) -> None:
        self._exchange_files(self.old)
        self._broker.evaluate(LISTEN.format(self._folder, self._port))
        for name, value in {"cert": "server.pem", "key": "server.key"}.items():
            self._database.execute(f"alter system set ssl_{name}_file = '{value}'")
        self._database.execute("alter system set ssl = on; select pg_reload_conf()")

    def close(self) -> None:
        for name in ("ssl", "ssl_cert_file", "ssl_key_file"):
            self._database.execute(f"alter system reset {name}")
        self._database.execute("select pg_reload_conf()")

    @property
    def amqp_url(self) -> str:
        url = self._broker.url_for("gateway", PASSWORDS["gateway"])
        tls = url.replace("amqp:", "amqps:").replace(
            f":{self._broker.ports.amqp}", f":{self._port}"
        )
        return f"{tls}?cafile={self.trusted}"

    @property
    def database_url(self) -> str:
        return f"{self._database.url}?sslmode=verify-full&sslrootcert={self.trusted}"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "POSTKAMER_AMQP_URL": self.amqp_url,
            "POSTKAMER_DATABASE_URL": self.database_url,
        }

    def watched(self, environ: Mapping[str, str]) -> list[Server]:
        values = {"database_url": self.database_url, "amqp_url": self.amqp_url}
        return watched_servers(values | {"object_store": environ.get(STORE, "")}, environ)

    @property
    def password(self) -> str:
        return (self._database.folder / "password").read_text()

    async def until_shown(self, days: int) -> None:
        """Wait until both show a certificate that lasts for so long: they read files some time."""
        for server in self.watched({}):
            look = partial(look_at, server, server.addresses[0])
            await until(look, lambda each: is_days_away(each.not_after, days), SECONDS)

    def trust(self, *authorities: Authority) -> None:
        """Exchange the file of authorities, whole, as Kubernetes and careful people do."""
        made = self.trusted.with_suffix(".new")
        made.write_bytes(b"".join(each.certificate.read_bytes() for each in authorities))
        made.replace(self.trusted)

    async def show(self, authority: Authority, **options: Any) -> None:
        """Exchange the certificate of both servers, and wait until new connections see it."""
        await asyncio.to_thread(self._exchange_files, authority, **options)
        await asyncio.to_thread(self._database.execute, "select pg_reload_conf()")

    def _exchange_files(self, authority: Authority, **options: Any) -> None:
        issued = authority.issued("issued", **options)
        owner = self._data.stat()
        for path, name in ((issued.certificate, "server.pem"), (issued.key, "server.key")):
            shutil.copy(path, self._folder / name)
            there = self._data / name
            shutil.copy(path, there)
            there.chmod(0o600)
            os.chown(there, owner.st_uid, owner.st_gid)


def is_days_away(end: datetime | None, days: int) -> bool:
    return bool(end and abs(end - clock.now() - timedelta(days=days)) < timedelta(hours=1))


@pytest.fixture(scope="module")
def servers(
    running: Broker, server: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("tls"), running, server)
    made.listen()
    yield made
    made.close()


@pytest.fixture
async def shown(servers: Servers) -> Servers:
    """Both show a certificate of the old authority, which is trusted."""
    servers.trust(servers.old)
    await servers.show(servers.old)
    await servers.until_shown(days=10)
    return servers


class Clients(NamedTuple):
    link: BrokerConnection
    pool: Pool
    publisher: Publisher

    async def renew(self) -> None:
        """Let the next publish and the next statement go over new connections."""
        former = await self.link.connection()
        self.link.reconnect()
        # Until it is closed, publishes may still be confirmed over it.
        await until_true(lambda: former.is_closed, SECONDS)
        await self.pool.expire_connections()


@asynccontextmanager
async def clients(servers: Servers) -> AsyncIterator[Clients]:
    async with (
        broker_connection(servers.amqp_url, "test") as link,
        connection_pool(servers.database_url, "test", 2) as pool,
    ):
        yield Clients(link, pool, Publisher(link, topology.PARTITIONS))


class Traffic:
    """A publish and a statement, one after the other, each repeated until it is done."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.published = self.stated = 0

    async def publish(self) -> None:
        while True:
            batch = PartitionBatch(source=clock.new_id(), number=self.published, entries=[])
            try:
                # One that is slow would have the connection made anew, which the test refuses.
                await self.clients.publisher.publish(KEY, batch, SECONDS)
            except PublishUnconfirmed:
                continue
            self.published += 1

    async def state(self) -> None:
        while True:
            await retry_while_unavailable(self._ask, "test")
            self.stated += 1

    async def _ask(self) -> None:
        query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        assert await self.clients.pool.fetchval(query) is True

    async def until_both_go_on(self) -> None:
        """Wait for two more of each: the second one began after now."""
        published, stated = self.published + 2, self.stated + 2

        async def look() -> tuple[int, int]:
            return self.published - published, self.stated - stated

        await until(look, lambda more: min(more) >= 0, SECONDS)


@asynccontextmanager
async def traffic(clients: Clients) -> AsyncIterator[Traffic]:
    flow = Traffic(clients)
    async with (
        background_task(flow.publish()) as publishing,
        background_task(flow.state()) as stating,
    ):
        yield flow
        assert not publishing.done() and not stating.done()


def reasons(entries: list[Any]) -> set[tuple[str, str]]:
    return {(e["event"], e["reason"]) for e in entries if "reason" in e}


def refused(reason: str) -> set[tuple[str, str]]:
    return {("broker.unreachable", reason), ("database.away", reason)}


async def test_wrong_authority_and_wrong_name_are_refused_until_they_are_right(
    shown: Servers,
) -> None:
    shown.trust(shown.new)
    with capture_logs() as entries:
        async with clients(shown) as both, traffic(both) as flow:
            await until_true(lambda: refused(NO_AUTHORITY) <= reasons(entries), SECONDS)
            await shown.show(shown.new, days=20, names="subjectAltName=DNS:elsewhere.example")
            await until_true(lambda: refused(OTHER_HOST) <= reasons(entries), SECONDS)
            assert (flow.published, flow.stated) == (0, 0)
            faults = await asyncio.to_thread(check_servers, shown.environ)
            assert faults.faults == [
                f"POSTKAMER_AMQP_URL: a broker cannot be used ({OTHER_HOST})",
                f"POSTKAMER_DATABASE_URL: the database cannot be used ({OTHER_HOST})",
            ]
            await shown.show(shown.new, days=20)
            await flow.until_both_go_on()
    assert reasons(entries) == refused(NO_AUTHORITY) | refused(OTHER_HOST)
    password = PASSWORDS["gateway"]
    assert password not in str(entries) and shown.password not in str(entries)


async def test_certificates_and_authorities_are_exchanged_under_traffic(shown: Servers) -> None:
    with capture_logs() as entries:
        async with clients(shown) as both, traffic(both) as flow:
            await flow.until_both_go_on()
            # In the right order nothing is refused.
            shown.trust(shown.old, shown.new)
            await shown.show(shown.new, days=20)
            await shown.until_shown(days=20)
            await both.renew()
            await flow.until_both_go_on()
            shown.trust(shown.new)
            await both.renew()
            await flow.until_both_go_on()
            assert reasons(entries) == set()
            # In the wrong one, what there is goes on, and new connections wait for the file.
            await shown.show(shown.old)
            await flow.until_both_go_on()
            await both.renew()
            await until_true(lambda: refused(NO_AUTHORITY) <= reasons(entries), SECONDS)
            shown.trust(shown.old)
            await flow.until_both_go_on()
    assert reasons(entries) == refused(NO_AUTHORITY)


def measured(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"postkamer_server_certificate{name}", labels) or 0.0


def states() -> dict[str, list[str]]:
    """State of each server, of which there must be one."""
    return {
        server: [each for each in STATES if measured("", server=server, state=each)]
        for server in SERVERS
    }


@asynccontextmanager
async def bucket(servers: Servers) -> AsyncIterator[dict[str, str]]:
    """Settings of a bucket with a certificate as the others have, and the servers' own."""
    shown = servers.old.shown_by(servers.old.issued("bucket"), asks=False)
    async with serve_app(web.Application(), shown) as port:
        yield servers.environ | {
            STORE: f"s3://files?cafile={servers.trusted}",
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        }


async def test_state_and_end_of_shown_certificates_are_measured(
    shown: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, passed = clock.now(), timedelta()
    monkeypatch.setattr(clock, "now", lambda: now + passed)
    async with (
        bucket(shown) as environ,
        background_task(watch_certificates(lambda: shown.watched(environ), seconds=0.05)),
    ):
        for days, state in ((0.0, "fine"), (9.5, "warning"), (9.9, "wrong")):
            passed = timedelta(days=days)
            expected = {each: [state] for each in SERVERS}
            await until_true(lambda: states() == expected, SECONDS)  # noqa: B023
            result = await asyncio.to_thread(check_servers, environ)
            ends = f"at 127.0.0.1 ends on {now + timedelta(days=10):%Y-%m-%d}: renew it"
            warnings = [f"the certificate of the {each} {ends}" for each in SERVERS]
            told = [each for each in result.warnings if "certificate" in each]
            assert (result.faults, told) == ([], warnings if days else [])
        other = environ | {STORE: f"s3://files?cafile={shown.new.certificate}"}
        result = await asyncio.to_thread(check_servers, other)
        assert result.faults == [f"{STORE}: the bucket cannot be used ({NO_AUTHORITY})"]
    result = await asyncio.to_thread(check_servers, environ)
    assert NOT_REACHED.format("127.0.0.1") in result.warnings and not result.faults
    for server in SERVERS:
        end = measured("_not_after_seconds", server=server)
        assert abs(end - (now + timedelta(days=10)).timestamp()) < 300


async def test_management_of_another_authority_is_refused(tmp_path: Path) -> None:
    own, other = Authority(tmp_path, "own"), Authority(tmp_path, "other")
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        return web.json_response([])

    app.router.add_get("/api/{what}/{vhost}", answer)
    async with serve_app(app, own.shown_by(own.issued("management"), asks=False)) as port:
        url = f"https://u:hunter2@127.0.0.1:{port}?cafile="
        state = await asyncio.to_thread(BrokerManagement(f"{url}{own.certificate}").read_state)
        assert state == BrokerState([], [], [], [])
        for wrong in (f"{url}{other.certificate}", url, f"{url}{tmp_path}/none.pem"):
            with pytest.raises(ManagementUnusable) as raised:
                await asyncio.to_thread(BrokerManagement(wrong).read_state)
            assert "hunter" not in str(raised.value)
