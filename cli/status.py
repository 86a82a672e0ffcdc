"""`postkamer status`: each service, live and ready or why not, and the rules in force."""

import os
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import click
import msgspec

from cli.support.options import json_option
from cli.support.output import fail, format_table, print_result
from services.config import settings
from services.config.rules_status import RulesStatus
from services.http.service_status import STATUS_PATH, ServiceStatus

SECONDS = 3.0
"""Time limit of each answer. A service asks its database for at most a second."""
ANSWER_BYTES = 64 * 1024
BESIDE_RUN = "beside `make run`, this names other ports: set -a; . .local/environment; set +a"


class Service(msgspec.Struct, frozen=True):
    """A service as its operations port shows it."""

    name: str
    address: str
    live: bool = False
    ready: bool = False
    reason: str = ""
    """Why it is not live or not ready."""
    rules: RulesStatus | None = None


class Status(msgspec.Struct, frozen=True):
    services: list[Service]
    problems: list[str]
    """Everything that is wrong, a sentence for each."""


def ask_service(name: str, address: str) -> Service:
    """Return the status of the service at this address."""
    try:
        status = msgspec.json.decode(_get(address, STATUS_PATH), type=ServiceStatus)
    except msgspec.DecodeError:
        return Service(name, address, reason=f"{address} answers something else")
    except (OSError, HTTPException) as error:
        return Service(name, address, reason=f"{address} does not answer: {_reason(error)}")
    return Service(name, address, True, status.ready, "; ".join(status.obstacles), status.rules)


def _reason(error: Exception) -> object:
    return getattr(error, "strerror", None) or error


def _get(address: str, path: str) -> bytes:
    parts = urlsplit(address)
    scheme = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = scheme(parts.netloc, timeout=SECONDS)
    try:
        connection.request("GET", parts.path + path)
        return connection.getresponse().read(ANSWER_BYTES)
    finally:
        connection.close()


def list_problems(services: Sequence[Service]) -> Iterator[str]:
    """Yield everything that is wrong, a sentence for each. A refusal comes once."""
    for service in services:
        if not service.ready:
            yield f"{service.name} is not {'ready' if service.live else 'live'}: {service.reason}"
    rules = [service.rules for service in services if service.rules]
    for refused in dict.fromkeys(each.refused for each in rules if each.refused):
        yield f"A change of the rules is not in force: {refused}"
    if len({each.version for each in rules}) > 1:
        yield "Not all services go by the same version of the rules."


def format_status(status: Status) -> Iterator[str]:
    """Yield a line for each service, then the problems."""
    yield from format_table([_row(service) for service in status.services])
    yield from status.problems


def _row(service: Service) -> list[str]:
    state = "ready" if service.ready else "not ready" if service.live else "not live"
    return [service.name, state, f"rules {service.rules.version}" if service.rules else ""]


@click.command("status")
@json_option
def command(as_json: bool) -> None:
    """Show which services are live and ready, or why not.

    It also shows the rules in force. POSTKAMER_OPS_URLS has the addresses of the services. The exit
    code is 1 if anything is wrong.
    """
    try:
        addresses = settings.load(settings.StatusSettings, os.environ).ops_urls
    except settings.SettingsError as error:
        fail(str(error))
    services = [ask_service(name, address) for name, address in addresses]
    problems = [*list_problems(services)]
    if not any(service.live for service in services) and "POSTKAMER_OPS_URLS" not in os.environ:
        problems.append(BESIDE_RUN)
    status = Status(services, problems)
    print_result(status, format_status(status), as_json=as_json)
    if problems:
        raise SystemExit(1)
