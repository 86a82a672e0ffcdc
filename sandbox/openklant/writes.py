"""Write rows in the server's two steps: check the body, then store it.

Other requests run between the two. If two requests check the same number at the same time, both
find it free; the second then violates the database's constraint, and the server answers 500.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from sandbox.openklant import constraints
from sandbox.openklant.constraints import Case
from sandbox.openklant.schema import RESOURCES, TOGETHER, Fields, fresh
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault, Read, read, refused

PARTS: Mapping[str, tuple[str, str]] = {
    "klantcontact": ("klantcontacten", ""),
    "betrokkene": ("betrokkenen", "hadKlantcontact"),
    "onderwerpobject": ("onderwerpobjecten", "klantcontact"),
}
"""Parts of maak-klantcontact: their resource, and its field that refers to the contact."""


class Stamp(msgspec.Struct, frozen=True):
    """Time and ids for the rows that are stored now."""

    at: datetime
    new_id: Callable[[], str]


class Checked(msgspec.Struct, frozen=True):
    """A write that passed the check."""

    resource: str
    values: dict[str, Any]
    uuid: str = ""
    """Id of the row that is changed; '' for a new row."""

    @property
    def number(self) -> str:
        """Number that concurrent requests may bring too."""
        inner = self.values.get("klantcontact") if self.resource == TOGETHER else self.values
        return str((inner or {}).get("referentienummer") or "")


def check(
    store: Store, resource: str, body: object, before: Row | None = None, *, partial: bool = False
) -> Checked | list[Fault]:
    """Check a body; return what may be stored, or all its faults."""
    if resource == TOGETHER:
        return _check_together(store, body)
    found = _check(store, (resource, RESOURCES[resource]), body, before, partial=partial)
    if found.faults:
        return found.faults
    return Checked(resource, found.value, before["uuid"] if before else "")


def _check(
    store: Store, what: tuple[str, Fields], body: object, before: Row | None, *, partial: bool
) -> Read:
    resource, fields = what
    found = read(fields, body, store.exists, partial=partial)
    if found.value is None:
        return found
    case = Case(resource, found.value, before, partial)
    found.faults += constraints.beside(case) + constraints.taken(store, case)
    if not found.faults:
        found.faults += constraints.whole(store, case)
    return found


def _check_together(store: Store, body: object) -> Checked | list[Fault]:
    if not isinstance(body, dict):
        return refused("invalid", "Ongeldige data. Verwacht een dictionary.", WHOLE).faults
    faults: list[Fault] = []
    brought: dict[str, Any] = {}
    for name, (resource, link) in PARTS.items():
        if name not in body:
            if name == "klantcontact":
                faults.append(Fault(name, "required", "Dit veld is vereist."))
            continue
        if body[name] is None:
            faults.append(Fault(name, "null", "Dit veld mag niet leeg zijn."))
            continue
        fields = {field: kind for field, kind in RESOURCES[resource].items() if field != link}
        found = _check(store, (resource, fields), body[name], None, partial=False)
        faults += [fault.under(name) for fault in found.faults]
        brought[name] = found.value
    return faults or Checked(TOGETHER, brought)


def create(store: Store, checked: Checked, stamp: Stamp) -> Row:
    """Store a new row. Raises Taken if another request was first."""
    resource = checked.resource
    row = fresh(RESOURCES[resource]) | checked.values | {"uuid": stamp.new_id()}
    row |= _of_server(resource, row, checked.values, stamp.at)
    store.insert(resource, row)
    return row


def create_together(store: Store, checked: Checked, stamp: Stamp) -> dict[str, Row]:
    """Store all parts, or none of them: only the first part has unique values."""
    made: dict[str, Row] = {}
    for name, (resource, link) in PARTS.items():
        if name in checked.values:
            more = {link: made["klantcontact"]["uuid"]} if link else {}
            part = Checked(resource, checked.values[name] | more)
            made[name] = create(store, part, stamp)
    return made


def change(store: Store, checked: Checked, at: datetime) -> Row:
    """Store the values of a PATCH or PUT. Raises Taken if another request was first."""
    before = store.get(checked.resource, checked.uuid) or {}
    after = before | checked.values
    values = checked.values | _of_server(checked.resource, after, checked.values, at)
    return store.change(checked.resource, checked.uuid, values)


def _of_server(resource: str, row: Row, brought: dict[str, Any], at: datetime) -> Row:
    """Return the fields that the server sets."""
    if resource == "klantcontacten":
        return {"plaatsgevondenOp": row["plaatsgevondenOp"] or at}
    if resource != "internetaken":
        return {}
    set_by_it: Row = {"toegewezenOp": row["toegewezenOp"] or at, "toegewezenAanActor": None}
    if "toegewezenAanActor" in brought:
        set_by_it["toegewezenAanActoren"] = (brought["toegewezenAanActor"],)
    done = row["status"] == "verwerkt"
    set_by_it["afgehandeldOp"] = (row["afgehandeldOp"] or at) if done else None
    return set_by_it
