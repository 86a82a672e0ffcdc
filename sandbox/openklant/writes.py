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
    store: Store, resource: str, body: object, previous: Row | None = None
) -> CheckedWrite | list[Fault]:
    """Check a body; return what may be stored, or all its faults. `previous` is the row that is
    changed; fields that are left out then do not change."""
    if resource == TOGETHER:
        return _check_together(store, body)
    result = _check(store, resource, RESOURCES[resource], body, previous)
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
    return result


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
            fields = {field: kind for field, kind in RESOURCES[resource].items() if field != link}
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
