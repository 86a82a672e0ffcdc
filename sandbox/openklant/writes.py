"""Write rows in the server's two steps: check the body, then store it.

Other requests run between the two. If two requests check the same number at the same time, both
find it free; the second then violates the database's constraint, and the server answers 500.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from sandbox.openklant import constraints
from sandbox.openklant.constraints import Write
from sandbox.openklant.schema import RESOURCES, TOGETHER, Fields, default_row
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault, ReadResult, read_fields, refuse

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
        return str((inner or {}).get("referentienummer") or "")


def check_write(
    store: Store, resource: str, body: object, previous: Row | None = None, *, partial: bool = False
) -> CheckedWrite | list[Fault]:
    """Check a body; return what may be stored, or all its faults."""
    if resource == TOGETHER:
        return _check_together(store, body)
    result = _check(store, (resource, RESOURCES[resource]), body, previous, partial=partial)
    if result.faults:
        return result.faults
    return CheckedWrite(resource, result.value, previous["uuid"] if previous else "")


def _check(
    store: Store, target: tuple[str, Fields], body: object, previous: Row | None, *, partial: bool
) -> ReadResult:
    resource, fields = target
    result = read_fields(fields, body, store.exists, partial=partial)
    if result.value is None:
        return result
    write = Write(resource, result.value, previous, partial)
    result.faults += constraints.check_address(write) + constraints.check_numbers(store, write)
    if not result.faults:
        result.faults += constraints.check_row(store, write)
    return result


def _check_together(store: Store, body: object) -> CheckedWrite | list[Fault]:
    if not isinstance(body, dict):
        return refuse("invalid", "Ongeldige data. Verwacht een dictionary.", WHOLE).faults
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for name, (resource, link) in PARTS.items():
        if name not in body:
            if name == "klantcontact":
                faults.append(Fault(name, "required", "Dit veld is vereist."))
            continue
        if body[name] is None:
            faults.append(Fault(name, "null", "Dit veld mag niet leeg zijn."))
            continue
        fields = {field: kind for field, kind in RESOURCES[resource].items() if field != link}
        result = _check(store, (resource, fields), body[name], None, partial=False)
        faults += [fault.nested_in(name) for fault in result.faults]
        values[name] = result.value
    return faults or CheckedWrite(TOGETHER, values)


def create(store: Store, checked: CheckedWrite, stamp: Stamp) -> Row:
    """Store a new row. Raises Conflict if another request was first."""
    resource = checked.resource
    row = default_row(RESOURCES[resource]) | checked.values | {"uuid": stamp.new_id()}
    row |= _server_fields(resource, row, checked.values, stamp.at)
    store.insert(resource, row)
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
    """Store the values of a PATCH or PUT. Raises Conflict if another request was first."""
    previous = store.get(checked.resource, checked.uuid) or {}
    after = previous | checked.values
    values = checked.values | _server_fields(checked.resource, after, checked.values, at)
    return store.change(checked.resource, checked.uuid, values)


def _server_fields(resource: str, row: Row, values: dict[str, Any], at: datetime) -> Row:
    """Return the fields that the server sets."""
    if resource == "klantcontacten":
        return {"plaatsgevondenOp": row["plaatsgevondenOp"] or at}
    if resource != "internetaken":
        return {}
    fields: Row = {"toegewezenOp": row["toegewezenOp"] or at, "toegewezenAanActor": None}
    if "toegewezenAanActor" in values:
        fields["toegewezenAanActoren"] = (values["toegewezenAanActor"],)
    done = row["status"] == "verwerkt"
    fields["afgehandeldOp"] = (row["afgehandeldOp"] or at) if done else None
    return fields
