"""Validate a body against the table of fields: its values, or every fault by its dotted name.

Values are read as the server does: text is trimmed, numbers are taken as text. The reasons are
Dutch, like the server's. Pure; a function that is passed in says if a referenced row exists.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from sandbox.openklant.schema import Field, Fields, default_row

WHOLE = "nonFieldErrors"
"""Name of a fault in the body as a whole."""
FORMS: Mapping[str, re.Pattern[str]] = {
    "digits": re.compile(r"-?[0-9]+"),
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+"),
    "older-phone": re.compile(r"(?!0800|0900|088)(0[1-9][0-9]{8}|\+[0-9]{9,15}|00[0-9]{7,13})"),
    "phone": re.compile(r"(?!0800|0900)(0[1-9][0-9]{8}|\+[0-9]{9,15}|00[0-9]{7,13})"),
    "url": re.compile(r"https?://[^\s/?#]+\.[^\s/?#]+([/?#]\S*)?"),
}
Exists = Callable[[str, str], bool]
"""True if the resource has a row with this uuid."""


class Fault(msgspec.Struct, frozen=True):
    """One of `invalidParams`. Clients decide on its name and its code."""

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
        return refuse("invalid", "Ongeldige data. Verwacht een dictionary.", WHOLE)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, any_field in fields.items():
        field = _select_variant(any_field, body)
        if field.kind == "ignored":
            continue
        if name not in body:
            if field.required and not partial:
                faults.append(Fault(name, "required", "Dit veld is vereist."))
            continue
        result = _read_value(field, body[name], exists)
        faults += [fault.nested_in(name) for fault in result.faults]
        values[name] = result.value
    return ReadResult(values, faults)


def _select_variant(field: Field, body: dict[str, Any]) -> Field:
    selected = body.get(field.selector)
    return field.variants.get(selected, field) if isinstance(selected, str) else field


def _read_value(field: Field, raw: object, exists: Exists) -> ReadResult:
    if raw is not None:
        return READERS[field.kind](field, raw, exists)
    if field.null:
        return ReadResult(default_row(field.parts) if field.kind == "group" else None)
    return refuse("null", "Dit veld mag niet leeg zijn.")


def _text(field: Field, raw: object, _: Exists) -> ReadResult:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return refuse("invalid", "Geen geldige tekst.")
    value, most = str(raw).strip(), field.max_length
    is_formed = not value or not field.form or FORMS[field.form].fullmatch(value)
    checks = (
        (value or field.blank, "blank", "Dit veld mag niet leeg zijn."),
        ("\x00" not in value, "null_characters_not_allowed", "Null-tekens kunnen niet."),
        (not most or len(value) <= most, "max_length", f"Niet meer dan {most} karakters."),
        (is_formed, "invalid", "Deze waarde heeft een ongeldig formaat."),
    )
    faults = [Fault("", code, reason) for is_valid, code, reason in checks if not is_valid]
    return ReadResult(value, faults[:1])


def _choice(field: Field, raw: object, _: Exists) -> ReadResult:
    if isinstance(raw, str) and raw in field.one_of:
        return ReadResult(raw)
    return refuse("invalid_choice", "Dit is een ongeldige keuze.")


def _yes(_: Field, raw: object, __: Exists) -> ReadResult:
    if isinstance(raw, bool):
        return ReadResult(raw)
    return refuse("invalid", "Moet een geldige booleaanse waarde zijn.")


def _moment(_: Field, raw: object, __: Exists) -> ReadResult:
    """Read any ISO 8601 moment: UTC if it has no zone, cut off to microseconds."""
    try:
        value = datetime.fromisoformat(raw)  # type: ignore[arg-type]
        return ReadResult(value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        return refuse("invalid", "Gebruik: YYYY-MM-DDThh:mm[:ss][+HH:MM|Z].")


def _group(field: Field, raw: object, exists: Exists) -> ReadResult:
    """Read a group. It is always set as a whole, also by a PATCH."""
    result = read_fields(field.parts, raw, exists)
    if not result.faults:
        result.value = default_row(field.parts) | result.value
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
        return refuse("invalid", "Dit object bestaat niet.", "uuid")
    return ReadResult(uuid_text)


def _refs(field: Field, raw: object, exists: Exists) -> ReadResult:
    if not isinstance(raw, list):
        return refuse("not_a_list", "Verwachtte een lijst.", WHOLE)
    results = [_ref(field, one, exists) for one in raw]
    faults = [fault.nested_in(str(n)) for n, one in enumerate(results) for fault in one.faults]
    return ReadResult(tuple(dict.fromkeys(one.value for one in results if not one.faults)), faults)


def _metadata(field: Field, raw: object, exists: Exists) -> ReadResult:
    if not isinstance(raw, dict):
        return refuse("not_a_dict", "Verwachtte een dictionary.")
    fields = dict.fromkeys(raw, Field(max_length=field.max_length))
    return read_fields(fields, raw, exists)


READERS: Mapping[str, Callable[[Field, object, Exists], ReadResult]] = {
    "text": _text,
    "choice": _choice,
    "yes": _yes,
    "moment": _moment,
    "group": _group,
    "ref": _ref,
    "refs": _refs,
    "metadata": _metadata,
}


def refuse(code: str, reason: str, name: str = "") -> ReadResult:
    return ReadResult(None, [Fault(name, code, reason)])
