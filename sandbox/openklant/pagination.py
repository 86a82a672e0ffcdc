"""Pages of a list: the rows, their order, and the links to other pages. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod

import msgspec
from yarl import URL

from sandbox.openklant import filters
from sandbox.openklant.error_responses import NO_SUCH_PAGE, Refusal, invalid
from sandbox.openklant.filters import FILTERS, Wanted
from sandbox.openklant.schema import UNIQUE
from sandbox.openklant.serializers import EXPANDS, Json, Views
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault

PAGE_SIZE = 100
PAGE_SIZE_MOST = 500
"""Largest page; a larger pageSize is cut to this."""

Query = Sequence[tuple[str, str]]


class Page(msgspec.Struct, frozen=True):
    count: int
    next: str | None
    previous: str | None
    results: list[Json]


def page(views: Views, resource: str, url: URL) -> Page | Refusal:
    """Return the response to GET on a collection."""
    query = list(url.query.items())
    looked_for = understood(resource, query, paged=True)
    if isinstance(looked_for, Refusal):
        return looked_for
    rows = found(views.store, resource, looked_for)
    size = page_size(url.query.get("pageSize", ""))
    last = max(1, -(-len(rows) // size))
    number = page_number(url.query.get("page", "1"), last)
    if number is None:
        return NO_SUCH_PAGE
    wanted = expands(query)
    shown = [
        listed(views, resource, row, wanted) for row in rows[(number - 1) * size : number * size]
    ]
    return Page(
        count=len(rows),
        next=at_page(url, number + 1) if number < last else None,
        previous=at_page(url, number - 1) if number > 1 else None,
        results=shown,
    )


def one(views: Views, resource: str, row: Row, url: URL) -> Json | Refusal:
    """Return the response to GET on one row."""
    query = list(url.query.items())
    refused = understood(resource, query, paged=False)
    if isinstance(refused, Refusal):
        return refused
    return views.expanded(resource, row, expands(query))


def listed(views: Views, resource: str, row: Row, wanted: list[str]) -> Json:
    """Return a row of a list; it has an `_expand`, even empty, if the resource can have one."""
    shown = views.expanded(resource, row, wanted)
    return {"_expand": {}} | shown if resource in EXPANDS else shown


def understood(resource: str, query: Query, *, paged: bool) -> list[Wanted] | Refusal:
    """Read the query parameters; an unknown parameter is refused, not ignored."""
    known: Mapping[str, filters.Filter] = FILTERS[resource] if paged else {}
    others = {"page", "pageSize"} if paged else set()
    if resource in EXPANDS:
        others = others | {"expand"}
    if unknown := sorted({name for name, _ in query} - known.keys() - others):
        reason = f"Onbekende query parameters: {', '.join(unknown)}"
        return invalid(Fault(WHOLE, "unknown-parameters", reason))
    said = dict(query)
    every = [filters.wanted(known[name], name, said[name]) for name in said if name in known]
    faults = [each for each in every if isinstance(each, Fault)]
    faults += not_expandable(resource, expands(query))
    if faults:
        return invalid(*faults)
    return [each for each in every if each is not None and not isinstance(each, Fault)]


def expands(query: Query) -> list[str]:
    said = [part.strip() for name, value in query if name == "expand" for part in value.split(",")]
    return [part for part in said if part]


def not_expandable(resource: str, wanted: Iterable[str]) -> list[Fault]:
    known = EXPANDS.get(resource, ())
    return [
        Fault("expand", "invalid_choice", f"Selecteer een geldige keuze. {path} is het niet.")
        for path in wanted
        if path not in known
    ]


def found(store: Store, resource: str, looked_for: list[Wanted]) -> list[Row]:
    """Return the matching rows, newest first: contacts by when they took place, other rows by when
    they were stored."""
    rows = [
        row
        for row in candidates(store, resource, looked_for)
        for _ in range(prod(filters.times(store, row, each) for each in looked_for))
    ]
    rows.reverse()
    if resource == "klantcontacten":
        rows.sort(key=lambda row: row["plaatsgevondenOp"], reverse=True)
    return rows


def candidates(store: Store, resource: str, looked_for: list[Wanted]) -> Iterable[Row]:
    """Return few rows if a filter has an index, such as a number or a reference; else all rows."""
    for filter_, value in looked_for:
        if filter_.test == "is" and filter_.way in UNIQUE.get(resource, ()):
            row = store.get(resource, store.holder(resource, filter_.way, {filter_.way[0]: value}))
            return [row] if row else []
        if filter_.test == "uuid" and len(filter_.way) == 1:
            return store.children(resource, filter_.way[0], value)
    return store.all(resource)


def page_size(said: str) -> int:
    if not said.isdecimal() or not int(said):
        return PAGE_SIZE
    return min(int(said), PAGE_SIZE_MOST)


def page_number(said: str, last: int) -> int | None:
    if said == "last":
        return last
    if not said.isdecimal() or not 1 <= int(said) <= last:
        return None
    return int(said)


def at_page(url: URL, number: int) -> str:
    """Return the list's URL at another page, with sorted parameters; the first page has no
    number."""
    others = [(name, said) for name, said in url.query.items() if name != "page"]
    return str(url.with_query(sorted([*others, ("page", str(number))] if number > 1 else others)))
