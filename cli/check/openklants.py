"""`postkamer check --live`: asks each Open Klant for its version, and the Objecten API beside it
for the departments, as ITA does."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from cli.check.openklant_answers import (
    OBJECTS_API,
    OPEN_KLANT,
    Answers,
    departments_at,
    describe_failure,
    judge,
)
from cli.check.servers import ServerCheck
from cli.check.warnings import format_warning
from deliverer.credentials import load_credentials
from deliverer.crm.destination_kind import Credentials
from deliverer.destinations.openklant import payloads
from deliverer.transport.http_client import HttpClient, http_client, system_tls_context
from deliverer.transport.response import Response
from services.config import settings
from services.config.loader import LoadedConfig
from services.config.model import Configuration, locate_error
from services.config.organisation import Department, OpenKlantDestination
from services.egress.ssrf import Network

Filters = Mapping[str, str]

ANSWER_BYTES = 64 * 1024
"""Bytes read of an answer: one actor, or a few departments with their addresses."""
COORDINATES = {"Accept-Crs": "EPSG:4326", "Content-Crs": "EPSG:4326"}
"""Coordinate system, which the Objecten API wants to be told; ITA sends the same."""


def check_openklants(loaded: LoadedConfig, folder: Path, environ: Mapping[str, str]) -> ServerCheck:
    """Check each Open Klant with its own token and certificates. Relative paths start from
    `folder`."""
    result = ServerCheck()
    places = {n: d for n, d in enumerate(loaded.config.destinations) if d.kind == "openklant"}
    try:
        only = Configuration.model_construct(destinations=tuple(places.values()))
        credentials = load_credentials(only, folder, environ)
        networks = settings.load(settings.NetworkSettings, environ).private_networks
    except settings.SettingsError as error:
        result.faults += error.faults
        return result
    for n, destination in places.items():
        departments = departments_at(loaded.config, destination.id)
        answers = asyncio.run(_ask(destination, departments, credentials[destination.id], networks))
        checked, faults, warnings = judge(n, destination, departments, answers)
        result.checked += checked
        result.faults += [str(locate_error(loaded.sources, *fault)) for fault in faults]
        located = sorted(locate_error(loaded.sources, *warning) for warning in warnings)
        result.warnings += map(format_warning, located)
    return result


async def _ask(
    destination: OpenKlantDestination,
    departments: Mapping[int, Department],
    own: Credentials,
    networks: Collection[Network],
) -> Answers:
    tls = own.certificates.context if own.certificates else system_tls_context
    async with http_client(1, networks=networks, tls=tls, answer_bytes=ANSWER_BYTES) as client:
        actors_url, token = f"{destination.url.rstrip('/')}/actoren", own.secrets.keys[0].decode()
        ask = partial(_get, client, actors_url, token)
        actors = await ask({"pageSize": "1"})
        is_usable = not describe_failure(OPEN_KLANT, actors)
        actors_of = {m: payloads.department_actor(each) for m, each in departments.items()}
        asked: dict[int, Filters] = {
            m: payloads.actor_filters(actor) | {"pageSize": "1"}
            for m, actor in actors_of.items()
            if is_usable
        }
        own_actors = await _ask_each(ask, OPEN_KLANT, asked)
        objects_url = destination.objects_url.rstrip("/")
        ask = partial(_get, client, f"{objects_url}/objects", own.secrets.objects_token)
        asked = {m: unit_filters(each) for m, each in departments.items() if objects_url}
        return Answers(actors, own_actors, await _ask_each(ask, OBJECTS_API, asked))


async def _ask_each(
    ask: Callable[[Filters], Awaitable[Response]], service: str, asked: Mapping[int, Filters]
) -> dict[int, Response]:
    """Return the answers, up to the first that cannot be used: others would be like it."""
    answers: dict[int, Response] = {}
    for m, filters in asked.items():
        answers[m] = await ask(filters)
        if describe_failure(service, answers[m]):
            break
    return answers


async def _get(client: HttpClient, url: str, token: str, filters: Filters) -> Response:
    headers = {"Authorization": f"Token {token}", "Accept": "application/json"} | COORDINATES
    return await client.request("GET", f"{url}?{urlencode(filters)}", b"", headers)


def unit_filters(department: Department) -> Filters:
    """Return the filter with which ITA looks for a department, a group or an employee."""
    return {"data_attr": f"identificatie__exact__{department.register_id or department.id}"}
