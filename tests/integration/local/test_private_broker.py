"""The private RabbitMQ: definitions, restarts, crashes, and nothing left behind."""

from collections.abc import Iterator
from pathlib import Path

import aiormq
import pytest

from deploy.local.errors import Refusal
from deploy.local.process_tree import alive
from deploy.local.rabbitmq import Broker, Ports
from services.amqp import topology
from tests.support.local.process_ends import processes

PASSWORDS = {"gateway": "secret"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    definitions = topology.definitions(topology.queues(1, ["crm"]), PASSWORDS)
    with Broker(tmp_path_factory.mktemp("a broker"), definitions) as broker:
        yield broker


async def test_a_user_of_the_definitions_can_log_in_and_guest_cannot(broker: Broker) -> None:
    connection = await aiormq.connect(broker.url_for("gateway", "secret"))
    await connection.close()
    users = [line.split("\t")[0] for line in broker.control("list_users").splitlines()]
    assert sorted(users) == ["gateway", "local-owner", "user"]  # the last is the heading


async def test_what_was_confirmed_survives_a_crash_and_a_restart(broker: Broker) -> None:
    connection = await aiormq.connect(broker.url)
    channel = await connection.channel()
    confirmed = await channel.basic_publish(
        b"kept", exchange=topology.ARCHIVE, routing_key=topology.ARCHIVE_QUEUE, mandatory=True
    )
    assert isinstance(confirmed, aiormq.spec.Basic.Ack)
    await connection.close()
    url, members = broker.url, processes(broker.process, broker.epmd)
    broker.kill()
    assert alive(members) == []
    broker.start()
    assert broker.url == url
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    got = await channel.basic_get(topology.ARCHIVE_QUEUE)
    assert got.body == b"kept"
    await connection.close()


def test_a_stop_leaves_no_process_not_even_a_port_mapper(broker: Broker) -> None:
    members = processes(broker.process, broker.epmd)
    assert any("epmd" in Path(f"/proc/{pid}/comm").read_text() for pid in members)
    assert broker.stop()
    assert alive(members) == []
    broker.start()


async def test_queues_are_there_after_a_crash_right_after_the_first_start(tmp_path: Path) -> None:
    definitions = topology.definitions(topology.queues(1, ["crm"]), PASSWORDS)
    with Broker(tmp_path, definitions) as broker:
        broker.kill()
        broker.start()
        connection = await aiormq.connect(broker.url)
        channel = await connection.channel()
        confirmed = await channel.basic_publish(
            b"kept", exchange=topology.ARCHIVE, routing_key=topology.ARCHIVE_QUEUE, timeout=30
        )
        assert isinstance(confirmed, aiormq.spec.Basic.Ack)
        await connection.close()


def test_definitions_that_cannot_be_loaded_are_refused_with_the_reason(tmp_path: Path) -> None:
    wrong = {"bindings": [{"source": "nowhere"}]}
    broker = Broker(tmp_path, wrong, ports=Ports())
    try:
        with pytest.raises(Refusal, match=r"ended by itself .*rabbitmq\.log"):
            broker.start()
    finally:
        broker.stop()
