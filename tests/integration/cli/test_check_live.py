"""`postkamer check --live`: real servers, and servers that are not there."""

import json
from typing import Any

from cli.check.server_versions import describe_broker_fault
from cli.check.servers import UNGUARDED
from deploy.local.rabbitmq import Broker
from tests.support.cli.command_line import postkamer
from tests.support.installation import EXAMPLE
from tests.support.integration.parked_deliveries import on

TRIAL = "number 106540352242922: is on trial; it sends only to its guest list (0 on it)"


def check(broker: str, database: str, **more: str) -> dict[str, Any]:
    env = {"POSTKAMER_AMQP_URL": broker, "POSTKAMER_DATABASE_URL": database} | more
    options = ("--live", "--config", str(EXAMPLE), "--json", "--lang", "en")
    done = postkamer("check", *options, env=env)
    result: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == bool(result["faults"])
    assert "hunter2" not in done.output
    return result


def test_live_check_says_the_versions_of_broker_and_database(broker: Broker, fresh: str) -> None:
    trial = "insert into deliverer.trial (number) values ('106540352242922')"
    on(fresh, lambda pool: pool.execute(trial))
    result = check(broker.url, fresh)
    assert result["faults"] == []
    assert TRIAL in result["warnings"]
    [rabbitmq, postgresql] = result["checked"][-2:]
    version = rabbitmq.removeprefix("checked: RabbitMQ ").removesuffix(" answers")
    assert postgresql.startswith("checked: PostgreSQL ")
    fault = describe_broker_fault(version)
    assert [each for each in result["warnings"] if "RabbitMQ" in each] == [fault] * bool(fault)


def test_live_check_names_the_setting_of_a_server_that_is_not_there() -> None:
    broker, database = "amqp://u:hunter2@127.0.0.1:1/", "postgresql://u:hunter2@127.0.0.1:1/x"
    first, second = check(broker, database)["faults"][-2:]
    assert first == "POSTKAMER_AMQP_URL: a broker cannot be used (AMQPConnectionError)"
    assert second == "POSTKAMER_DATABASE_URL: the database cannot be used (ConnectionRefusedError)"


def test_live_check_needs_the_addresses() -> None:
    faults = check("", "")["faults"]
    assert faults[-2:] == [
        "POSTKAMER_AMQP_URL: is missing",
        "POSTKAMER_DATABASE_URL: is missing",
    ]


def test_live_check_says_that_the_management_does_not_answer_without_its_password(
    broker: Broker, fresh: str
) -> None:
    address = {"POSTKAMER_BROKER_MANAGEMENT_URL": "http://u:hunter2@127.0.0.1:1"}
    faults = check(broker.url, fresh, **address)["faults"]
    assert faults == [
        "POSTKAMER_BROKER_MANAGEMENT_URL: http://127.0.0.1:1 does not answer:"
        " [Errno 111] Connection refused"
    ]


def test_live_check_warns_of_several_databases_without_a_synchronous_standby(
    broker: Broker, fresh: str
) -> None:
    several = fresh.replace("@", "@127.0.0.1:1,")
    assert UNGUARDED in check(broker.url, several)["warnings"]
    assert UNGUARDED not in check(broker.url, fresh)["warnings"]
