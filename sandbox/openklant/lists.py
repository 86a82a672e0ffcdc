"""Lists of rows: the query parameters that a mailroom uses, in one table, and pages. Pure."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from yarl import URL

from sandbox.openklant.error_responses import NO_SUCH_PAGE, Refusal, invalid
from sandbox.openklant.schema import IDENTIFIER_PARTS, RESOURCES, Field
from sandbox.openklant.serializers import Json, Serializer
from sandbox.openklant.store import Row, Store
from sandbox.openklant.validation import WHOLE, Fault
from sandbox.openklant.versions import Version

PAGE_SIZE, LARGEST_PAGE = 100, 500
PAGING = frozenset({"page", "pageSize"})
EXPANDABLE: Mapping[str, frozenset[str]] = {
    "klantcontacten": frozenset(
        {
            "gingOverOnderwerpobjecten",
            "hadBetrokkenen",
            "hadBetrokkenen.digitaleAdressen",
            "hadBetrokkenen.wasPartij",
            "leiddeTotInterneTaken",
            "omvatteBijlagen",
        }
    ),
    "betrokkenen": frozenset({"digitaleAdressen"}),
    "digitaleadressen": frozenset(
        {
            "verstrektDoorBetrokkene",
            "verstrektDoorBetrokkene.hadKlantcontact",
            "verstrektDoorBetrokkene.hadKlantcontact.leiddeTotInterneTaken",
        }
    ),
}
"""Values of `expand`. A row of these resources has an `_expand` in a list, even an empty one."""


class Filter(msgspec.Struct, frozen=True):
    """A parameter of a list."""

    path: str
    """Field whose value is compared: `group.part`, `reference/field` of the row referred to, or
    `resource:field/path` of the rows whose field refers to this one."""
    kind: Literal["is", "contains", "yes"] = "is"
    since: Version = "2.15"


def identifier_filters(prefix: str, path: str) -> dict[str, Filter]:
    return {
        f"{prefix}{part[0].upper()}{part[1:]}": Filter(f"{path}.{part}")
        for part in IDENTIFIER_PARTS
    }


REFERENCE = Filter("referentienummer", since="2.16")
SUBJECT = "onderwerpobjectidentificator"
PARTY_ADDRESS = "betrokkenen:hadKlantcontact/digitaleadressen:verstrektDoorBetrokkene/adres"

FILTERS: Mapping[str, Mapping[str, Filter]] = {
    "actoren": identifier_filters("actoridentificator", "actoridentificator")
    | {
        "naam": Filter("naam", "contains"),
        "soortActor": Filter("soortActor"),
        "indicatieActief": Filter("indicatieActief", "yes"),
    },
    "actorklantcontacten": {
        "actor__uuid": Filter("actor"),
        "klantcontact__uuid": Filter("klantcontact"),
    },
    "betrokkenen": {"hadKlantcontact__uuid": Filter("hadKlantcontact")},
    "digitaleadressen": {
        "verstrektDoorBetrokkene__uuid": Filter("verstrektDoorBetrokkene"),
        "adres": Filter("adres"),
        "adres__icontains": Filter("adres", "contains"),
    },
    "internetaken": {
        "nummer": Filter("nummer"),
        "referentienummer": REFERENCE,
        "status": Filter("status"),
        "actoren__naam": Filter("toegewezenAanActoren/naam"),
        "toegewezenAanActor__uuid": Filter("toegewezenAanActoren"),
        "klantcontact__uuid": Filter("aanleidinggevendKlantcontact"),
        "aanleidinggevendKlantcontact__uuid": Filter("aanleidinggevendKlantcontact"),
        "klantcontact__nummer": Filter("aanleidinggevendKlantcontact/nummer"),
        "klantcontact__referentienummer": Filter(
            "aanleidinggevendKlantcontact/referentienummer", since="2.16"
        ),
    },
    "klantcontacten": identifier_filters(
        f"onderwerpobject__{SUBJECT}", f"onderwerpobjecten:klantcontact/{SUBJECT}"
    )
    | {
        "nummer": Filter("nummer"),
        "referentienummer": REFERENCE,
        "kanaal": Filter("kanaal"),
        "onderwerp": Filter("onderwerp", "contains"),
        "inhoud": Filter("inhoud", "contains"),
        "reactie": Filter("reactie", "contains", since="2.16"),
        "hadBetrokkene__digitaaladres__adres__icontains": Filter(
            PARTY_ADDRESS, "contains", since="2.18"
        ),
        "leiddeTotInterneTaken": Filter(
            "internetaken:aanleidinggevendKlantcontact/gevraagdeHandeling", "yes", since="2.18"
        ),
    },
    "onderwerpobjecten": identifier_filters(SUBJECT, SUBJECT)
    | {
        "klantcontact__uuid": Filter("klantcontact"),
        "wasKlantcontact__uuid": Filter("wasKlantcontact"),
    },
}
"""Filters of each list that a mailroom, ITA or KISS uses."""
INDEXED = frozenset({"nummer", "referentienummer"})
ORDERED_SINCE: Version = "2.18"
"""First version that lists contacts by when they took place."""
YES_AND_NO: Mapping[str, bool] = {"true": True, "True": True, "false": False, "False": False}


class Page(msgspec.Struct, frozen=True):
    count: int
    next: str | None
    previous: str | None
    results: list[Json]


def list_page(serializer: Serializer, resource: str, url: URL) -> Page | Refusal:
    """Return the response to GET on a collection."""
    store = serializer.store
    values = read_filters(store.version, resource, url.query)
    paths = read_expansion(resource, url.query)
    if isinstance(values, Refusal):
        return values
    if isinstance(paths, Refusal):
        return paths
    rows = find_rows(store, resource, values)
    size = min(read_number(url, "pageSize") or PAGE_SIZE, LARGEST_PAGE)
    number, last = read_number(url, "page", 1), max(1, -(-len(rows) // size))
    if not 0 < number <= last:
        return NO_SUCH_PAGE
    results = [
        ({"_expand": serializer.expand(resource, row, paths)} if resource in EXPANDABLE else {})
        | serializer.serialize(resource, row)
        for row in rows[(number - 1) * size : number * size]
    ]
    return Page(
        count=len(rows),
        next=str(url.update_query(page=number + 1)) if number < last else None,
        previous=str(url.update_query(page=number - 1)) if number > 1 else None,
        results=results,
    )


def read_number(url: URL, name: str, default: int = 0) -> int:
    """Return the number of a parameter, or 0 if it is none."""
    text = url.query.get(name, str(default))
    return int(text) if text.isdecimal() else 0


def read_expansion(resource: str, query: Mapping[str, str]) -> frozenset[str] | Refusal:
    """Return the paths that `expand` names; a path that does not exist is refused."""
    paths = frozenset(query.get("expand", "").split(",")) - {""}
    if paths - EXPANDABLE.get(resource, frozenset()):
        return invalid(Fault("expand", "invalid_choice", "Selecteer een geldige keuze."))
    return paths


def list_filters(version: Version, resource: str) -> dict[str, Filter]:
    """Return the filters of a list in this version."""
    return {name: each for name, each in FILTERS[resource].items() if each.since <= version}


def refuse_unknown(query: Mapping[str, str], known: Collection[str]) -> Refusal | None:
    """Return a refusal if a parameter is unknown; the server does not ignore it."""
    unknown = sorted({*query}.difference(known))
    reason = f"Onbekende query parameters: {', '.join(unknown)}"
    return invalid(Fault(WHOLE, "unknown-parameters", reason)) if unknown else None


def read_filters(
    version: Version, resource: str, query: Mapping[str, str]
) -> dict[Filter, Any] | Refusal:
    """Return each filter with its value."""
    filters = list_filters(version, resource)
    expand = {"expand"} if resource in EXPANDABLE else set[str]()
    if refusal := refuse_unknown(query, filters.keys() | PAGING | expand):
        return refusal
    values: dict[Filter, Any] = {}
    for name, each in filters.items():
        if not (text := query.get(name, "").strip()):
            continue
        field = last_field(resource, each.path)
        if each.kind == "yes":
            values |= {each: YES_AND_NO[text]} if text in YES_AND_NO else {}
        elif field.one_of and text not in field.one_of:
            return invalid(Fault(name, "invalid_choice", "Selecteer een geldige keuze."))
        else:
            try:
                values[each] = str(uuid.UUID(text)) if field.to else text
            except ValueError:
                return invalid(Fault(name, "invalid", "Voer een geldige UUID in."))
    return values


def find_rows(store: Store, resource: str, values: Mapping[Filter, Any]) -> list[Row]:
    """Return the matching rows, newest first: contacts by when they took place, from 2.18 on, other
    rows by when they were stored."""
    rows = [
        row
        for row in candidate_rows(store, resource, values)
        if all(
            is_match(each.kind, list(find_values(store, resource, row, each.path)), value)
            for each, value in values.items()
        )
    ]
    rows.reverse()
    if resource == "klantcontacten" and store.version >= ORDERED_SINCE:
        rows.sort(key=lambda row: row["plaatsgevondenOp"], reverse=True)
    return rows


def candidate_rows(store: Store, resource: str, values: Mapping[Filter, Any]) -> Iterable[Row]:
    """Return few rows if a filter has an index, such as a number or a reference; else all rows."""
    for each, value in values.items():
        if each.path in INDEXED:
            row = store.get(resource, store.find_holder(resource, {each.path: value}))
            return [row] if row else []
        if (field := RESOURCES[resource].get(each.path)) and field.to:
            return store.children(resource, each.path, value)
    return store.all(resource)


def is_match(kind: str, found: list[Any], value: Any) -> bool:
    match kind:
        case "yes":
            return any(found) is value
        case "contains":
            return any(value.lower() in str(one).lower() for one in found)
    return value in found


def find_values(store: Store, resource: str, row: Row, path: str) -> Iterator[Any]:
    """Yield the values at the end of a path; several if it goes to several rows."""
    step, slash, rest = path.partition("/")
    other, colon, back = step.partition(":")
    name, _, part = step.partition(".")
    if colon:
        for child in store.children(other, back, row["uuid"]):
            yield from find_values(store, other, child, rest)
    elif part:
        yield row[name][part]
    else:
        value = row[name]
        for one in value if isinstance(value, tuple) else (value,):
            if not slash:
                yield one
            elif referred := one and store.get(to := RESOURCES[resource][name].to, one):
                yield from find_values(store, to, referred, rest)


def last_field(resource: str, path: str) -> Field:
    """Return the field at the end of a path."""
    step, slash, rest = path.partition("/")
    other, colon, _ = step.partition(":")
    name, _, part = step.partition(".")
    if slash:
        return last_field(other if colon else RESOURCES[resource][name].to, rest)
    field = RESOURCES[resource][name]
    return field.parts[part] if part else field
