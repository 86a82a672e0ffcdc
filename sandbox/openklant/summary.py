"""Summary for tests: counts, and each contact with the rows that refer to it. Pure."""

from typing import Any

from sandbox.openklant.schema import RESOURCES
from sandbox.openklant.serializers import format_value
from sandbox.openklant.store import Row, Store

Json = dict[str, Any]

CONTACT_FIELDS = (
    "uuid", "nummer", "kanaal", "onderwerp", "inhoud", "reactie", "indicatieContactGelukt",
    "plaatsgevondenOp", "metadata",
)  # fmt: skip
TASK_FIELDS = (
    "uuid", "nummer", "referentienummer", "gevraagdeHandeling", "toelichting", "status",
    "afgehandeldOp",
)  # fmt: skip


def summary(store: Store, most: int) -> Json:
    """Return the newest `most` contacts, oldest first, each by its reference number, or by its uuid
    if it has none."""
    contacts = list(store.all("klantcontacten"))[-most:]
    return {
        "counts": {name: store.count(name) for name in RESOURCES},
        "dropped": store.dropped,
        "contacts": {
            row["referentienummer"] or row["uuid"]: contact_json(store, row) for row in contacts
        },
    }


def contact_json(store: Store, row: Row) -> Json:
    uuid = row["uuid"]
    parties = store.children("betrokkenen", "hadKlantcontact", uuid)
    tasks = store.children("internetaken", "aanleidinggevendKlantcontact", uuid)
    links = store.children("actorklantcontacten", "klantcontact", uuid)
    subjects = store.children("onderwerpobjecten", "klantcontact", uuid)
    return pick(row, CONTACT_FIELDS) | {
        "betrokkenen": [party_json(store, one) for one in parties],
        "taken": [
            pick(one, TASK_FIELDS)
            | {"actoren": [actor_name(store, actor) for actor in one["toegewezenAanActoren"]]}
            for one in tasks
        ],
        "actoren": [actor_name(store, one["actor"]) for one in links],
        "onderwerpen": [
            pick(one, ("uuid", "wasKlantcontact")) | one["onderwerpobjectidentificator"]
            for one in subjects
        ],
    }


def party_json(store: Store, row: Row) -> Json:
    addresses = store.children("digitaleadressen", "verstrektDoorBetrokkene", row["uuid"])
    return pick(row, ("uuid", "rol", "initiator", "contactnaam")) | {
        "adressen": [
            {"adres": one["adres"], "soort": one["soortDigitaalAdres"]} for one in addresses
        ]
    }


def actor_name(store: Store, actor: str) -> str:
    return str((store.get("actoren", actor) or {"naam": ""})["naam"])


def pick(row: Row, names: tuple[str, ...]) -> Json:
    return {name: format_value(row[name]) for name in names}
