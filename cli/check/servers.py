"""`postkamer check --live`: connects to broker, database and object store, and judges what they
are."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from cli.check.broker_management import SETTING, BrokerManagement, ManagementUnusable
from cli.check.queue_faults import MEMBERS, find_member_warnings, find_queue_faults
from cli.check.server_versions import describe_broker_fault, describe_database_fault
from cli.support.unlimited_tokens import UNLIMITED, stored_warnings
from services import clock
from services.amqp import topology
from services.amqp.broker_version import read_broker_version
from services.amqp.connection import BROKER_ERRORS
from services.config import settings
from services.config.model import Configuration
from services.egress.server_certificate import REASONS, describe_refusal
from services.egress.shown_certificate import NOT_SHOWN, ShownCertificate
from services.postgres.database import (
    DATABASE_ERRORS,
    Query,
    read_database_version,
    reading_connection,
    run_queries,
)
from services.postgres.primary import IS_GUARDED, split_hosts
from services.servers.addresses import Address
from services.servers.certificate_watch import (
    OBJECT_STORE,
    STORES,
    Server,
    judge,
    look_at,
    watched_servers,
)

TOKEN_SECONDS = 5.0
UNGUARDED = (
    "PostgreSQL: commits wait for no stand-by (synchronous_standby_names is empty), so a fail-over"
    " loses what was confirmed"
)
ENDS = "the certificate of the {} at {} ends on {:%Y-%m-%d}: renew it"
UNUSABLE = "POSTKAMER_OBJECT_STORE: the bucket cannot be used ({})"
NOT_REACHED = "POSTKAMER_OBJECT_STORE: {} was not reached, so its certificate is not known"
NOT_COMPARED = f"the queues, limits and policies of the broker: not compared without {SETTING}"


class ServerCheck(msgspec.Struct):
    faults: list[str] = []
    warnings: list[str] = []
    checked: list[str] = []
    """Servers that answer, each with its version."""


def check_servers(environ: Mapping[str, str]) -> ServerCheck:
    """Check the servers that the environment names."""
    result = ServerCheck()
    asyncio.run(_check_broker(environ, result))
    asyncio.run(_check_database(environ, result))
    with suppress(settings.SettingsError):  # its faults are reported already
        asyncio.run(_check_certificates(environ, result))
    return result


def check_queues(config: Configuration, environ: Mapping[str, str]) -> ServerCheck:
    """Compare the queues of the broker, their limits and policies with the table."""
    result, is_production = ServerCheck(), config.environment == "production"
    try:
        url = settings.load(settings.ManagementSettings, environ).broker_management_url
        if url is None:
            result.warnings += [NOT_COMPARED] * is_production
            return result
        broker = BrokerManagement(url.get_secret_value()).read_state()
    except settings.SettingsError as error:
        result.faults += error.faults
        return result
    except ManagementUnusable as error:
        result.faults.append(str(error))
        return result
    table = topology.queues(config.partitions, [each.id for each in config.destinations])
    result.faults += find_queue_faults(table, broker)
    result.warnings += find_member_warnings(table, broker, MEMBERS if is_production else 1)
    result.checked.append(f"RabbitMQ's management, about {len(table)} queues,")
    return result


async def _check_broker(environ: Mapping[str, str], result: ServerCheck) -> None:
    try:
        urls = settings.load(settings.BrokerSettings, environ).amqp_url.get_secret_value()
    except settings.SettingsError as error:
        result.faults += error.faults
        return
    for url in urls.split(","):
        try:
            version = await read_broker_version(url.strip())
        except BROKER_ERRORS as error:
            why = describe_refusal(error) or type(error).__name__
            result.faults.append(f"POSTKAMER_AMQP_URL: a broker cannot be used ({why})")
            continue
        result.checked.append(f"RabbitMQ {version}")
        if fault := describe_broker_fault(version):
            result.warnings.append(fault)


async def _check_certificates(environ: Mapping[str, str], result: ServerCheck) -> None:
    """Warn of certificates that end soon."""
    given = settings.load(settings.StatusSettings, environ)
    urls = {"database_url": given.database_url, "amqp_url": given.amqp_url}
    values = {name: url.get_secret_value() for name, url in urls.items() if url}
    for server in watched_servers(values | _stores(environ), environ):
        for address in server.addresses:
            shown = await look_at(server, address)
            state, _ = judge(server, [shown], clock.now())
            if shown.not_after and state in ("warning", "wrong"):
                ends = ENDS.format(server.name, address.host, shown.not_after)
                result.warnings.append(ends)
            _report_store(server, address, shown, result)


def _stores(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the stores that the environment names. A wrong one is a fault of its setting."""
    found: dict[str, str] = {}
    for name in STORES:
        with suppress(OSError, ValueError):
            value = settings.read(f"{settings.PREFIX}{name.upper()}", environ) or ""
            found[name] = settings.object_store(value)
    return found


def _report_store(
    server: Server, address: Address, shown: ShownCertificate, result: ServerCheck
) -> None:
    """Report a bucket that shows no certificate to be trusted. Nothing else connects to it here: of
    broker and database the connection is reported."""
    if server.name != OBJECT_STORE or not shown.failure:
        return
    if shown.failure in NOT_SHOWN:
        result.warnings.append(NOT_REACHED.format(address.host))
    else:
        why = REASONS.get(shown.failure, "the TLS handshake failed")
        result.faults.append(UNUSABLE.format(why))


async def _check_database(environ: Mapping[str, str], result: ServerCheck) -> None:
    try:
        url = settings.load(settings.DatabaseSettings, environ).database_url.get_secret_value()
        version = await read_database_version(url)
        rows = await _read_rows(url)
    except settings.SettingsError as error:
        result.faults += error.faults
        return
    except DATABASE_ERRORS as error:
        why = describe_refusal(error) or type(error).__name__
        result.faults.append(f"POSTKAMER_DATABASE_URL: the database cannot be used ({why})")
        return
    result.checked.append(f"PostgreSQL {version}")
    if fault := describe_database_fault(version):
        result.faults.append(fault)
    result.warnings += stored_warnings([str(row["name"]) for row in rows["tokens"]])
    if len(split_hosts(url)) > 1 and not any(row["guarded"] for row in rows["standby"]):
        result.warnings.append(UNGUARDED)


async def _read_rows(url: str) -> dict[str, list[dict[str, object]]]:
    """Return the tokens without departments, none before the database is migrated; and whether
    commits wait for a stand-by."""
    queries = {"tokens": Query(UNLIMITED), "standby": Query(IS_GUARDED)}
    async with reading_connection(url, "postkamer-check", TOKEN_SECONDS) as connection:
        return {
            name: rows if isinstance(rows, list) else []
            async for name, rows in run_queries(connection, queries)
        }
