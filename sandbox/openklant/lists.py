"""Lists of rows: the query parameters that a mailroom uses, in one table, and pages. Pure."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from yarl import URL

from sandbox.openklant.error_responses import NO_SUCH_PAGE, Refusal, invalid
from sandbox.openklant.schema import IDENTIFIER_PARTS, RESOURCES
from sandbox.openklant.serializers import Json, Serializer
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault

PAGE_SIZE = 100
PAGING = frozenset({"page", "pageSize"})
EXPANDABLE = frozenset({"klantcontacten", "betrokkenen", "digitaleadressen"})
"""Resources whose rows have an `_expand` in a list, even an empty one."""

FILTERS: Mapping[str, Mapping[str, str]] = {
    "actoren": {
        f"actoridentificator{part[0].upper()}{part[1:]}": f"actoridentificator.{part}"
        for part in IDENTIFIER_PARTS
    },
    "actorklantcontacten": {"actor__uuid": "actor", "klantcontact__uuid": "klantcontact"},
    "betrokkenen": {"hadKlantcontact__uuid": "hadKlantcontact"},
    "digitaleadressen": {"verstrektDoorBetrokkene__uuid": "verstrektDoorBetrokkene"},
    "internetaken": {
        "referentienummer": "referentienummer",
        "status": "status",
        "klantcontact__uuid": "aanleidinggevendKlantcontact",
    },
    "klantcontacten": {"referentienummer": "referentienummer"},
    "onderwerpobjecten": {"klantcontact__uuid": "klantcontact"},
}
"""Filters of each list: the parameter, and the field whose value it compares."""


class Page(msgspec.Struct, frozen=True):
    count: int
    next: str | None
    previous: str | None
    results: list[Json]


def list_page(serializer: Serializer, resource: str, url: URL) -> Page | Refusal:
    """Return the response to GET on a collection."""
    values = read_filters(resource, url.query)
    if isinstance(values, Refusal):
        return values
    rows = find_rows(serializer.store, resource, values)
    size, number = read_number(url, "pageSize", PAGE_SIZE), read_number(url, "page", 1)
    last = max(1, -(-len(rows) // size))
    if number > last:
        return NO_SUCH_PAGE
    expansion: Json = {"_expand": {}} if resource in EXPANDABLE else {}
    return Page(
        count=len(rows),
        next=str(url.update_query(page=number + 1)) if number < last else None,
        previous=str(url.update_query(page=number - 1)) if number > 1 else None,
        results=[
            expansion | serializer.serialize(resource, row)
            for row in rows[(number - 1) * size : number * size]
        ],
    )


def read_number(url: URL, name: str, default: int) -> int:
    text = url.query.get(name, "")
    return int(text) if text.isdecimal() and int(text) else default


def read_filters(resource: str, query: Mapping[str, str]) -> dict[str, str] | Refusal:
    """Return field -> value of each filter; an unknown parameter is refused, not ignored."""
    known = FILTERS[resource]
    if unknown := sorted({*query} - known.keys() - PAGING):
        reason = f"Onbekende query parameters: {', '.join(unknown)}"
        return invalid(Fault(WHOLE, "unknown-parameters", reason))
    values: dict[str, str] = {}
    for name, path in known.items():
        if not (text := query.get(name, "").strip()):
            continue
        field = RESOURCES[resource].get(path)
        if field and field.one_of and text not in field.one_of:
            return invalid(Fault(name, "invalid_choice", "Selecteer een geldige keuze."))
        try:
            values[path] = str(uuid.UUID(text)) if field and field.to else text
        except ValueError:
            return invalid(Fault(name, "invalid", "Voer een geldige waarde in."))
    return values


def find_rows(store: Store, resource: str, values: Mapping[str, str]) -> list[Row]:
    """Return the matching rows, newest first: contacts by when they took place, other rows by when
    they were stored."""
    rows = [
        row
        for row in candidate_rows(store, resource, values)
        if all(value_at(row, path) == value for path, value in values.items())
    ]
    rows.reverse()
    if resource == "klantcontacten":
        rows.sort(key=lambda row: row["plaatsgevondenOp"], reverse=True)
    return rows


def candidate_rows(store: Store, resource: str, values: Mapping[str, str]) -> Iterable[Row]:
    """Return few rows if a filter has an index, such as a number or a reference; else all rows."""
    for name, value in values.items():
        if name == "referentienummer":
            row = store.get(resource, store.find_holder(resource, {name: value}))
            return [row] if row else []
        if "." not in name and RESOURCES[resource][name].to:
            return store.children(resource, name, value)
    return store.all(resource)


def value_at(row: Row, path: str) -> Any:
    name, _, part = path.partition(".")
    return row[name][part] if part else row[name]
