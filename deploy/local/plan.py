"""Plan of the local run: processes, ports and settings, as tables and pure functions."""

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import Refusal

HIGHEST_PORT = 65_535


@dataclass(frozen=True)
class Port:
    """Port that people use, so it changes only on request."""

    variable: str
    default: int
    purpose: str


GATEWAY = Port("POSTKAMER_GATEWAY_PORT", 8080, "gateway API")
GATEWAY_OPS = Port("POSTKAMER_GATEWAY_OPS_PORT", 9080, "gateway operations")
ROUTER = Port("POSTKAMER_ROUTER_PORT", 8081, "router API")
ROUTER_OPS = Port("POSTKAMER_ROUTER_OPS_PORT", 9081, "router operations")
DELIVERER_OPS = Port("POSTKAMER_DELIVERER_OPS_PORT", 9082, "deliverer operations")
ARCHIVER = Port("POSTKAMER_ARCHIVER_PORT", 8083, "archiver API")
ARCHIVER_OPS = Port("POSTKAMER_ARCHIVER_OPS_PORT", 9083, "archiver operations")
DESK = Port("POSTKAMER_DESK_PORT", 8070, "desk")
DESK_OPS = Port("POSTKAMER_DESK_OPS_PORT", 9084, "desk operations")
SANDBOX = Port("POSTKAMER_SANDBOX_PORT", 8090, "sandbox")
PORTS = (
    *(SANDBOX, DESK, DESK_OPS),
    *(GATEWAY, GATEWAY_OPS, ROUTER, ROUTER_OPS, DELIVERER_OPS, ARCHIVER, ARCHIVER_OPS),
)
PROMETHEUS = Port("POSTKAMER_PROMETHEUS_PORT", 9090, "Prometheus")
"""Only with POSTKAMER_PROMETHEUS=yes."""


@dataclass(frozen=True)
class Service:
    """One of our processes, which is ready when `path` on `port` answers 200."""

    name: str
    port: Port
    path: str = "/health/ready"
    has_database: bool = True
    """True if it has a database role of its own."""
    has_broker: bool = True
    """True if it has a broker user of its own: the desk is a CRM, and has none."""


SERVICES = (
    Service("sandbox", SANDBOX, "/", has_database=False, has_broker=False),
    Service("desk", DESK_OPS, has_broker=False),
    Service("archiver", ARCHIVER_OPS),
    Service("deliverer", DELIVERER_OPS),
    Service("router", ROUTER_OPS),
    Service("gateway", GATEWAY_OPS),
)
"""Services in the order of starting. They stop in reverse: first those that accept work, last those
that receive it."""

REAL = tuple(service.name for service in SERVICES if service.has_broker)
"""Services around the broker."""
STORING = tuple(service.name for service in SERVICES if service.has_database)
"""Services with tables."""

FIXED = {
    "POSTKAMER_BIND": "127.0.0.1",
    "POSTKAMER_META_APP_SECRETS": "sandbox-app-secret",
    "POSTKAMER_META_VERIFY_TOKEN": "sandbox-verify-token",
    "POSTKAMER_META_ACCESS_TOKEN": "sandbox-access-token",
    "POSTKAMER_PRIVATE_NETWORKS": "127.0.0.0/8,::1/128",
    "PYTHONUNBUFFERED": "1",
    "OPENKLANT_TOKEN": "5a6d626f7800000000000000000000000000beef",
}
"""These are no secrets: they protect sandbox data, on ports of this machine only."""

VARIANTS = ("always-open", "openklant", "crm")
"""Changes of the shipped example that POSTKAMER_EXAMPLE makes."""
AT_DESK = r"""^id = "crm"
kind = "cloudevents"
url = "http://127\.0\.0\.1:8070/events"
secret = "env:CRM_SECRET"$"""
AT_SANDBOX = """id = "crm"
kind = "cloudevents"
url = "http://127.0.0.1:8090/crm/events"
secret = "env:CRM_SECRET\""""
OPEN_KLANT = """id = "crm"
kind = "openklant"
url = "http://127.0.0.1:8090/openklant/klantinteracties/api/v1"
secret = "env:OPENKLANT_TOKEN"
answer_channel = "WhatsApp versturen"
objects_url = "http://127.0.0.1:8090/objecten/api/v2"
objects_secret = "env:OPENKLANT_TOKEN"
look_seconds = 15"""


@dataclass(frozen=True)
class Secrets:
    """Secrets of one installation, drawn once unless its user gave them."""

    archive_key: str
    """32 bytes in base64."""
    working_key: str
    """32 bytes in base64."""
    crm_secret: str
    """32 bytes in base64."""
    api_tokens: str
    """`name:token` pairs, comma separated; the sandbox and the command line use the first."""
    desk_client_secret: str = "sandbox-desk-secret"
    """Secret of the desk at the identity provider of the sandbox."""


def environment(overrides: Mapping[str, str], *, root: Path, secrets: Secrets) -> dict[str, str]:
    """Return the environment of all our processes. Variables in `overrides` win, and addresses
    follow from their ports.
    """
    ports = {port.variable: str(port.default) for port in (*PORTS, PROMETHEUS)}
    chosen = FIXED | ports | dict(overrides)
    host = reachable(chosen["POSTKAMER_BIND"])
    operations = {
        service.name: f"http://{host}:{chosen[service.port.variable]}"
        for service in SERVICES
        if service.has_database
    }
    addresses = {
        "POSTKAMER_OPS_URLS": ",".join(f"{name}={url}" for name, url in operations.items()),
        "POSTKAMER_GATEWAY_URL": f"http://{host}:{chosen[GATEWAY.variable]}",
        "POSTKAMER_ROUTER_URL": f"http://{host}:{chosen[ROUTER.variable]}",
        "POSTKAMER_ARCHIVER_URL": f"http://{host}:{chosen[ARCHIVER.variable]}",
        "POSTKAMER_DESK_URL": f"http://{host}:{chosen[DESK.variable]}",
        "POSTKAMER_DESK_ISSUER": f"http://{host}:{chosen[SANDBOX.variable]}/identity",
        "POSTKAMER_META_GRAPH_URL": f"http://{host}:{chosen[SANDBOX.variable]}/graph/v26.0",
    }
    defaults = {
        "POSTKAMER_CONFIG": str(root / "deploy" / "examples" / "voorbeeldstad" / "postkamer.toml"),
        "POSTKAMER_OBJECT_STORE": (root / ".local" / "objects").as_uri(),
        "POSTKAMER_ARCHIVE_KEY": secrets.archive_key,
        "POSTKAMER_WORKING_KEY": secrets.working_key,
        "CRM_SECRET": f"whsec_{secrets.crm_secret}",
        "POSTKAMER_API_TOKENS": secrets.api_tokens,
        "POSTKAMER_API_TOKEN": first_token(secrets.api_tokens),
        "POSTKAMER_DESK_CLIENT_ID": "desk",
        "POSTKAMER_DESK_CLIENT_SECRET": secrets.desk_client_secret,
        "POSTKAMER_DESK_SECRET": f"whsec_{secrets.crm_secret}",
    }
    return FIXED | ports | addresses | defaults | dict(overrides)


def first_token(tokens: str) -> str:
    """Return the first token of `name:token` pairs, with which the sandbox calls the APIs."""
    return tokens.partition(",")[0].partition(":")[2].strip()


def example_for(text: str, sandbox: str, desk: str, variants: Collection[str] = ()) -> str:
    """Return a file of the shipped configuration with sandbox and desk at other ports of this
    machine: `always-open` without opening hours and closings, `openklant` with an Open Klant as its
    CRM, `crm` with the sandbox's own CRM, which can fail."""
    if "openklant" in variants:
        text = re.sub(AT_DESK, OPEN_KLANT, text, flags=re.MULTILINE)
    if "crm" in variants:
        text = re.sub(AT_DESK, AT_SANDBOX, text, flags=re.MULTILINE)
    if "always-open" in variants:
        text = re.sub(r"^\[\[closings\]\]\n(?:.+\n)*|^hours = .*\n", "", text, flags=re.MULTILINE)
    text = text.replace(f"//127.0.0.1:{SANDBOX.default}/", f"//127.0.0.1:{sandbox}/")
    return text.replace(f"//127.0.0.1:{DESK.default}/", f"//127.0.0.1:{desk}/")


def variants(environment: Mapping[str, str]) -> frozenset[str]:
    """Return how POSTKAMER_EXAMPLE wants the example to differ: comma separated."""
    chosen = frozenset(environment.get("POSTKAMER_EXAMPLE", "").split(",")) - {""}
    if unknown := sorted(chosen.difference(VARIANTS)):
        possible = ", ".join(VARIANTS)
        raise Refusal(f"POSTKAMER_EXAMPLE is one or more of {possible}, not {unknown[0]!r}.")
    return chosen


def wants_prometheus(environment: Mapping[str, str]) -> bool:
    """Return if POSTKAMER_PROMETHEUS asks for Prometheus beside the services."""
    chosen = environment.get("POSTKAMER_PROMETHEUS", "")
    if chosen not in ("", "no", "yes"):
        raise Refusal(f"POSTKAMER_PROMETHEUS is yes or no, not {chosen!r}.")
    return chosen == "yes"


def used_ports(environment: Mapping[str, str]) -> tuple[Port, ...]:
    return (*PORTS, PROMETHEUS) if wants_prometheus(environment) else PORTS


def port_number(environment: Mapping[str, str], port: Port) -> int:
    text = environment[port.variable]
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise Refusal(f"{port.variable} must be a port from 1 to {HIGHEST_PORT}, not {text!r}.")
    return int(text)


def address(service: Service, environment: Mapping[str, str]) -> tuple[str, int]:
    """Return host and port at which a service answers if it is ready."""
    host = reachable(environment["POSTKAMER_BIND"]).strip("[]")
    return host, port_number(environment, service.port)


def reachable(bind: str) -> str:
    """Return the host part of a URL for a server that listens on `bind`."""
    if bind in {"0.0.0.0", "::", ""}:
        return "127.0.0.1"
    return f"[{bind}]" if ":" in bind else bind


def settings_file(environment: Mapping[str, str]) -> str:
    """Return our settings as a file for a shell, for use of the command line beside `make run`."""
    ours = {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith("POSTKAMER_") or name in ("CRM_SECRET", "OPENKLANT_TOKEN")
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in ours.items()]
    return "".join(["# Read it with: set -a; . .local/environment; set +a\n", *lines])


def addresses(environment: Mapping[str, str]) -> str:
    """Return the table that is printed when everything is ready."""
    host = reachable(environment["POSTKAMER_BIND"])

    def at(port: Port, path: str = "/") -> str:
        return f"http://{host}:{environment[port.variable]}{path}"

    alarms = "Prometheus", at(PROMETHEUS, "/alerts"), "Grafana: docs/operators/monitoring.md"
    rows = [
        ("Sandbox page", at(SANDBOX), "a citizen's phone, the record"),
        ("Desk", at(DESK), "where employees answer: log in as one of five"),
        ("Webhooks", at(GATEWAY, "/webhooks/whatsapp"), "signed with the app secret"),
        ("Gateway API", at(GATEWAY, "/v1/messages"), "POST to send, GET /{id} for its status"),
        ("Archiver API", at(ARCHIVER, "/v1/conversations"), "GET /{id}/messages"),
        ("Router API", at(ROUTER, "/v1/rules/_explain"), "POST a sentence; GET /v1/rules/versions"),
        *[("API page", at(port, "/v1/openapi.html"), "") for port in (GATEWAY, ARCHIVER, ROUTER)],
        *[(f"Metrics {s.name}", at(s.port, "/metrics"), "") for s in SERVICES if s.has_database],
        *([alarms] if wants_prometheus(environment) else []),
        ("API token", "POSTKAMER_API_TOKEN", "in .local/environment; Authorization: Bearer ..."),
        ("Command line", ".venv/bin/postkamer", "first: set -a; . .local/environment; set +a"),
        ("Logs", ".local/log/", "one file for each process"),
        ("Stop", "Ctrl-C", "drains first; twice: at once"),
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(
        f"  {name:<{widths[0]}}  {what:<{widths[1]}}  {note}".rstrip() for name, what, note in rows
    )
