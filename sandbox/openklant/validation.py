"""Validate a body against the table of fields: its values, or every fault by its dotted name.

Pure; a function that is passed in says if a referenced row exists.
"""

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.openklant import field_values
from sandbox.openklant.field_values import Wrong
from sandbox.openklant.schema import SINGULAR, Field, Fields, fresh

WHOLE = "nonFieldErrors"
"""Name of a fault in the body as a whole."""

Exists = Callable[[str, str], bool]
"""True if the resource has a row with this uuid."""


class Fault(msgspec.Struct, frozen=True):
    """One of `invalidParams`."""

    name: str
    code: str
    reason: str

    def under(self, name: str) -> "Fault":
        return Fault(f"{name}.{self.name}" if self.name else name, self.code, self.reason)


class Read(msgspec.Struct):
    value: Any = None
    faults: list[Fault] = []


def read(fields: Fields, body: object, exists: Exists, *, partial: bool = False) -> Read:
    """Read the fields that a body has. Unknown names are ignored."""
    if not isinstance(body, dict):
        return refused("invalid", f"Verwacht een dictionary, kreeg een {kind_of(body)}.", WHOLE)
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, field in fields.items():
        if field.own:
            continue
        if name not in body:
            if field.required and not partial:
                faults.append(Fault(name, "required", "Dit veld is vereist."))
            continue
        if (field := variant(field, body)).kind == "variant":
            continue  # no variant was selected, so the server ignores the field
        one = _one(field, body[name], exists)
        faults += [fault.under(name) for fault in one.faults]
        found[name] = one.value
    return Read(found, faults)


def variant(field: Field, body: dict[str, Any]) -> Field:
    """Return the group for a variant field, as selected by another field; else the field itself."""
    if field.kind != "variant":
        return field
    said = body.get(field.by)
    parts = field.variants.get(said) if isinstance(said, str) else None
    if parts is None:
        return field
    return Field(kind="chosen", parts=parts)


def _one(field: Field, raw: object, exists: Exists) -> Read:
    if raw is None and field.null:
        return Read(fresh(field.parts) if field.kind == "group" else None)
    if raw is None:
        return refused("null", "Dit veld mag niet leeg zijn.")
    if nested := NESTED.get(field.kind):
        return nested(field, raw, exists)
    try:
        return Read(field_values.READERS[field.kind](field, raw))
    except Wrong as wrong:
        return refused(wrong.code, wrong.reason)


def _group(field: Field, raw: object, exists: Exists) -> Read:
    """Read a group. It is always set as a whole, also by a PATCH."""
    found = read(field.parts, raw, exists)
    if not found.faults:
        found.value = fresh(field.parts) | found.value
    return found


def _chosen(field: Field, raw: object, exists: Exists) -> Read:
    """Read a variant's group; it is null if none of its fields is given."""
    found = _group(field, raw, exists)
    if isinstance(raw, dict) and not raw.keys() & field.parts.keys() and not found.faults:
        found.value = None
    return found


def _ref(field: Field, raw: object, exists: Exists) -> Read:
    found = read({"uuid": Field(required=True)}, raw, exists)
    if found.faults:
        return found
    try:
        named = str(uuid.UUID(found.value["uuid"]))
    except ValueError:
        return refused("invalid", "Voer een geldige UUID in.", "uuid")
    if not exists(field.to, named):
        return refused("invalid", f"{SINGULAR[field.to]} object bestaat niet.", "uuid")
    return Read(named)


def _refs(field: Field, raw: object, exists: Exists) -> Read:
    if not isinstance(raw, list):
        return refused("not_a_list", f"Verwachtte een lijst, kreeg {kind_of(raw)}.", WHOLE)
    every = [_ref(field, one, exists) for one in raw]
    faults = [fault.under(str(n)) for n, one in enumerate(every) for fault in one.faults]
    return Read(tuple(dict.fromkeys(one.value for one in every if not one.faults)), faults)


def _metadata(field: Field, raw: object, _: Exists) -> Read:
    if not isinstance(raw, dict):
        return refused("not_a_dict", f"Verwachtte een dictionary, kreeg {kind_of(raw)}.")
    inner = Field(most=field.most)
    every = {name: _one(inner, value, _nothing) for name, value in raw.items()}
    faults = [fault.under(name) for name, one in every.items() for fault in one.faults]
    return Read({name: one.value for name, one in every.items()}, faults)


NESTED: dict[str, Callable[[Field, object, Exists], Read]] = {
    "group": _group,
    "chosen": _chosen,
    "ref": _ref,
    "refs": _refs,
    "metadata": _metadata,
}


def _nothing(_: str, __: str) -> bool:
    return False


def refused(code: str, reason: str, name: str = "") -> Read:
    return Read(None, [Fault(name, code, reason)])


def kind_of(value: object) -> str:
    return type(value).__name__
