"""Metrics and labels in expressions of Prometheus, compared with those that exist."""

import re
from collections.abc import Mapping

from services.metrics import REGISTRY

NAMES = r"\bup\b|\bALERTS\b|(?:postkamer|rabbitmq)_\w+"
"""Metrics in an expression."""
OF_A_QUEUE = (
    "rabbitmq_queue_consumers", "rabbitmq_queue_messages", "rabbitmq_queue_messages_ready_bytes",
)  # fmt: skip
"""Metrics of each queue, from RabbitMQ's own plugin."""
OF_THE_BROKER = ("rabbitmq_disk_space_available_bytes", "rabbitmq_disk_space_available_limit_bytes")
"""Metrics of the node, from the same."""
OF_PROMETHEUS = {
    "up": {"job", "service", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity"},
}
SCRAPED = {"service", "instance", "job"}
"""Labels that Prometheus adds to each metric of a service (`deploy/prometheus/prometheus.yml`)."""
LABELS = r'(\w+)\s*(?:=~|!~|!=|=)\s*"|\b(?:by|on|without|ignoring)\s*\(([^)]*)\)'


def known_metrics() -> dict[str, set[str]]:
    """Name -> labels of everything that services, broker and Prometheus count."""
    known = {name: set(labels) for name, labels in OF_PROMETHEUS.items()}
    known |= {name: {"queue", "vhost"} for name in OF_A_QUEUE}
    known |= {name: set[str]() for name in OF_THE_BROKER}
    for metric, names in REGISTRY._collector_to_names.items():
        labels = {*getattr(metric, "_labelnames", ()), *SCRAPED}
        known |= {name: labels | ({"le"} if "_bucket" in name else set()) for name in names}
    return known


def scraped_metrics(page: str) -> dict[str, set[str]]:
    """Name -> labels of what a service really shows on its metrics page."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", page, re.MULTILINE):
        found.setdefault(name, {*SCRAPED}).update(re.findall(r'(\w+)="', labels))
    return found


def names_in(expression: str) -> set[str]:
    return {*re.findall(NAMES, expression)}


def labels_in(expression: str) -> set[str]:
    """Labels that an expression selects or groups by."""
    found = re.findall(LABELS, expression)
    grouped = {each.strip() for _, group in found for each in group.split(",")}
    return ({label for label, _ in found} | grouped) - {""}


def expression_faults(expression: str, known: Mapping[str, set[str]]) -> list[str]:
    """Metrics and labels of an expression that do not exist, a line each."""
    names = names_in(expression)
    if unknown := sorted(names - known.keys()):
        return [f"no metric {name}" for name in unknown]
    labels = set[str]().union(*(known[name] for name in names))
    return [f"no label {label} in {expression}" for label in sorted(labels_in(expression) - labels)]
