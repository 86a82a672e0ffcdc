"""Validate a body against the table of fields: its values, or every fault by its dotted name.

Pure; a function that is passed in says if a referenced row exists.
"""

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.openklant import field_values
from sandbox.openklant.field_values import InvalidValue
from sandbox.openklant.schema import SINGULAR, Field, Fields, default_row

WHOLE = "nonFieldErrors"
"""Name of a fault in the body as a whole."""

Exists = Callable[[str, str], bool]
"""True if the resource has a row with this uuid."""


class Fault(msgspec.Struct, frozen=True):
    """One of `invalidParams`."""

    name: str
    code: str
    reason: str

    def nested_in(self, name: str) -> "Fault":
        return Fault(f"{name}.{self.name}" if self.name else name, self.code, self.reason)


class ReadResult(msgspec.Struct):
    value: Any = None
    faults: list[Fault] = []


def read_fields(
    fields: Fields, body: object, exists: Exists, *, partial: bool = False
) -> ReadResult:
    """Read the fields that a body has. Unknown names are ignored."""
    if not isinstance(body, dict):
        return refuse("invalid", f"Verwacht een dictionary, kreeg een {type_name(body)}.", WHOLE)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, field in fields.items():
        if field.set_by_server:
            continue
        if name not in body:
            if field.required and not partial:
                faults.append(Fault(name, "required", "Dit veld is vereist."))
            continue
        if (field := select_variant(field, body)).kind == "variant":
            continue  # no variant was selected, so the server ignores the field
        result = _one(field, body[name], exists)
        faults += [fault.nested_in(name) for fault in result.faults]
        values[name] = result.value
    return ReadResult(values, faults)


def select_variant(field: Field, body: dict[str, Any]) -> Field:
    """Return the group for a variant field, as selected by another field; else the field itself."""
    if field.kind != "variant":
        return field
    selected = body.get(field.selector)
    parts = field.variants.get(selected) if isinstance(selected, str) else None
    if parts is None:
        return field
    return Field(kind="chosen", parts=parts)


def _one(field: Field, raw: object, exists: Exists) -> ReadResult:
    if raw is None and field.null:
        return ReadResult(default_row(field.parts) if field.kind == "group" else None)
    if raw is None:
        return refuse("null", "Dit veld mag niet leeg zijn.")
    if nested := NESTED.get(field.kind):
        return nested(field, raw, exists)
    try:
        return ReadResult(field_values.READERS[field.kind](field, raw))
    except InvalidValue as error:
        return refuse(error.code, error.reason)


def _group(field: Field, raw: object, exists: Exists) -> ReadResult:
    """Read a group. It is always set as a whole, also by a PATCH."""
    result = read_fields(field.parts, raw, exists)
    if not result.faults:
        result.value = default_row(field.parts) | result.value
    return result


def _chosen(field: Field, raw: object, exists: Exists) -> ReadResult:
    """Read a variant's group; it is null if none of its fields is given."""
    result = _group(field, raw, exists)
    if isinstance(raw, dict) and not raw.keys() & field.parts.keys() and not result.faults:
        result.value = None
    return result


def _ref(field: Field, raw: object, exists: Exists) -> ReadResult:
    result = read_fields({"uuid": Field(required=True)}, raw, exists)
    if result.faults:
        return result
    try:
        uuid_text = str(uuid.UUID(result.value["uuid"]))
    except ValueError:
        return refuse("invalid", "Voer een geldige UUID in.", "uuid")
    if not exists(field.to, uuid_text):
        return refuse("invalid", f"{SINGULAR[field.to]} object bestaat niet.", "uuid")
    return ReadResult(uuid_text)


def _refs(field: Field, raw: object, exists: Exists) -> ReadResult:
    if not isinstance(raw, list):
        return refuse("not_a_list", f"Verwachtte een lijst, kreeg {type_name(raw)}.", WHOLE)
    results = [_ref(field, one, exists) for one in raw]
    faults = [fault.nested_in(str(n)) for n, one in enumerate(results) for fault in one.faults]
    return ReadResult(tuple(dict.fromkeys(one.value for one in results if not one.faults)), faults)


def _metadata(field: Field, raw: object, _: Exists) -> ReadResult:
    if not isinstance(raw, dict):
        return refuse("not_a_dict", f"Verwachtte een dictionary, kreeg {type_name(raw)}.")
    inner = Field(max_length=field.max_length)
    results = {name: _one(inner, value, _never_exists) for name, value in raw.items()}
    faults = [fault.nested_in(name) for name, one in results.items() for fault in one.faults]
    return ReadResult({name: one.value for name, one in results.items()}, faults)


NESTED: dict[str, Callable[[Field, object, Exists], ReadResult]] = {
    "group": _group,
    "chosen": _chosen,
    "ref": _ref,
    "refs": _refs,
    "metadata": _metadata,
}


def _never_exists(_: str, __: str) -> bool:
    return False


def refuse(code: str, reason: str, name: str = "") -> ReadResult:
    return ReadResult(None, [Fault(name, code, reason)])


def type_name(value: object) -> str:
    return type(value).__name__
