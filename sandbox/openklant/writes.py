"""Takes what is written, in the two steps of the server: look whether it is right, then store it.

Between the two others get their turn. Two that looked at the same time both find a number free; the
second then meets the database, which is why the real server answers 500 there.
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
"""Of maak-klantcontact: which resource, and its field that refers to the contact."""


class Stamp(msgspec.Struct, frozen=True):
    """Time and chance for what is stored now."""

    at: datetime
    new_id: Callable[[], str]


class Checked(msgspec.Struct, frozen=True):
    """What may be stored, as far as could be seen when it was looked at."""

    resource: str
    values: dict[str, Any]
    uuid: str = ""
    """Of the row that it changes."""

    @property
    def number(self) -> str:
        """The number that others may bring at the same time."""
        inner = self.values.get("klantcontact") if self.resource == TOGETHER else self.values
        return str((inner or {}).get("referentienummer") or "")


def check(
    store: Store, resource: str, body: object, before: Row | None = None, *, partial: bool = False
) -> Checked | list[Fault]:
    """What may be stored of a body, or all that is wrong with it."""
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
    """Store a new row; Taken when somebody else was first."""
    resource = checked.resource
    row = fresh(RESOURCES[resource]) | checked.values | {"uuid": stamp.new_id()}
    row |= _of_server(resource, row, checked.values, stamp.at)
    store.insert(resource, row)
    return row


def create_together(store: Store, checked: Checked, stamp: Stamp) -> dict[str, Row]:
    """Store all parts, or none of them: what is unique is in the first."""
    made: dict[str, Row] = {}
    for name, (resource, link) in PARTS.items():
        if name in checked.values:
            more = {link: made["klantcontact"]["uuid"]} if link else {}
            part = Checked(resource, checked.values[name] | more)
            made[name] = create(store, part, stamp)
    return made


def change(store: Store, checked: Checked, at: datetime) -> Row:
    """Store what a PATCH or PUT brought; Taken when somebody else was first."""
    before = store.get(checked.resource, checked.uuid) or {}
    after = before | checked.values
    values = checked.values | _of_server(checked.resource, after, checked.values, at)
    return store.change(checked.resource, checked.uuid, values)


def _of_server(resource: str, row: Row, brought: dict[str, Any], at: datetime) -> Row:
    """What the server sets by itself."""
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
