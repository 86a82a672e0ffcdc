"""Asks services, broker and database at the same time, each for a second at most.

A source that does not answer becomes a sentence, and the others are shown.
"""

import asyncio
import re
import socket
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from cli.status.answers import Answers, BrokerDisk, Rows, Scope, ServiceAnswer
from cli.status.daemon_thread import run_in_thread
from cli.status.queries import list_queries
from cli.status.service_answers import SECONDS, ask_services, read_page
from services.amqp import topology
from services.amqp.connection import BROKER_ERRORS
from services.amqp.queue_lengths import asking_connection, read_queue_lengths
from services.config.settings import StatusSettings
from services.disk_space import DiskSpace
from services.egress.server_certificate import describe_refusal
from services.files.volume import read_disk_space
from services.postgres.database import DATABASE_ERRORS, reading_connection, run_queries

METRICS_BYTES = 4 * 1024 * 1024
DISK_FREE = "rabbitmq_disk_space_available_bytes"
DISK_LIMIT = "rabbitmq_disk_space_available_limit_bytes"
SOON_SECONDS = 0.3


async def collect_answers(options: StatusSettings) -> Answers:
    """Ask all sources. Broker and database are connected to while the scope is being found."""
    answers = Answers()
    asyncio.get_running_loop().getaddrinfo = _resolve  # type: ignore[method-assign]
    asked = asyncio.create_task(asyncio.to_thread(ask_services, options.ops_urls))
    scope = asyncio.create_task(_find_scope(options.config, asked, answers.faults))
    answers.services, answers.scope, *_ = await asyncio.gather(
        asked,
        scope,
        _ask_broker(options, answers, scope),
        _ask_database(options, answers, scope),
        _ask_metrics(options, answers),
    )
    return answers


async def _resolve(host: Any, port: Any, **options: int) -> Any:
    """Look a name up in a thread that may be left behind: a resolver that is away takes long."""
    return await run_in_thread(partial(socket.getaddrinfo, host, port, **options), SECONDS)


async def _find_scope(
    path: Path | None, asked: "asyncio.Task[list[ServiceAnswer]]", faults: list[str]
) -> Scope:
    """Return the scope that the services tell, or the configuration if they do not soon: loading it
    takes longer than they do."""
    done, _ = await asyncio.wait([asked], timeout=None if path is None else SOON_SECONDS)
    scope = scope_of_services(asked.result()) if done else Scope()
    is_whole = scope.partitions and scope.destinations
    if path is None or is_whole:
        return scope
    return await asyncio.to_thread(_scope_of_configuration, path, faults)


def scope_of_services(answers: Sequence[ServiceAnswer]) -> Scope:
    """Return the partitions, destinations and numbers that the services know. Pure."""
    parts = [answer.status.parts for answer in answers if answer.status]
    partitions = [each.partition + 1 for part in parts for each in part.partitions]
    destinations = dict.fromkeys(each.id for part in parts for each in part.destinations)
    numbers = dict.fromkeys(each for part in parts for each in part.numbers)
    return Scope(
        partitions=max(partitions, default=0), destinations=[*destinations], numbers=[*numbers]
    )


def _scope_of_configuration(path: Path, faults: list[str]) -> Scope:
    # Imported here, since that takes half of the time of the whole command.
    from services.config import loader
    from services.config.model import ConfigError

    try:
        config = loader.load(path).config
    except (ConfigError, OSError):
        faults.append("POSTKAMER_CONFIG: the configuration has faults, or cannot be read")
        return Scope()
    return Scope(
        partitions=config.partitions,
        destinations=[each.id for each in config.destinations],
        numbers=[each.id for each in config.numbers],
    )


async def _ask_broker(
    options: StatusSettings, answers: Answers, scope: "asyncio.Task[Scope]"
) -> None:
    if options.amqp_url is None:
        answers.not_asked.append("The broker is not asked: POSTKAMER_AMQP_URL is missing")
        return
    try:
        async with asking_connection(options.amqp_url.get_secret_value(), SECONDS) as connection:
            known = await scope
            names = [each.name for each in topology.queues(known.partitions, known.destinations)]
            async with asyncio.timeout(SECONDS):
                lengths = await read_queue_lengths(connection, names)
    except (*BROKER_ERRORS, TimeoutError) as error:
        why = describe_refusal(error) or type(error).__name__
        answers.faults.append(f"The broker does not answer ({why})")
        return
    answers.queues = {each.name: each for each in lengths}


async def _ask_database(
    options: StatusSettings, answers: Answers, scope: "asyncio.Task[Scope]"
) -> None:
    if options.database_url is None:
        answers.not_asked.append("The database is not asked: POSTKAMER_DATABASE_URL is missing")
        return
    url, refused = options.database_url.get_secret_value(), list[str]()
    try:
        async with reading_connection(url, "postkamer-status", SECONDS) as connection:
            queries = list_queries(await scope)
            answered = aclosing(run_queries(connection, queries))
            async with asyncio.timeout(SECONDS), answered as results:
                async for name, result in results:
                    if isinstance(result, list):
                        answers.rows[name] = result
                    else:
                        refused.append(f"{name} ({type(result).__name__})")
            answers.database_disk = await _read_database_disk(answers.rows.get("database", []))
    except DATABASE_ERRORS as error:
        some = f"The database answered {len(answers.rows)} questions within {SECONDS:.0f} s"
        why = describe_refusal(error) or type(error).__name__
        none = f"The database does not answer ({why})"
        answers.faults.append(f"{some}, not all" if answers.rows else none)
    if refused:
        answers.faults.append(f"The database refuses to tell: {', '.join(refused)}")


async def _read_database_disk(rows: Rows) -> DiskSpace | None:
    """Return the space of the database's volume, if it is on this machine and says where. The
    connection must be open: the server of `make run` knows its folder as an open file."""
    is_here = rows and rows[0]["address"] in (None, "127.0.0.1", "::1")
    if not is_here or not rows[0]["folder"]:
        return None
    folder = rows[0]["folder"].replace("/proc/self/", f"/proc/{rows[0]['process']}/")
    try:
        return await run_in_thread(lambda: read_disk_space(Path(folder)), SECONDS)
    except TimeoutError:  # a disk that hangs tells nothing
        return None


async def _ask_metrics(options: StatusSettings, answers: Answers) -> None:
    if options.broker_metrics_url is None:
        return
    try:
        read = partial(read_page, options.broker_metrics_url, METRICS_BYTES)
        page = await run_in_thread(read, SECONDS)
    except (OSError, HTTPException, TimeoutError) as error:
        answers.faults.append(f"The broker's metrics do not answer ({type(error).__name__})")
        return
    answers.broker_disk = parse_broker_disk(page.decode(errors="replace"))
    if answers.broker_disk is None:
        answers.faults.append("The broker's metrics do not tell its free space")


def parse_broker_disk(page: str) -> BrokerDisk | None:
    """Return the free space in RabbitMQ's metrics; None if they do not tell. Pure."""
    free, limit = _find_metric(page, DISK_FREE), _find_metric(page, DISK_LIMIT)
    return None if free is None or limit is None else BrokerDisk(free, limit)


def _find_metric(page: str, name: str) -> int | None:
    found = re.search(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+]+)$", page, re.MULTILINE)
    return int(float(found[1])) if found else None
