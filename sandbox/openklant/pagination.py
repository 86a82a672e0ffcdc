"""Pages of a list: the rows, their order, and the links to other pages. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod

import msgspec
from yarl import URL

from sandbox.openklant import filters
from sandbox.openklant.error_responses import NO_SUCH_PAGE, Refusal, invalid
from sandbox.openklant.filters import FILTERS, Condition
from sandbox.openklant.schema import UNIQUE
from sandbox.openklant.serializers import EXPANDS, Json, Serializer
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault

PAGE_SIZE = 100
MAX_PAGE_SIZE = 500
"""Largest page; a larger pageSize is cut to this."""

Query = Sequence[tuple[str, str]]


class Page(msgspec.Struct, frozen=True):
    count: int
    next: str | None
    previous: str | None
    results: list[Json]


def list_page(serializer: Serializer, resource: str, url: URL) -> Page | Refusal:
    """Return the response to GET on a collection."""
    query = list(url.query.items())
    conditions = read_query(resource, query, paged=True)
    if isinstance(conditions, Refusal):
        return conditions
    rows = find_rows(serializer.store, resource, conditions)
    size = page_size(url.query.get("pageSize", ""))
    last = max(1, -(-len(rows) // size))
    number = page_number(url.query.get("page", "1"), last)
    if number is None:
        return NO_SUCH_PAGE
    paths = expand_paths(query)
    results = [
        list_item(serializer, resource, row, paths)
        for row in rows[(number - 1) * size : number * size]
    ]
    return Page(
        count=len(rows),
        next=page_url(url, number + 1) if number < last else None,
        previous=page_url(url, number - 1) if number > 1 else None,
        results=results,
    )


def row_json(serializer: Serializer, resource: str, row: Row, url: URL) -> Json | Refusal:
    """Return the response to GET on one row."""
    query = list(url.query.items())
    conditions = read_query(resource, query, paged=False)
    if isinstance(conditions, Refusal):
        return conditions
    return serializer.expand(resource, row, expand_paths(query))


def list_item(serializer: Serializer, resource: str, row: Row, paths: list[str]) -> Json:
    """Return a row of a list; it has an `_expand`, even empty, if the resource can have one."""
    item = serializer.expand(resource, row, paths)
    return {"_expand": {}} | item if resource in EXPANDS else item


def read_query(resource: str, query: Query, *, paged: bool) -> list[Condition] | Refusal:
    """Read the query parameters; an unknown parameter is refused, not ignored."""
    known_filters: Mapping[str, filters.Filter] = FILTERS[resource] if paged else {}
    others = {"page", "pageSize"} if paged else set()
    if resource in EXPANDS:
        others = others | {"expand"}
    if unknown := sorted({name for name, _ in query} - known_filters.keys() - others):
        reason = f"Onbekende query parameters: {', '.join(unknown)}"
        return invalid(Fault(WHOLE, "unknown-parameters", reason))
    values = dict(query)
    readings = [
        filters.read_condition(known_filters[name], name, values[name])
        for name in values
        if name in known_filters
    ]
    faults = [each for each in readings if isinstance(each, Fault)]
    faults += expand_faults(resource, expand_paths(query))
    if faults:
        return invalid(*faults)
    return [each for each in readings if each is not None and not isinstance(each, Fault)]


def expand_paths(query: Query) -> list[str]:
    paths = [part.strip() for name, value in query if name == "expand" for part in value.split(",")]
    return [part for part in paths if part]


def expand_faults(resource: str, paths: Iterable[str]) -> list[Fault]:
    known_paths = EXPANDS.get(resource, ())
    return [
        Fault("expand", "invalid_choice", f"Selecteer een geldige keuze. {path} is het niet.")
        for path in paths
        if path not in known_paths
    ]


def find_rows(store: Store, resource: str, conditions: list[Condition]) -> list[Row]:
    """Return the matching rows, newest first: contacts by when they took place, other rows by when
    they were stored."""
    rows = [
        row
        for row in candidate_rows(store, resource, conditions)
        for _ in range(prod(filters.count_matches(store, row, each) for each in conditions))
    ]
    rows.reverse()
    if resource == "klantcontacten":
        rows.sort(key=lambda row: row["plaatsgevondenOp"], reverse=True)
    return rows


def candidate_rows(store: Store, resource: str, conditions: list[Condition]) -> Iterable[Row]:
    """Return few rows if a filter has an index, such as a number or a reference; else all rows."""
    for filter_, value in conditions:
        if filter_.test == "is" and filter_.path in UNIQUE.get(resource, ()):
            row = store.get(
                resource, store.find_holder(resource, filter_.path, {filter_.path[0]: value})
            )
            return [row] if row else []
        if filter_.test == "uuid" and len(filter_.path) == 1:
            return store.children(resource, filter_.path[0], value)
    return store.all(resource)


def page_size(raw: str) -> int:
    if not raw.isdecimal() or not int(raw):
        return PAGE_SIZE
    return min(int(raw), MAX_PAGE_SIZE)


def page_number(raw: str, last: int) -> int | None:
    if raw == "last":
        return last
    if not raw.isdecimal() or not 1 <= int(raw) <= last:
        return None
    return int(raw)


def page_url(url: URL, number: int) -> str:
    """Return the list's URL at another page, with sorted parameters; the first page has no
    number."""
    others = [(name, value) for name, value in url.query.items() if name != "page"]
    return str(url.with_query(sorted([*others, ("page", str(number))] if number > 1 else others)))
