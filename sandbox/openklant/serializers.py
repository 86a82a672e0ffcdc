"""Rows in the server's JSON: with links, referring rows and expansions. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from sandbox.openklant.schema import RESOURCES
from sandbox.openklant.store import Row, Store
from sandbox.openklant.writes import PARTS

Json = dict[str, Any]

BACK: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "klantcontacten": {
        "gingOverOnderwerpobjecten": ("onderwerpobjecten", "klantcontact"),
        "omvatteBijlagen": ("bijlagen", "wasBijlageVanKlantcontact"),
        "hadBetrokkenen": ("betrokkenen", "hadKlantcontact"),
        "leiddeTotInterneTaken": ("internetaken", "aanleidinggevendKlantcontact"),
    },
    "betrokkenen": {"digitaleAdressen": ("digitaleadressen", "verstrektDoorBetrokkene")},
}
"""Links in a row to the rows that refer to it: their resource, and its referring field."""

EXPANDS: Mapping[str, tuple[str, ...]] = {
    "klantcontacten": (
        "hadBetrokkenen",
        "leiddeTotInterneTaken",
        "gingOverOnderwerpobjecten",
        "omvatteBijlagen",
        "hadBetrokkenen.wasPartij",
        "hadBetrokkenen.digitaleAdressen",
    ),
    "betrokkenen": ("digitaleAdressen",),
    "digitaleadressen": (
        "verstrektDoorBetrokkene",
        "verstrektDoorBetrokkene.hadKlantcontact",
        "verstrektDoorBetrokkene.hadKlantcontact.leiddeTotInterneTaken",
    ),
}
"""Valid values of `expand`. Only expansions in BACK are implemented; others are left out."""


class Serializer(msgspec.Struct, frozen=True):
    store: Store
    base: str
    """URL at which every row's `url` begins."""

    def url(self, resource: str, uuid: str) -> str:
        return f"{self.base}/{resource}/{uuid}"

    def link(self, resource: str, uuid: str) -> Json:
        return {"uuid": uuid, "url": self.url(resource, uuid)}

    def serialize(self, resource: str, row: Row) -> Json:
        row_data = self.link(resource, row["uuid"])
        for name, field in RESOURCES[resource].items():
            value = row[name]
            row_data[name] = self._links(field.to, value) if field.to else format_value(value)
        for name, (other, back) in BACK.get(resource, {}).items():
            rows = self.store.children(other, back, row["uuid"])
            row_data[name] = [self.link(other, each["uuid"]) for each in rows]
        return row_data | self._derived_fields(resource, row, row_data)

    def _links(self, to: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return [self.link(to, uuid) for uuid in value]
        return self.link(to, value) if value else None

    def _derived_fields(self, resource: str, row: Row, row_data: Json) -> Json:
        """Return the derived fields of a row."""
        match resource:
            case "klantcontacten":
                return {"hadBetrokkenActoren": self._actors(row["uuid"])}
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

    def expand(self, resource: str, row: Row, wanted_paths: Iterable[str]) -> Json:
        """Return the row with `_expand` for the wanted paths in BACK, applied recursively."""
        row_data = self.serialize(resource, row)
        paths = [path.split(".") for path in wanted_paths]
        expansions: Json = {}
        for name, (other, back) in BACK.get(resource, {}).items():
            if [name] in paths:
                deeper = [".".join(path[1:]) for path in paths if path[0] == name and path[1:]]
                rows = self.store.children(other, back, row["uuid"])
                expansions[name] = [self.expand(other, each, deeper) for each in rows]
        return row_data | {"_expand": expansions} if expansions else row_data


def format_value(value: Any) -> Any:
    """Write moments as the server does: UTC, with Z, and a fraction only if it is not zero."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value


def full_name(row: Row) -> str:
    parts = (row["contactnaam"][n] for n in ("voornaam", "voorvoegselAchternaam", "achternaam"))
    return " ".join(part for part in parts if part)
