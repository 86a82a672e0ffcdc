"""Rows in the server's JSON, with links and referring rows. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from sandbox.openklant.schema import PARTS
from sandbox.openklant.store import Row, Store
from sandbox.openklant.versions import FIELDS

Json = dict[str, Any]

BACK: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "klantcontacten": {
        "gingOverOnderwerpobjecten": ("onderwerpobjecten", "klantcontact"),
        "hadBetrokkenen": ("betrokkenen", "hadKlantcontact"),
        "leiddeTotInterneTaken": ("internetaken", "aanleidinggevendKlantcontact"),
    },
    "betrokkenen": {"digitaleAdressen": ("digitaleadressen", "verstrektDoorBetrokkene")},
}
"""Links in a row to the rows that refer to it: their resource, and its referring field."""


class Serializer(msgspec.Struct, frozen=True):
    store: Store
    base: str
    """URL at which every row's `url` begins."""

    def link(self, resource: str, uuid: str) -> Json:
        return {"uuid": uuid, "url": f"{self.base}/{resource}/{uuid}"}

    def serialize(self, resource: str, row: Row) -> Json:
        row_data = self.link(resource, row["uuid"])
        for name, field in FIELDS[self.store.version][resource].items():
            value = row[name]
            row_data[name] = self._links(field.to, value) if field.to else format_value(value)
        for name, (other, back) in BACK.get(resource, {}).items():
            rows = self.store.children(other, back, row["uuid"])
            row_data[name] = [self.link(other, each["uuid"]) for each in rows]
        return row_data | self._derived_fields(resource, row, row_data)

    def expand(self, resource: str, row: Row, paths: frozenset[str]) -> Json:
        """Return the `_expand` of a row: whole rows in place of links, and theirs inside them."""
        expansion: Json = {}
        for name in sorted(path for path in paths if "." not in path):
            inner = frozenset(p.partition(".")[2] for p in paths if p.startswith(f"{name}."))
            if name in BACK.get(resource, {}):
                other, back = BACK[resource][name]
                children = self.store.children(other, back, row["uuid"])
                expansion[name] = [self._serialize_expanded(other, one, inner) for one in children]
            elif field := FIELDS[self.store.version][resource].get(name):
                one = row[name] and self.store.get(field.to, row[name])
                expansion[name] = one and self._serialize_expanded(field.to, one, inner)
            else:
                expansion[name] = []
        return expansion

    def _serialize_expanded(self, resource: str, row: Row, paths: frozenset[str]) -> Json:
        expansion = self.expand(resource, row, paths) if paths else {}
        return self.serialize(resource, row) | ({"_expand": expansion} if expansion else {})

    def _links(self, to: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return [self.link(to, uuid) for uuid in value]
        return self.link(to, value) if value else None

    def _derived_fields(self, resource: str, row: Row, row_data: Json) -> Json:
        match resource:
            case "klantcontacten":
                return {"hadBetrokkenActoren": self._actors(row["uuid"]), "omvatteBijlagen": []}
            case "betrokkenen":
                return {"volledigeNaam": full_name(row)}
            case "internetaken":
                first = [*row_data["toegewezenAanActoren"], {"uuid": None}][0]
                return {"toegewezenAanActor": first}
        return {}

    def _actors(self, contact: str) -> list[Json]:
        pairs = self.store.children("actorklantcontacten", "klantcontact", contact)
        actors = [self.store.get("actoren", pair["actor"]) for pair in pairs]
        return [self.serialize("actoren", actor) for actor in actors if actor]

    def serialize_together(self, rows: Mapping[str, Row]) -> Json:
        """Return the three parts of maak-klantcontact; null for a part that was not sent."""
        return {
            name: self.serialize(resource, rows[name]) if name in rows else None
            for name, (resource, _) in PARTS.items()
        }


def format_value(value: Any) -> Any:
    """Write moments as the server does: UTC, with Z, and a fraction only if it is not zero."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value


def full_name(row: Row) -> str:
    parts = (row["contactnaam"][n] for n in ("voornaam", "voorvoegselAchternaam", "achternaam"))
    return " ".join(part for part in parts if part)
