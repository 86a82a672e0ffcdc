"""Versions of the server, and the fields that each of them knows. Pure."""

from collections.abc import Mapping
from typing import Literal, get_args

from sandbox.openklant.schema import RESOURCES, Field, Fields, address_value, text

Version = Literal["2.15", "2.16", "2.17", "2.18"]
NEWEST: Version = "2.18"
API_VERSIONS: Mapping[Version, str] = {
    "2.15": "0.6.0",
    "2.16": "0.7.0",
    "2.17": "0.8.0",
    "2.18": "0.9.0",
}
"""Value of the header API-version."""
DRAWS: Version = "2.15"
"""Last version that draws a number for a row without one."""
DRAWN = frozenset({"klantcontacten", "internetaken"})
"""Resources whose numbers it draws."""

OLDER: Mapping[Version, Mapping[tuple[str, str], Field | None]] = {
    "2.17": {
        ("klantcontacten", "metadata"): Field(kind="metadata", max_length=100, default={}),
        ("klantcontacten", "reactie"): text(1000),
        ("klantcontacten", "hoofdOnderwerpType"): None,
        ("klantcontacten", "verdereActieOndernomen"): None,
    },
    "2.16": {("digitaleadressen", "adres"): address_value("older-phone")},
    "2.15": {
        ("klantcontacten", "metadata"): None,
        ("klantcontacten", "reactie"): None,
        ("klantcontacten", "referentienummer"): None,
        ("klantcontacten", "nummer"): Field(form="digits", max_length=10, blank=True),
        ("internetaken", "referentienummer"): None,
        ("internetaken", "nummer"): Field(form="digits", max_length=10, blank=True),
    },
}
"""Fields that a version and those before it read otherwise; None for one that they do not know."""


def build_fields(version: Version) -> dict[str, dict[str, Field]]:
    fields = {resource: dict(known) for resource, known in RESOURCES.items()}
    for other, changes in OLDER.items():
        if version <= other:
            for (resource, name), field in changes.items():
                if field:
                    fields[resource][name] = field
                else:
                    fields[resource].pop(name, None)
    return fields


FIELDS: Mapping[Version, Mapping[str, Fields]] = {
    version: build_fields(version) for version in get_args(Version)
}
