"""Summary for tests: counts, and each contact with the rows that refer to it. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.openklant.schema import RESOURCES
from sandbox.openklant.serializers import format_value
from sandbox.openklant.store import Row, Store

Json = dict[str, Any]


def summary(store: Store, most: int) -> Json:
    """Return the newest `most` contacts, by their number."""
    contacts = list(store.all("klantcontacten"))[-most:]
    return {
        "counts": {name: store.count(name) for name in RESOURCES},
        "dropped": store.dropped,
        "contacts": {
            row["referentienummer"]: contact_json(store, row)
            for row in contacts
            if row["referentienummer"] is not None
        },
    }


def contact_json(store: Store, row: Row) -> Json:
    names = ("uuid", "kanaal", "onderwerp", "inhoud", "reactie", "plaatsgevondenOp", "metadata")
    fields = {name: format_value(row[name]) for name in names}
    for name, (resource, field, show) in RELATED_ROWS.items():
        children = store.children(resource, field, row["uuid"])
        fields[name] = [show(store, one) for one in children]
    return fields


def party_json(store: Store, row: Row) -> Json:
    return {
        "uuid": row["uuid"],
        "rol": row["rol"],
        "initiator": row["initiator"],
        "contactnaam": row["contactnaam"],
        "adressen": [
            {"adres": one["adres"], "soort": one["soortDigitaalAdres"]}
            for one in store.children("digitaleadressen", "verstrektDoorBetrokkene", row["uuid"])
        ],
    }


def task_json(store: Store, row: Row) -> Json:
    names = ("uuid", "referentienummer", "gevraagdeHandeling", "toelichting", "status")
    actors = [actor_name(store, uuid) for uuid in row["toegewezenAanActoren"]]
    return {name: row[name] for name in names} | {
        "actoren": actors,
        "afgehandeldOp": format_value(row["afgehandeldOp"]),
    }


def actor_name(store: Store, actor: str) -> str:
    return str((store.get("actoren", actor) or {"naam": ""})["naam"])


RELATED_ROWS: Mapping[str, tuple[str, str, Callable[[Store, Row], Any]]] = {
    "betrokkenen": ("betrokkenen", "hadKlantcontact", party_json),
    "taken": ("internetaken", "aanleidinggevendKlantcontact", task_json),
    "actoren": (
        "actorklantcontacten",
        "klantcontact",
        lambda store, one: actor_name(store, one["actor"]),
    ),
    "onderwerpen": (
        "onderwerpobjecten",
        "klantcontact",
        lambda _, one: {
            "wasKlantcontact": one["wasKlantcontact"],
            **one["onderwerpobjectidentificator"],
        },
    ),
}
"""Rows that refer to a contact: their resource, the referring field, and how they are shown."""
