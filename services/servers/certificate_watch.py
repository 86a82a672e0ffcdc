"""Certificates that broker, database and bucket show to new connections, looked at every hour.

Not those of the connections that there are: one to the broker lasts for months, and knows only the
certificate of its first day.
"""

import asyncio
import ssl
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, get_args

import structlog

from services import clock, metrics
from services.egress.server_certificate import fetch_certificate
from services.egress.shown_certificate import (
    CertificateState,
    Notice,
    ShownCertificate,
    judge_end,
)
from services.servers.addresses import (
    Address,
    broker_addresses,
    database_addresses,
    store_addresses,
)

LOOK_SECONDS, AGAIN_SECONDS = 3600.0, 60.0
"""Interval of looks, and of those after one that showed no certificate."""
WARNING, WRONG = Notice(timedelta(days=30), part=15), Notice(timedelta(days=7), part=45)
"""Those of a certificate that a person asks for, as for CRMs. One of 90 days is renewed by a
program, 30 days (cert-manager) or 7 days (CloudNativePG) before its end: it is late after 6."""
OBJECT_STORE = "object store"
STORES = ("object_store", "upload_store")
"""Settings with a store."""
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""Request of PostgreSQL's protocol for TLS."""
STATES: tuple[CertificateState, ...] = get_args(CertificateState)
"""The last one counts most where several hosts differ."""

log = structlog.get_logger()


class Server(NamedTuple):
    """The hosts of a server that are spoken to by TLS."""

    name: str
    addresses: Sequence[Address]
    request: bytes = b""
    """Request for TLS, where the protocol begins without it."""
    trusts_system: bool = False
    """True if the system's authorities count beside those of the file."""


def watched_servers(values: Mapping[str, str], environ: Mapping[str, str]) -> list[Server]:
    """Return the servers of these settings whose certificates are verified. Pure."""
    stores = [values[name] for name in STORES if name in values]
    every = (
        Server("broker", broker_addresses(values.get("amqp_url", ""))),
        Server("database", database_addresses(values.get("database_url", "")), SSL_REQUEST),
        Server(OBJECT_STORE, store_addresses(stores, environ), trusts_system=True),
    )
    tls = [each._replace(addresses=[a for a in each.addresses if a.is_verified]) for each in every]
    return [each for each in tls if each.addresses]


async def watch_servers(
    values: Callable[[], Mapping[str, str]], environ: Mapping[str, str]
) -> None:
    """Watch the certificates of the servers at the addresses of now, for as long as this runs."""
    await watch_certificates(lambda: watched_servers(values(), environ))


async def watch_certificates(
    servers: Callable[[], Sequence[Server]], seconds: float = LOOK_SECONDS
) -> None:
    """Look at the certificates of `servers` for as long as this runs."""
    before: Mapping[str, CertificateState] = {}
    while True:
        states = {each.name: await _look(each, before) for each in servers()}
        before = states
        await asyncio.sleep(AGAIN_SECONDS if "unknown" in states.values() else seconds)


async def _look(server: Server, before: Mapping[str, CertificateState]) -> CertificateState:
    """Set the metrics of a server, log another state than before, and return its state."""
    shown = [await look_at(server, address) for address in server.addresses]
    state, host = judge(server, shown, clock.now())
    for each in STATES:
        metrics.server_certificate.labels(server.name, each).set(each == state)
    if ends := [each.not_after for each in shown if each.not_after]:
        end = metrics.server_certificate_not_after.labels(server.name)
        end.set(min(ends).timestamp())
    if state != before.get(server.name, "fine"):
        write = log.info if state == "fine" else log.warning
        write("server.certificate", what=server.name, status=state, host=host)
    return state


def judge(
    server: Server, shown: Sequence[ShownCertificate], now: datetime
) -> tuple[CertificateState, str]:
    """Return the worst state of a server's certificates, and the host that has it. Pure."""
    states = [judge_end(each, now, WARNING, WRONG) for each in shown]
    worst = max(range(len(states)), key=lambda n: STATES.index(states[n]))
    return states[worst], server.addresses[worst].host


async def look_at(server: Server, address: Address) -> ShownCertificate:
    """Return the certificate that a host of a server shows to a new connection. The file of
    authorities is read anew, as each connection does; without it none would be made."""
    try:
        context = ssl.create_default_context(cafile=address.authorities or None)
        if server.trusts_system:
            context.load_default_certs()
    except OSError:
        return ShownCertificate("chain")
    return await fetch_certificate(address.host, address.port, context, server.request)
