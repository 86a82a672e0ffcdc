"""A number, a department and a destination that a running deliverer gets: each works from its first
message on, with all that belongs to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partialmethod
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web

from deliverer.audit.recorder import attempt_recorder
from deliverer.credentials import load_credentials
from deliverer.crm.condition_store import ConditionStore
from deliverer.crm.destination_kind import ReceiverContext
from deliverer.crm.replays import Replays
from deliverer.crm.session import DeliveryTables
from deliverer.crm.settlements import Settlements
from deliverer.crm.sidelined_store import SidelinedStore
from deliverer.crm.table_lease import TableLeases
from deliverer.current_config import CurrentConfig
from deliverer.meta.accounts import load_accounts
from deliverer.meta.guest_list import REFUSED
from deliverer.owners.notice_sender import OwnerNotices
from deliverer.owners.notice_store import NoticeStore
from deliverer.running_destinations import SharedResources, run_destinations
from deliverer.service import follow_config
from deliverer.transport.client_certificates import Certificates
from deploy.local.rabbitmq import Broker
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.publisher import Publisher
from services.config import loader
from services.config.secret_files import LiveSettings
from services.config.settings import DelivererSettings, load
from services.http.server import serve
from services.postgres.database import Pool, connection_pool
from services.sealing.columns import ADDRESS
from services.sealing.key_ring import RING
from tests.integration.conftest import PASSWORDS
from tests.support.cli.command_line import SETTINGS
from tests.support.config_files import ONE_DEPARTMENT, replaced
from tests.support.integration.destination_harness import ARCHIVER, HERE, Crm, Post, serving
from tests.support.integration.message_provider import TEXT, Office
from tests.support.integration.rule_versions import note_questions, takes_a_judged_version
from tests.support.observer import until_true
from tests.support.openklant.register import Conversation, run_register
from tests.support.test_ca import Authority

ELSEWHERE = ONE_DEPARTMENT.replace('"crm"', '"elders"') + 'secret = "env:CRM_SECRET"\n'
"""Its destination has no queue here, so that one that is added can be the one that has."""
NUMBER, GUEST = "306540352242924", "31600000001"
ON_TRIAL = f"""
[[numbers]]
id = "{NUMBER}"
tenant = "almelo"
fallback = "kcc"
graph_url = "URL"
trial = true
"""
WITH_CERTIFICATE = """
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "URL"
secret = "env:CRM_SECRET"
client_certificate = "tls/ours.pem"
client_key = "env:CRM_KEY"
certificate_authorities = "tls/ca.pem"
"""
OPEN_KLANT = ONE_DEPARTMENT.replace(
    'kind = "cloudevents"\nurl = "https://crm.example/events"',
    'kind = "openklant"\nurl = "URL"\nsecret = "env:CRM_SECRET"',
)
STREETS = """
[[departments]]
id = "afval"
tenant = "almelo"
name = "Afval en Straten"
register_id = "ID"
destination = "crm"
"""


class Running(NamedTuple):
    """A deliverer at work, and the configuration that it follows."""

    current: CurrentConfig
    file: Path

    async def add(self, tables: str) -> None:
        """Add tables to the configuration; return once the deliverer goes by them."""
        replaced(self.file, self.file.read_text() + tables)
        version = loader.load(self.file).version
        await until_true(lambda: self.current.version.loaded.version == version)


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """With the rights of the deliverer and no more."""
    async with connection_pool(f"{empty}?role=postkamer_deliverer", "test", 8) as own:
        yield own


@asynccontextmanager
async def running(
    broker: Broker, own: Pool, file: Path, text: str, **environ: str
) -> AsyncIterator[Running]:
    """Run the destinations of a configuration, and follow its file as a deliverer does."""
    replaced(file, text)
    environ = SETTINGS | {"POSTKAMER_CONFIG": str(file), "CRM_SECRET": "key"} | environ
    settings, loaded = load(DelivererSettings, environ), loader.load(file)
    credentials = load_credentials(loaded.config, file.parent, environ)
    accounts = load_accounts(settings, loaded.config, environ)
    current = CurrentConfig(LiveSettings(settings, environ), loaded, credentials, accounts)
    url = broker.url_for("deliverer", PASSWORDS["deliverer"])
    receivers = ReceiverContext(own, current.department, current.departments, HERE, ARCHIVER)
    async with (
        broker_connection(url, "test publishes") as out,
        broker_connection(url, "test consumes") as link,
        attempt_recorder(Publisher(out, topology.ARCHIVE)) as attempts,
    ):
        leases = TableLeases(own, clock.new_id())
        tables = DeliveryTables(Replays(own), SidelinedStore(own), leases, ConditionStore(own))
        settlements = Settlements(own, Publisher(out, topology.ARCHIVE))
        shared = SharedResources(
            link, settlements, tables, receivers, attempts.record, lambda _: None, {}
        )
        async with run_destinations(
            shared, loaded.config.destinations, credentials
        ) as destinations:
            notices = OwnerNotices(NoticeStore(own), [], destinations.receivers)
            async with follow_config(current, own, destinations, notices) as task:
                yield Running(current, file)
                assert not task.done() and not destinations.task.done()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)
    return tmp_path / "postkamer.toml"


async def test_number_on_trial_that_is_added_sends_to_its_guests_alone_from_the_first_message_on(
    broker: Broker, pool: Pool, own: Pool, office: Office, file: Path
) -> None:
    asked: list[str] = []

    async def send(request: web.Request) -> web.Response:
        asked.append((await request.json())["to"])
        return web.json_response({"messages": [{"id": "wamid.a"}]})

    app = web.Application()
    app.router.add_post(f"/{NUMBER}/messages", send)
    guest = RING.seal_name(GUEST, ADDRESS)
    await pool.execute(_GUEST, clock.new_id(), NUMBER, guest)
    async with (
        serve(app, "127.0.0.1", 0) as port,
        running(broker, own, file, ELSEWHERE) as deliverer,
        Office(own, office.store, office.provider, office.account).working_with(
            deliverer.current.accounts, deliverer.current.names, deliverer.current.knows_all
        ),
    ):
        early = await office.queue(TEXT, number=NUMBER)
        to_guest = await office.queue(TEXT, number=NUMBER, address=guest)
        await deliverer.add(ON_TRIAL.replace("URL", f"http://127.0.0.1:{port}"))
        assert (
            await pool.fetchval("select count(*) from deliverer.trial where live_at is null") == 1
        )
        assert (await office.until(early, "failed"))["reason"] == REFUSED.reason
        await office.until(to_guest, "sent")
    assert asked == [f"+{GUEST}"]


async def test_department_that_is_added_gets_its_actor_in_open_klant_with_its_first_task(
    broker: Broker, pool: Pool, own: Pool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, asked = Post(broker, pool), note_questions(monkeypatch, "deliverer")
    async with run_register(pool) as register:
        text = OPEN_KLANT.replace("URL", register.api)
        async with running(broker, own, file, text, CRM_SECRET=register.token) as deliverer:
            await deliverer.add(STREETS.replace("ID", f"afval-{register.run}"))
            assert await register.department_actors() == []
            await post.receives_each(Conversation().message())
            await post.until_states(settled=1)
            await takes_a_judged_version(pool, file, deliverer.current.version, asked)
        [actor] = await register.department_actors()
        [contact] = await register.contacts()
    assert actor["naam"] == "Afval en Straten"
    assert [task["actoren"] for task in contact["taken"]] == [["Afval en Straten"]]


async def test_destination_that_is_added_shows_its_client_certificate_and_one_that_follows_it(
    broker: Broker, pool: Pool, own: Pool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Certificates, "watch", partialmethod(Certificates.watch, 0.02))
    authority, crm, post = Authority(file.parent / "tls", "ca"), Crm(), Post(broker, pool)
    tls = authority.shown_by(authority.issued("server"), asks=True)
    ours = authority.issued("ours")
    async with (
        serving(crm.handle, tls) as url,
        running(broker, own, file, ELSEWHERE, CRM_KEY="tls/ours.key") as deliverer,
    ):
        await deliverer.add(WITH_CERTIFICATE.replace("URL", url))
        await post.receives(3)
        await post.until_states(settled=3)
        certificates = deliverer.current.credentials["crm"].certificates
        assert certificates
        before = certificates.context()
        for new, file_of_ours in zip(authority.issued("next"), ours, strict=True):
            replaced(file_of_ours, new.read_text())
        await until_true(lambda: certificates.context() is not before)
        await post.receives(3)
        await post.until_states(settled=6)
    first, second = crm.serials[:3], crm.serials[3:]
    assert len({*first}) == len({*second}) == 1 and {*first} != {*second}


_GUEST = "insert into deliverer.guest (id, number, kind, value) values ($1, $2, 'phone', $3)"
