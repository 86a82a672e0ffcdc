"""A destination at work on a real broker and database, and the CRM that it delivers to."""

import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import msgspec
from aiohttp import web

from deliverer.audit.recorder import attempt_recorder
from deliverer.crm.condition_store import ConditionStore
from deliverer.crm.destination_kind import Credentials, ReceiverContext, Secrets
from deliverer.crm.replays import Replays
from deliverer.crm.session import DeliveryTables
from deliverer.crm.settlements import Settlements
from deliverer.crm.sidelined_store import SidelinedStore
from deliverer.crm.table_lease import TableLeases
from deliverer.running_destinations import SharedResources, run_destination
from deliverer.transport.client_certificates import Certificates
from deploy.local.rabbitmq import Broker
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.publisher import Publisher
from services.config.organisation import AnyDestination, CloudEventsDestination, Department
from services.contract import Delivery, DeliveryBatch
from services.ids import uuid7
from services.postgres.database import Pool
from tests.integration.conftest import PASSWORDS
from tests.support.integration.web_server import serve_app
from tests.support.observer import until

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HERE = [ip_network("127.0.0.0/8")]
CONVERSATIONS = 100
ARCHIVER = "http://archief.example"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that answers each POST so; its address."""
    app = web.Application()
    app.router.add_post("/{tail:.*}", handler)
    async with serve_app(app, tls) as port:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}/"


class Crm:
    """Takes events, and counts how often it took each; `lets_in` says whether it does."""

    def __init__(self, lets_in: Callable[[web.Request], bool] = lambda _: True) -> None:
        self.lets_in = lets_in
        self.taken, self.refused = Counter[str](), Counter[str]()
        self.serials: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        event = msgspec.json.decode(await request.read())
        assert request.headers["webhook-signature"].startswith("v1,")
        if not self.lets_in(request):
            self.refused[event["id"]] += 1
            return web.Response(status=401)
        self.taken[event["id"]] += 1
        assert request.transport
        if shown := request.transport.get_extra_info("peercert"):
            self.serials.append(shown["serialNumber"])
        return web.Response(status=204)


class Post:
    """The destination `crm`, what comes in for it, and what became of that."""

    def __init__(self, broker: Broker, pool: Pool) -> None:
        self._broker, self._pool = broker, pool

    def department(self, tenant: str, department: str) -> Department:
        given = {"id": department, "tenant": tenant, "name": department.title()}
        return Department.model_validate(given | {"destination": "crm"})

    @asynccontextmanager
    async def works(
        self, given: dict[str, Any], secret: str = "", certificates: Certificates | None = None
    ) -> AsyncIterator[None]:
        """Run `crm` as a destination of CloudEvents."""
        destination = CloudEventsDestination.model_validate(
            {"id": "crm", "kind": "cloudevents"} | given
        )
        own = Credentials(Secrets((b"key",), secret), certificates)
        async with self.runs(destination, own, self.department):
            yield

    @asynccontextmanager
    async def runs(
        self,
        destination: AnyDestination,
        own: Credentials,
        find: Callable[[str, str], Department | None],
        departments: Sequence[Department] = (),
    ) -> AsyncIterator[None]:
        """Run a destination of any kind; `find` returns a department by municipality and id."""
        url = self._broker.url_for("deliverer", PASSWORDS["deliverer"])
        async with (
            broker_connection(url, "test publishes") as out,
            broker_connection(url, "test consumes") as link,
        ):
            settlements = Settlements(self._pool, Publisher(out, topology.ARCHIVE))
            tables = DeliveryTables(
                Replays(self._pool),
                SidelinedStore(self._pool),
                TableLeases(self._pool, clock.new_id()),
                ConditionStore(self._pool),
            )
            receivers = ReceiverContext(self._pool, find, lambda: departments, HERE, ARCHIVER)
            async with attempt_recorder(Publisher(out, topology.ARCHIVE)) as attempts:
                shared = SharedResources(
                    link, settlements, tables, receivers, attempts.record, lambda _: None, {}
                )
                async with run_destination(shared, destination, own):
                    yield

    async def receives(self, count: int) -> None:
        deliveries = [delivery(n) for n in range(count)]
        await self._receive(deliveries[n : n + 50] for n in range(0, count, 50))

    async def receives_each(self, *deliveries: Delivery) -> None:
        """Each in an envelope of its own."""
        await self._receive([each] for each in deliveries)

    async def _receive(self, envelopes: Iterable[list[Delivery]]) -> None:
        url = self._broker.url_for("router", PASSWORDS["router"])
        async with broker_connection(url, "test router") as link:
            publisher = Publisher(link, topology.DESTINATIONS)
            for deliveries in envelopes:
                batch = DeliveryBatch(destination="crm", deliveries=deliveries)
                await publisher.publish(topology.destination_queue("crm"), batch, 10)

    async def states(self) -> dict[str, int]:
        """Number of deliveries in each state."""
        sql = "select state, count(*) as n from deliverer.delivery group by state"
        return {row["state"]: row["n"] for row in await self._pool.fetch(sql)}

    async def until_states(self, **states: int) -> None:
        await until(self.states, lambda found: found == states, 60)


def delivery(n: int) -> Delivery:
    at = NOON + timedelta(seconds=n)
    return Delivery(
        id=uuid7(clock.now(), clock.new_id().bytes[:10]),
        type="nl.postkamer.message-received.v1",
        tenant="almelo",
        conversation=f"10000001-{n % CONVERSATIONS}",
        department="kcc",
        sequence=n,
        time=at,
        received_at=at,
        data=b"{}",
        message=clock.new_id(),
    )
