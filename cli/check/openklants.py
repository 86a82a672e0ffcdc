"""`postkamer check --live`: asks each Open Klant for its version, and the Objecten API beside it
for the departments, as ITA does."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlencode

from cli.check.openklant_answers import (
    OBJECTS_API,
    departments_at,
    describe_failure,
    judge_open_klant,
    judge_units,
)
from cli.check.servers import ServerCheck
from cli.check.warnings import format_warning
from deliverer.credentials import load_credentials
from deliverer.crm.destination_kind import Credentials
from deliverer.transport.http_client import HttpClient, http_client, system_tls_context
from deliverer.transport.response import Response
from deliverer.transport.ssrf import Network
from services.config import settings
from services.config.loader import LoadedConfig
from services.config.model import Configuration, locate_error
from services.config.organisation import Department, OpenKlantDestination

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
        own = credentials[destination.id]
        departments = departments_at(loaded.config, destination.id)
        actors, units = asyncio.run(_ask(destination, departments, own, networks))
        checked, faults, warnings = judge_open_klant(n, destination, actors)
        warnings += judge_units(n, destination, departments, units)
        result.checked += checked
        result.faults += [str(locate_error(loaded.sources, *fault)) for fault in faults]
        result.warnings += [
            format_warning(locate_error(loaded.sources, *warning)) for warning in warnings
        ]
    return result


async def _ask(
    destination: OpenKlantDestination,
    departments: Mapping[int, Department],
    own: Credentials,
    networks: Collection[Network],
) -> tuple[Response, dict[int, Response]]:
    """Return the answer of Open Klant, and of the Objecten API for each department up to the first
    one that it refuses."""
    tls = own.certificates.context if own.certificates else system_tls_context
    units: dict[int, Response] = {}
    async with http_client(1, networks=networks, tls=tls, answer_bytes=ANSWER_BYTES) as client:
        token = own.keys[0].decode()
        actors = await _get(client, destination.url, "actoren", token, pageSize="1")
        for m, department in departments.items() if destination.objects_url else ():
            id = f"identificatie__exact__{department.register_id or department.id}"
            url, token = destination.objects_url, own.objects_token
            units[m] = await _get(client, url, "objects", token, data_attr=id)
            if describe_failure(OBJECTS_API, units[m]):
                break
    return actors, units


async def _get(
    client: HttpClient, root: str, resource: str, token: str, **filters: str
) -> Response:
    headers = {"Authorization": f"Token {token}", "Accept": "application/json"} | COORDINATES
    url = f"{root.rstrip('/')}/{resource}?{urlencode(filters)}"
    return await client.request("GET", url, b"", headers)
