"""Write rows in the server's two steps: check the body, then store it.

Other requests run between the two. If two requests check the same number at the same time, both
find it free; the second then violates the database's constraint, and the server answers 500.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from sandbox.openklant.schema import PARTS, RESOURCES, TOGETHER, UNIQUE, Fields, default_row
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault, ReadResult, read_fields, refuse
from sandbox.openklant.versions import DRAWN, DRAWS, FIELDS

DIGITS = 10
"""Digits of a number that the server draws."""


class NumbersExhausted(Exception):
    """The server cannot draw a number, since the highest one is in use."""


class Stamp(msgspec.Struct, frozen=True):
    """Time and ids for the rows that are stored now."""

    at: datetime
    new_id: Callable[[], str]


class CheckedWrite(msgspec.Struct, frozen=True):
    """A write that passed the check."""

    resource: str
    values: dict[str, Any]
    uuid: str = ""
    """Id of the row that is changed; '' for a new row."""

    @property
    def number(self) -> str:
        """Number that concurrent requests may bring too."""
        inner = self.values.get("klantcontact") if self.resource == TOGETHER else self.values
        inner = inner or {}
        return str(inner.get("referentienummer") or inner.get("nummer") or "")


def check_write(
    store: Store, resource: str, body: object, previous: Row | None = None
) -> CheckedWrite | list[Fault]:
    """Check a body; return what may be stored, or all its faults. `previous` is the row that is
    changed; fields that are left out then do not change. Raises NumbersExhausted."""
    if resource == TOGETHER:
        return _check_together(store, body)
    result = _check(store, resource, FIELDS[store.version][resource], body, previous)
    if result.faults:
        return result.faults
    return CheckedWrite(resource, result.value, previous["uuid"] if previous else "")


def _check(
    store: Store, resource: str, fields: Fields, body: object, previous: Row | None
) -> ReadResult:
    result = read_fields(fields, body, store.exists, partial=previous is not None)
    if result.value is None:
        return result
    row = (previous or {}) | result.value
    result.faults += _unique_faults(store, resource, result.value, row)
    if resource == "internetaken" and not result.faults and "toegewezenAanActoren" not in row:
        reason = "een van `toegewezen_aan_actor` en `toegewezen_aan_actoren` is vereist."
        result.faults.append(Fault(WHOLE, "invalid", reason))
    if row.get("verdereActieOndernomen") and row.get("indicatieContactGelukt"):
        reason = "Als het contact gelukt is kan er geen verdere actie zijn ondernomen"
        result.faults.append(Fault(WHOLE, "no-further-action-when-contact-succesful", reason))
    if not result.faults and resource in DRAWN and store.version <= DRAWS:
        result.value["nummer"] = row.get("nummer") or draw_number(store, resource)
    return result


def draw_number(store: Store, resource: str) -> str:
    """Return the number after the highest one. Raises NumbersExhausted.

    Like the server it takes no lock, so two requests at once can draw the same one.
    """
    numbers = (int(row["nummer"]) for row in store.all(resource) if row["nummer"])
    number = f"{max(numbers, default=0) + 1:0{DIGITS}}"
    if len(number) > DIGITS:
        raise NumbersExhausted
    return number


def _unique_faults(store: Store, resource: str, values: dict[str, Any], row: Row) -> list[Fault]:
    """Return a fault for each number, or set of references, that another row has. The server does
    not check an empty number; only its database does."""
    return [
        Fault(fields[0] if len(fields) == 1 else WHOLE, "unique", "Deze waarde bestaat al.")
        for fields in UNIQUE.get(resource, ())
        if any(values.get(name) for name in fields) and not store.is_free(resource, fields, row)
    ]


def _check_together(store: Store, body: object) -> CheckedWrite | list[Fault]:
    if not isinstance(body, dict):
        return refuse("invalid", "Ongeldige data. Verwacht een dictionary.", WHOLE).faults
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    if "klantcontact" not in body:
        faults.append(Fault("klantcontact", "required", "Dit veld is vereist."))
    for name, (resource, link) in PARTS.items():
        if name in body and body[name] is None:
            faults.append(Fault(name, "null", "Dit veld mag niet leeg zijn."))
        elif name in body:
            fields = {k: v for k, v in FIELDS[store.version][resource].items() if k != link}
            result = _check(store, resource, fields, body[name], None)
            faults += [fault.nested_in(name) for fault in result.faults]
            values[name] = result.value
    return faults or CheckedWrite(TOGETHER, values)


def create(store: Store, checked: CheckedWrite, stamp: Stamp) -> Row:
    """Store a new row. Raises Conflict if another request was first."""
    row = default_row(RESOURCES[checked.resource]) | checked.values | {"uuid": stamp.new_id()}
    row |= _server_fields(checked.resource, row, stamp.at)
    store.insert(checked.resource, row)
    return row


def create_together(store: Store, checked: CheckedWrite, stamp: Stamp) -> dict[str, Row]:
    """Store all parts, or none of them: only the first part has unique values."""
    rows: dict[str, Row] = {}
    for name, (resource, link) in PARTS.items():
        if name in checked.values:
            link_fields = {link: rows["klantcontact"]["uuid"]} if link else {}
            part = CheckedWrite(resource, checked.values[name] | link_fields)
            rows[name] = create(store, part, stamp)
    return rows


def change(store: Store, checked: CheckedWrite, at: datetime) -> Row:
    """Store the values of a PATCH. Raises Conflict if another request was first."""
    after = (store.get(checked.resource, checked.uuid) or {}) | checked.values
    values = checked.values | _server_fields(checked.resource, after, at)
    return store.change(checked.resource, checked.uuid, values)


def remove_with_contacts(store: Store, row: Row) -> list[str]:
    """Remove an onderwerpobject with both its contacts and the addresses of their parties; return
    the contacts that stay, since another onderwerpobject refers to them."""
    uuid, kept = row["uuid"], list[str]()
    for contact in filter(None, (row["klantcontact"], row["wasKlantcontact"])):
        subjects = [
            other["uuid"]
            for field in ("klantcontact", "wasKlantcontact")
            for other in store.children("onderwerpobjecten", field, contact)
        ]
        if {*subjects} - {uuid}:
            kept.append(contact)
        elif store.exists("klantcontacten", contact):
            for party in store.children("betrokkenen", "hadKlantcontact", contact):
                held = store.children("digitaleadressen", "verstrektDoorBetrokkene", party["uuid"])
                for address in held:
                    store.remove("digitaleadressen", address["uuid"])
            store.remove("klantcontacten", contact)
    if store.exists("onderwerpobjecten", uuid):
        store.remove("onderwerpobjecten", uuid)
    return kept


def _server_fields(resource: str, row: Row, at: datetime) -> Row:
    """Return the fields that the server sets."""
    if resource == "klantcontacten":
        return {"plaatsgevondenOp": row["plaatsgevondenOp"] or at}
    if resource != "internetaken":
        return {}
    done = row["status"] == "verwerkt"
    return {
        "toegewezenOp": row["toegewezenOp"] or at,
        "afgehandeldOp": (row["afgehandeldOp"] or at) if done else None,
    }
