"""`postkamer topology`: queues, exchanges, policies and permissions."""

import asyncio
import os
from pathlib import Path

import click
import msgspec

from cli.check.broker_management import SETTING, BrokerManagement, ManagementUnusable
from cli.repartition import Repartition
from cli.support.configuration import EXAMPLE, load_valid_config, path_in_environment
from cli.support.database import with_database
from cli.support.options import config_option, json_option
from cli.support.output import count, fail, print_result
from services.amqp import topology
from services.amqp.connection import BROKER_ERRORS
from services.amqp.declare import declare as declare_topology
from services.config import settings
from services.egress.server_certificate import describe_refusal
from services.postgres.database import Pool


@click.group("topology")
def group() -> None:
    """Queues, exchanges, policies and permissions."""


def _load_queues(path: Path | None) -> list[topology.Queue]:
    """Return the queues of a configuration, or of the example if none is named."""
    config = load_valid_config(path or path_in_environment() or EXAMPLE).config
    return topology.queues(config.partitions, [d.id for d in config.destinations])


@group.command()
@config_option
def definitions(path: Path | None) -> None:
    """Print RabbitMQ's definitions, as it imports them.

    They have exchanges, queues, bindings and policies, and no users.
    """
    click.echo(
        msgspec.json.format(msgspec.json.encode(topology.definitions(_load_queues(path), {})))
    )


@group.command()
@config_option
@json_option
def declare(path: Path | None, as_json: bool) -> None:
    """Declare exchanges, queues, bindings and policies.

    The policies have the limits. Needs POSTKAMER_AMQP_URL, and POSTKAMER_BROKER_MANAGEMENT_URL for
    the policies, as administrator.
    """
    queues = _load_queues(path)
    try:
        url = settings.load(settings.BrokerSettings, os.environ).amqp_url.get_secret_value()
        management = settings.load(settings.ManagementSettings, os.environ).broker_management_url
        asyncio.run(declare_topology(url, queues))
        policies = _set_policies(management.get_secret_value(), queues) if management else 0
    except settings.SettingsError as error:
        fail(str(error))
    except (*BROKER_ERRORS, TimeoutError, ManagementUnusable) as error:
        fail(f"topology declare: {describe_refusal(error) or error}")
    lines = [f"declared, or there already: {count(len(queues), 'queue|queues')}"]
    lines += [
        f"set: {count(policies, 'policy|policies')}"
        if management
        else f"not set: the policies, which have the limits, since {SETTING} is missing"
    ]
    print_result({"queues": len(queues), "policies": policies}, lines, as_json=as_json)


def _set_policies(url: str, queues: list[topology.Queue]) -> int:
    """Set the policy of each kind of queue, and return their number."""
    management, policies = BrokerManagement(url), topology.policies(queues)
    for policy in policies:
        management.set_policy(policy)
    return len(policies)


@group.command()
@config_option
@json_option
def repartition(path: Path | None, as_json: bool) -> None:
    """Change the number of partitions to that of the configuration.

    Only while no service runs and nothing is under way: docs/operators/partitions.md. Needs
    POSTKAMER_DATABASE_URL, as its owner, and POSTKAMER_AMQP_URL, as administrator.
    """
    config = load_valid_config(path or path_in_environment() or EXAMPLE).config
    destinations = [each.id for each in config.destinations]

    async def work(pool: Pool) -> int | None:
        return await Repartition(config.partitions, destinations).run(pool)

    before = with_database("topology repartition", work)
    now = count(config.partitions, "partition|partitions")
    line = f"{now}, as before" if before == config.partitions else f"{now}; before: {before or 0}"
    print_result({"partitions": config.partitions, "before": before}, [line], as_json=as_json)


@group.command()
@config_option
@json_option
def show(path: Path | None, as_json: bool) -> None:
    """Show the queues."""
    queues = _load_queues(path)
    print_result(queues, topology.format_table(queues), as_json=as_json)
