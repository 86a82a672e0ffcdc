"""Rules of Signalen 2.50.12 for reports, notes and attachments, by its serializers. Pure.

Errors have the form of Django REST framework: field -> sentences, or errors of its fields.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.files.file_signatures import SIGNATURES

Errors = dict[str, Any]
Json = Mapping[str, Any]

MAX_TEXT, MAX_SOURCE, MAX_PHONE = 3000, 128, 17
MAX_BYTES = 20_971_520
BOUNDING_BOX = (3.3, 50.7, 7.3, 53.6)
"""Longitude and latitude of the south-west, then of the north-east: the Netherlands."""
PRIORITIES = ("low", "normal", "high")
PROPERTY = ("id", "label", "answer", "category_url")
CATEGORY_URL = re.compile(r"((https?://(www.|)([\w\d.:]*)|)(/[\w\d\-/]+))")
CATEGORY = re.compile(
    r"(?:https?://[^/]+)?/signals/v1/public/terms/categories/([\w-]+)/sub_categories/([\w-]+)/?"
)
TYPES = {"image/jpeg": ("jpg", "jpeg"), "image/png": ("png",), "application/pdf": ("pdf",)}
"""Type that the private API takes -> endings of its names. The real one takes GIF as well, and
refuses a file that is not whole."""
REQUIRED, BLANK, NO_OBJECT = "Dit veld is vereist.", "Dit veld mag niet leeg zijn.", "Ongeldig."


class Lists(NamedTuple):
    """Lists of an installation, as its administrators filled them in."""

    sources: Collection[str] = ("WhatsApp", "Telefoon")
    """Active sources that are not public."""
    categories: Collection[str] = ("overig/overig", "afval/container-is-vol")


def report_errors(body: Json, lists: Lists) -> Errors:
    """Return the errors of a new report; {} if it may be created."""
    errors: Errors = {}
    for name, check in _CHECKS.items():
        if found := next(check(body.get(name), lists), None):
            errors[name] = found
    for name in ("status", "directing_departments", "routing_departments"):
        if body.get(name) is not None:
            errors[name] = ["Cannot be set on initial creation"]
    return errors


def change_errors(body: Json) -> Errors:
    """Return the errors of a change of a report."""
    errors: Errors = {}
    if "location" in body and (found := next(_location(body["location"], Lists()), None)):
        errors["location"] = found
    notes = body.get("notes", [])
    if not isinstance(notes, list):
        errors["notes"] = {"non_field_errors": [NO_OBJECT]}
    elif any(faults := [next(_note(note), {}) for note in notes]):
        errors["notes"] = faults
    return errors


def attachment_errors(name: str, content: bytes) -> Errors:
    """Return the errors of a file: its content decides on its type, and its name must agree."""
    kind = next((each for each in TYPES if SIGNATURES[each](content[:1024])), None)
    if not content:
        return {"file": ["Het verstuurde bestand is leeg."]}
    if kind is None:
        return {"file": ["Files of this type are not allowed!"]}
    if name.rpartition(".")[2].lower() not in TYPES[kind]:
        return {"file": [f"'{kind}' does not match filename extension!"]}
    if len(content) > MAX_BYTES:
        return {"file": [f"File size of {len(content)} is more than the allowed size {MAX_BYTES}!"]}
    return {}


def _text(value: Any, _: Lists, most: int = MAX_TEXT) -> Iterator[Any]:
    if value is None:
        yield [REQUIRED]
    elif not isinstance(value, str):
        yield ["Geen geldige tekst."]
    elif not value.strip():
        yield [BLANK]
    elif "\0" in value:
        yield ["Null-tekens zijn niet toegestaan."]
    elif len(value.strip()) > most:
        yield [f"Zorg ervoor dat dit veld niet meer dan {most} tekens bevat."]


def _source(value: Any, lists: Lists) -> Iterator[Any]:
    if value is not None:
        yield from _text(value, lists, MAX_SOURCE)
        if value not in lists.sources:
            yield ["Invalid source given, value not known"]


def _location(value: Any, _: Lists) -> Iterator[Any]:
    if value is None:
        yield [REQUIRED]
    elif not isinstance(value, dict):
        yield {"non_field_errors": [NO_OBJECT]}
    elif "geometrie" not in value:
        yield {"geometrie": [REQUIRED]}
    elif not _is_point(value["geometrie"]):
        yield {"geometrie": ["Unable to convert to python object"]}
    elif not _is_inside(value["geometrie"]["coordinates"]):
        yield {"geometrie": [
            "The location coordinates (WS84) are not inside the bounding box we are accepting"
            " signals for."
        ]}  # fmt: skip


def _is_point(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("type") != "Point":
        return False
    degrees = value.get("coordinates")
    if not isinstance(degrees, list) or len(degrees) != 2:
        return False
    return all(isinstance(each, int | float) for each in degrees)


def _is_inside(coordinates: list[float]) -> bool:
    west, south, east, north = BOUNDING_BOX
    return west <= coordinates[0] <= east and south <= coordinates[1] <= north


def _category(value: Any, lists: Lists) -> Iterator[Any]:
    if value is None:
        yield [REQUIRED]
    elif not isinstance(value, dict):
        yield {"non_field_errors": [NO_OBJECT]}
    elif len(given := [name for name in ("sub_category", "category_url") if name in value]) != 1:
        yield ['Only the "sub_category" OR "category_url" can be given']
    elif not (found := CATEGORY.fullmatch(str(value[given[0]]))):
        yield {given[0]: ["Ongeldige hyperlink - Geen overeenkomende URL."]}
    elif "/".join(found.groups()) not in lists.categories:
        yield {given[0]: ["Ongeldige hyperlink - Object bestaat niet."]}


def _reporter(value: Any, _: Lists) -> Iterator[Any]:
    if value is None:
        yield [REQUIRED]
    elif not isinstance(value, dict):
        yield {"non_field_errors": [NO_OBJECT]}
    elif len(value.get("phone") or "") > MAX_PHONE:
        yield {"phone": [f"Zorg ervoor dat dit veld niet meer dan {MAX_PHONE} tekens bevat."]}
    elif not isinstance(value.get("sharing_allowed", False), bool):
        yield {"sharing_allowed": ["Must be a valid boolean."]}


def _moment(value: Any, _: Lists) -> Iterator[Any]:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        yield [REQUIRED if value is None else "Datetime heeft een ongeldig formaat."]


def _priority(value: Any, _: Lists) -> Iterator[Any]:
    if value is not None and (
        not isinstance(value, dict) or value.get("priority") not in PRIORITIES
    ):
        yield {"priority": ["Geen geldige keuze."]}


def _properties(value: Any, _: Lists) -> Iterator[Any]:
    rows = value if isinstance(value, list) else [value]
    if value is not None and not all(map(_is_property, rows)):
        yield ["Invalid input."]


def _is_property(row: Any) -> bool:
    is_whole = isinstance(row, dict) and all(name in row for name in PROPERTY)
    return is_whole and bool(CATEGORY_URL.fullmatch(str(row["category_url"])))


def _note(note: Any) -> Iterator[Errors]:
    if not isinstance(note, dict):
        yield {"non_field_errors": [NO_OBJECT]}
    elif found := next(_text(note.get("text"), Lists()), None):
        yield {"text": found}


_CHECKS: Mapping[str, Callable[[Any, Lists], Iterator[Any]]] = {
    "text": _text,
    "source": _source,
    "location": _location,
    "category": _category,
    "reporter": _reporter,
    "incident_date_start": _moment,
    "priority": _priority,
    "extra_properties": _properties,
}
