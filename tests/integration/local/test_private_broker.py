"""The private RabbitMQ: definitions, restarts, crashes, and nothing left behind."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import aiormq
import pytest

from deploy.local.errors import Refusal
from deploy.local.process_tree import alive
from deploy.local.rabbitmq import Broker, Ports
from services.amqp import topology
from tests.support.local.process_ends import processes
from tests.support.observer import until
from tests.support.promql import OF_A_QUEUE, OF_THE_BROKER, scraped_metrics

SECONDS = 20
"""RabbitMQ counts a queue every five seconds."""
DEFINITIONS = topology.definitions(topology.queues(1, ["crm"]), {"gateway": "secret"})


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("a broker")
    with Broker(folder, DEFINITIONS, ports=Ports(metrics=True)) as broker:
        yield broker


async def publish(url: str) -> None:
    async with await aiormq.connect(url) as connection:
        channel = await connection.channel()
        confirmed = await channel.basic_publish(
            b"kept",
            exchange=topology.ARCHIVE,
            routing_key=topology.ARCHIVE_QUEUE,
            mandatory=True,
            timeout=30,
        )
        assert isinstance(confirmed, aiormq.spec.Basic.Ack)


async def test_users_of_the_broker_are_those_of_the_definitions(broker: Broker) -> None:
    connection = await aiormq.connect(broker.url_for("gateway", "secret"))
    await connection.close()
    names = (
        "[binary_to_list(Name) || [{user, Name} | _] <- rabbit_auth_backend_internal:list_users()]."
    )
    assert sorted(json.loads(broker.evaluate(names))) == ["gateway", "local-owner"]


def test_failed_expression_is_refused_with_the_reason(broker: Broker) -> None:
    with pytest.raises(Refusal, match="badmatch"):
        broker.evaluate("1 = 2.")


async def test_queues_and_what_was_confirmed_survive_a_crash_right_after_the_first_start(
    broker: Broker,
) -> None:
    await publish(broker.url)
    url, members = broker.url, processes(broker.process, broker.epmd)
    broker.kill()
    assert alive(members) == []
    broker.start()
    assert broker.url == url
    async with await aiormq.connect(url) as connection:
        channel = await connection.channel()
        got = await channel.basic_get(topology.ARCHIVE_QUEUE)
        assert got.body == b"kept"
    await publish(broker.url)


async def test_broker_shows_the_metrics_that_alarms_and_dashboards_ask_for(broker: Broker) -> None:
    def shown() -> dict[str, set[str]]:
        address = f"http://127.0.0.1:{broker.ports.metrics}/metrics/per-object"
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            return scraped_metrics(answer.read().decode())

    asked = {*OF_A_QUEUE, *OF_THE_BROKER}
    found = await until(
        lambda: asyncio.to_thread(shown), lambda page: asked <= page.keys(), SECONDS
    )
    assert all({"queue", "vhost"} <= found[name] for name in OF_A_QUEUE)


def test_stopped_broker_leaves_no_process_not_even_a_port_mapper(broker: Broker) -> None:
    members = processes(broker.process, broker.epmd)
    assert any("epmd" in Path(f"/proc/{pid}/comm").read_text() for pid in members)
    assert broker.stop()
    assert alive(members) == []


def test_invalid_definitions_are_refused_with_the_reason(tmp_path: Path) -> None:
    broker = Broker(tmp_path, {"bindings": [{"source": "nowhere"}]}, ports=Ports())
    try:
        with pytest.raises(Refusal, match=r"ended by itself .*rabbitmq\.log"):
            broker.start()
    finally:
        broker.stop()
