"""Contradictions in a configuration: references that lead nowhere, ids used twice. Pure.

The check covers every readable part of the files, so that it reports all faults at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from services.config.organisation import ALARM_KINDS, OWNER_KINDS
from services.toml.errors import Location
from services.toml.suggestions import did_you_mean

TABLES = {
    "tenants": ("id",),
    "numbers": ("id",),
    "departments": ("tenant", "id"),
    "destinations": ("id",),
    "rules": ("id",),
    "care": ("id",),
    "groups": ("id",),
    "menus": ("id",),
    "identity_providers": ("id",),
}
"""Table -> fields that identify an entry."""
BACK = "terug"
"""Id of the way back, which every nested menu has as its last option."""
OPTIONAL = (
    "rules", "care", "groups", "menus", "contacts", "closings", "rates", "identity_providers",
    "identity_grants", "tests",
)  # fmt: skip
"""Tables that may be left out and are then empty."""
NAMED = "named departments"
"""Key of the departments under each name that rules and menus may use, beside the tables."""


Row = dict[str, str | None]
"""Readable fields of an entry. None stands for a field that is missing or no text: it could have
any value."""
UNREAD: Row = dict.fromkeys(
    (
        "id",
        "tenant",
        "destination",
        "department",
        "fallback",
        "menu",
        "when_closed",
        "escalate_to",
        "kind",
        "provider",
        "issuer",
        "audience",
    )
)


def cross_reference_errors(
    tables: Mapping[str, Any], *, is_whole: bool = True
) -> Iterator[tuple[Location, str]]:
    """Find references that lead nowhere and ids used twice, in every readable part of the files.

    Unless the configuration `is_whole`, each table may have more entries.
    """
    unread_rows = [] if is_whole else [UNREAD]
    rows = {
        table: [
            *([] if table in OPTIONAL and table not in tables else _rows(tables.get(table))),
            *unread_rows,
        ]
        for table in (*TABLES, *OPTIONAL)
    }
    rows[NAMED] = [*rows["departments"], *_replaced_departments(tables.get("departments"))]
    yield from _number_faults(rows)
    yield from _shared_meta_ids(tables.get("numbers"))
    yield from _department_faults(rows)
    yield from _replacement_faults(tables.get("departments"), rows["departments"])
    for table in ("rules", "care"):
        yield from _rule_faults(table, rows)
    for table in ("rules", "care", "menus", "contacts", "closings", "identity_providers", "tests"):
        yield from _tenant_faults(table, rows)
    for table in ("rules", "tenants"):
        yield from _menu_faults(table, rows)
    yield from _deputy_faults(rows)
    yield from _list_faults(tables, rows)
    yield from _handover_faults(tables.get("tenants"), rows)
    yield from _weak_sign_faults(tables.get("tenants"), rows["care"])
    yield from _owner_faults(tables.get("destinations"), rows["destinations"])
    yield from _report_faults(tables, rows["destinations"])
    yield from _option_faults(tables.get("menus"), rows)
    yield from _menu_cycles(tables.get("menus"))
    yield from _repeated_rates(tables.get("rates"))
    yield from _provider_faults(rows["identity_providers"])
    yield from _identity_grant_faults(tables.get("identity_grants"), rows)


def _rows(table: Any) -> list[Row]:
    """Return the entries of a table. A value that is no table, or an empty one, is a fault that is
    reported elsewhere; it could hold any entry."""
    entries = table if isinstance(table, list) and table else [None]
    return [_row(entry) if isinstance(entry, dict) else UNREAD for entry in entries]


def _row(entry: Mapping[str, Any]) -> Row:
    return {key: _text(entry, key) for key in UNREAD}


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value.strip() if isinstance(value, str) else None


def _none_has(rows: list[Row], **values: str | None) -> bool:
    """Return True if certainly no row has these values."""
    return not any(
        all(None in (row[key], value) or row[key] == value for key, value in values.items())
        for row in rows
    )


def _missing(noun: str, id: str | None, rows: list[Row]) -> str:
    """Return the sentence about an id that none of these rows has."""
    return f"there is no {noun} {id!r}{_suggestion(id, rows)}"


def _suggestion(id: str | None, rows: list[Row]) -> str:
    return did_you_mean(id or "", (row["id"] for row in rows))


def _departments_of(
    tenant: str | None, rows: Mapping[str, list[Row]], table: str = "departments"
) -> list[Row]:
    """Return the departments of a municipality; all, if it is not named."""
    return [row for row in rows[table] if tenant in (None, row["tenant"])]


def _meant_department(tenant: str | None, name: str, rows: Mapping[str, list[Row]]) -> str:
    """Return the end of a sentence about a name that is no department: the one that is there
    instead of it, else the one with a similar name, else ''."""
    named = _departments_of(tenant, rows, NAMED)
    owner = next((row["owner"] for row in named if row["id"] == name and "owner" in row), None)
    if owner:
        return f": {owner!r} is there instead of it"
    return _suggestion(name, _departments_of(tenant, rows))


def _number_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, number in enumerate(rows["numbers"]):
        tenant, fallback = number["tenant"], number["fallback"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("numbers", n, "tenant"), _missing("tenant", tenant, rows["tenants"])
        elif fallback is not None and _none_has(rows["departments"], tenant=tenant, id=fallback):
            subject = f"{tenant!r} has" if tenant is not None else "there is"
            meant = _meant_department(tenant, fallback, rows)
            yield ("numbers", n, "fallback"), f"{subject} no department {fallback!r}{meant}"


def _shared_meta_ids(numbers: Any) -> Iterator[tuple[Location, str]]:
    """Find Meta's ids that two numbers share, current or earlier ones: each belongs to one
    number."""
    owners: dict[str, int] = {}
    for n, number in enumerate(numbers if isinstance(numbers, list) else []):
        for id in sorted(_meta_ids(number)):
            owner = owners.setdefault(id, n)
            if owner != n and numbers[owner].get("id") != number.get(
                "id"
            ):  # else reported as a repeat
                yield ("numbers", n, "id"), f"{id} is another number's too"


def _meta_ids(number: Any) -> set[str]:
    """Return the ids that Meta may use for a number, as far as they can be read."""
    if not isinstance(number, dict):
        return set()
    previous = number.get("previous")
    each = [number, *(previous if isinstance(previous, list) else [])]
    ids = [r.get("phone_number_id") or number.get("id") for r in each if isinstance(r, dict)]
    return {id for id in ids if isinstance(id, str)}


def _department_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, department in enumerate(rows["departments"]):
        tenant, destination = department["tenant"], department["destination"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("departments", n, "tenant"), _missing("tenant", tenant, rows["tenants"])
        if _none_has(rows["destinations"], id=destination):
            what = _missing("destination", destination, rows["destinations"])
            yield ("departments", n, "destination"), what
        elif kind := _alarm_kind(destination, rows["destinations"]):
            yield ("departments", n, "destination"), f"{kind} is for alarms alone"


def _alarm_kind(destination: str | None, destinations: list[Row]) -> str | None:
    """Return the kind of a destination, if it receives alarms only."""
    kinds = [row["kind"] for row in destinations if destination and row["id"] == destination]
    return next((kind for kind in kinds if kind in ALARM_KINDS), None)


def _replaced_departments(departments: Any) -> Iterator[Row]:
    """Yield a row for each department of the rules that another is there instead of, with its name
    as `id` and the id of the other as `owner`. A name that cannot be read could be any."""
    for entry in departments if isinstance(departments, list) else []:
        if isinstance(entry, dict) and "instead_of" in entry:
            owner, names = _row(entry), entry["instead_of"]
            for name in names if isinstance(names, list) else [None]:
                id = name.strip() if isinstance(name, str) else None
                yield owner | {"id": id, "owner": owner["id"]}


def _replacement_faults(departments: Any, rows: list[Row]) -> Iterator[tuple[Location, str]]:
    """Find names that would mean two departments of one municipality: its rules would be
    ambiguous."""
    owners = {(row["tenant"], row["id"]): row["id"] for row in rows}
    for n, entry in enumerate(departments if isinstance(departments, list) else []):
        row = _row(entry) if isinstance(entry, dict) else UNREAD
        for name in _at(entry, ("instead_of",)):
            key = row["tenant"], name.strip() if isinstance(name, str) else None
            if None not in key and (owner := owners.setdefault(key, None)):
                where: Location = ("departments", n, "instead_of")
                yield where, f"{name!r} means the department {owner!r} already"
            owners[key] = owners[key] or row["id"]


def _rule_faults(table: str, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, rule in enumerate(rows[table]):
        if rule["department"]:
            yield from _unknown_department((table, n, "department"), rule, rule["department"], rows)


def _unknown_department(
    where: Location, owner: Row, name: str, rows: Mapping[str, list[Row]]
) -> Iterator[tuple[Location, str]]:
    """Report the name of a department that means none in the owner's municipality; without one,
    that means none in any."""
    tenant = owner["tenant"] or None
    if not _none_has(rows["tenants"], id=tenant) and _none_has(rows[NAMED], tenant=tenant, id=name):
        yield where, _missing("department", name, _departments_of(tenant, rows, NAMED))


def _missing_department(
    where: Location, owner: Row, department: str, rows: Mapping[str, list[Row]]
) -> Iterator[tuple[Location, str]]:
    """Report a department that the owner's municipality lacks; without one, that all lack. The name
    of one that another is there instead of does not do where the municipality names its own."""
    tenant = owner["tenant"] or None
    if not _none_has(rows["tenants"], id=tenant) and _none_has(
        rows["departments"], tenant=tenant, id=department
    ):
        meant = _meant_department(tenant, department, rows)
        yield where, f"there is no department {department!r}{meant}"


def _tenant_faults(table: str, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, row in enumerate(rows[table]):
        if row["tenant"] and _none_has(rows["tenants"], id=row["tenant"]):
            yield (table, n, "tenant"), _missing("tenant", row["tenant"], rows["tenants"])


def _menu_faults(table: str, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, row in enumerate(rows[table]):
        if row["menu"] and _none_has(rows["menus"], id=row["menu"]):
            yield (table, n, "menu"), _missing("menu", row["menu"], rows["menus"])
        tenant = row["id"] if table == "tenants" else row["tenant"]
        owners = [menu["tenant"] for menu in rows["menus"] if menu["id"] == row["menu"]]
        if row["menu"] and tenant and any(owner not in ("", None, tenant) for owner in owners):
            yield (table, n, "menu"), f"{row['menu']!r} is the menu of another municipality"


def _deputy_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    """Check that each deputy department exists and that no chain of deputies is a cycle."""
    departments = rows["departments"]
    deputies = {(d["tenant"], d["id"]): d["when_closed"] for d in departments}
    for n, row in enumerate(departments):
        for key in ("when_closed", "escalate_to"):
            if row[key]:
                yield from _missing_department(("departments", n, key), row, row[key] or "", rows)
        seen, deputy = {row["id"]}, row["when_closed"]
        while deputy and deputy not in seen:
            seen.add(deputy)
            deputy = deputies.get((row["tenant"], deputy))
        if deputy and deputy == row["id"]:
            yield ("departments", n, "when_closed"), "it leads back to itself"


LISTED = (
    ("rules", ("groups",), "groups", "group"),
    ("care", ("groups",), "groups", "group"),
    ("rules", ("numbers",), "numbers", "number"),
    ("tenants", ("care", "destinations"), "destinations", "destination"),
    ("destinations", ("owners",), "destinations", "destination"),
    ("identity_grants", ("destinations",), "destinations", "destination"),
)
"""Table, path of a list of ids in its entries, table that must have these ids, noun for one."""


def _list_faults(
    tables: Mapping[str, Any], rows: Mapping[str, list[Row]]
) -> Iterator[tuple[Location, str]]:
    for table, path, target, noun in LISTED:
        entries = tables.get(table)
        for n, entry in enumerate(entries if isinstance(entries, list) else []):
            for id in _at(entry, path):
                if isinstance(id, str) and _none_has(rows[target], id=id.strip()):
                    yield (table, n, *path), _missing(noun, id, rows[target])


def _handover_faults(tenants: Any, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    """Find targets of transcripts with the name of another target or of a destination, since the
    record names both alike, and departments that the municipality lacks."""
    for n, tenant in enumerate(tenants if isinstance(tenants, list) else []):
        seen: set[str | None] = set()
        for m, entry in enumerate(_at(tenant, ("handover",))):
            where: Location = ("tenants", n, "handover", m)
            if not isinstance(entry, dict):
                continue
            id = _text(entry, "id")
            if id in seen:
                yield (*where, "id"), f"{id!r} stands here for the second time"
            if id and any(row["id"] == id for row in rows["destinations"]):
                yield (*where, "id"), f"{id!r} is a destination: the record names both alike"
            seen.add(id)
            owner = UNREAD | {"tenant": _text(tenant, "id")}
            for department in _at(entry, ("departments",)):
                if isinstance(department, str):
                    place: Location = (*where, "departments")
                    yield from _missing_department(place, owner, department.strip(), rows)


def _weak_sign_faults(tenants: Any, rules: list[Row]) -> Iterator[tuple[Location, str]]:
    """Find safety rules that weak signs should stand for and that the municipality lacks."""
    for n, tenant in enumerate(tenants if isinstance(tenants, list) else []):
        care = tenant.get("care") if isinstance(tenant, dict) else None
        rule = _text(care, "weak_signs_rule") if isinstance(care, dict) else None
        owner = _text(tenant, "id") if rule else None
        if rule and all(_none_has(rules, id=rule, tenant=each) for each in ("", owner)):
            where: Location = ("tenants", n, "care", "weak_signs_rule")
            yield where, _missing("safety rule", rule, rules)


def _owner_faults(destinations: Any, rows: list[Row]) -> Iterator[tuple[Location, str]]:
    """Find owners that no notice can be sent to: the destination itself, which could not say that
    it fails, and kinds that take none."""
    kinds = {row["id"]: row["kind"] for row in rows}
    for n, entry in enumerate(destinations if isinstance(destinations, list) else []):
        for owner in _at(entry, ("owners",)):
            id = owner.strip() if isinstance(owner, str) else None
            kind = kinds.get(id)
            if id and id == _text(entry, "id"):
                yield ("destinations", n, "owners"), f"{id!r} cannot be its own owner"
            elif kind and kind not in OWNER_KINDS:
                what = f"{id!r} is of kind {kind}, which takes no notices for owners"
                yield ("destinations", n, "owners"), what


def _report_faults(tables: Mapping[str, Any], rows: list[Row]) -> Iterator[tuple[Location, str]]:
    """Find what a Signalen makes no report of: events of confidential departments, which have no
    text, and alarms."""
    reporting = {row["id"] for row in rows if row["kind"] == "signalen"} - {None}
    for n, entry in enumerate(_at(tables, ("departments",))):
        is_confidential = isinstance(entry, dict) and entry.get("confidential") is True
        if is_confidential and _text(entry, "destination") in reporting:
            what = "a report in Signalen needs its text, which a confidential department keeps"
            yield ("departments", n, "destination"), what
    for n, entry in enumerate(_at(tables, ("tenants",))):
        for id in _at(entry, ("care", "destinations")):
            if isinstance(id, str) and id in reporting:
                where: Location = ("tenants", n, "care", "destinations")
                yield where, f"{id!r} is of kind signalen, which tells nobody of an alarm"


def _at(entry: Any, path: Location) -> list[Any]:
    for key in path:
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry if isinstance(entry, list) else []


def _option_faults(menus: Any, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, menu in enumerate(menus if isinstance(menus, list) else []):
        seen: set[str | None] = set()
        for m, entry in enumerate(_at(menu, ("options",))):
            option = _row(entry) if isinstance(entry, dict) else UNREAD
            where: Location = ("menus", n, "options", m)
            owner = UNREAD | {"tenant": _row(menu)["tenant"]}
            if option["department"]:
                yield from _unknown_department(
                    (*where, "department"), owner, option["department"], rows
                )
            if option["menu"] and _none_has(rows["menus"], id=option["menu"]):
                yield (*where, "menu"), _missing("menu", option["menu"], rows["menus"])
            if option["id"] == BACK:
                yield (*where, "id"), f"{BACK!r} is the way back, which stands there by itself"
            if option["id"] is not None and option["id"] in seen:
                yield (*where, "id"), f"{option['id']!r} stands here for the second time"
            seen.add(option["id"])


def _menu_cycles(menus: Any) -> Iterator[tuple[Location, str]]:
    """Find menus that lead back to themselves: a citizen would never reach an end, and every nested
    menu has a way back already."""
    entries = menus if isinstance(menus, list) else []
    ids = [_row(menu)["id"] if isinstance(menu, dict) else None for menu in entries]
    leads: dict[str | None, set[str]] = {}
    for id, menu in zip(ids, entries, strict=True):
        to = (_row(o)["menu"] for o in _at(menu, ("options",)) if isinstance(o, dict))
        leads.setdefault(id, set()).update(filter(None, to))
    for n, start in enumerate(ids):
        reached: set[str] = set()
        ahead = leads[start] if start is not None else set()
        while ahead := ahead - reached:
            reached |= ahead
            ahead = {each for menu_id in ahead for each in leads.get(menu_id, ())}
        if start in reached:
            yield ("menus", n, "id"), "it leads back to itself"


def repeated_ids(tables: Mapping[str, Any]) -> Iterator[tuple[Location, Location, str]]:
    """Find ids used twice: yield where, where the first one is, and the id."""
    for table, key in TABLES.items():
        seen: dict[tuple[str | None, ...], int] = {}
        for n, row in enumerate(_rows(tables.get(table))):
            id = tuple(row[part] for part in key)
            if None not in id and seen.setdefault(id, n) != n:
                yield (table, n, "id"), (table, seen[id], "id"), str(row["id"])


def _repeated_rates(rates: Any) -> Iterator[tuple[Location, str]]:
    """Find two rates from the same month: the cost of a message would be ambiguous."""
    seen: list[Any] = []
    for n, rate in enumerate(rates if isinstance(rates, list) else []):
        first = rate.get("from") if isinstance(rate, dict) else None
        if first is not None and first in seen:
            yield ("rates", n, "from"), f"{first} stands here for the second time"
        seen.append(first)


def _provider_faults(providers: list[Row]) -> Iterator[tuple[Location, str]]:
    """Find two providers with the same tokens: the municipality of a person would be ambiguous."""
    owners: dict[tuple[str | None, ...], str | None] = {}
    for n, row in enumerate(providers):
        tokens = row["issuer"], row["audience"]
        owner = owners.setdefault(tokens, row["id"])
        if None not in tokens and owner != row["id"]:  # else reported as a repeat
            yield ("identity_providers", n, "issuer"), f"{owner!r} has this issuer and audience too"


def _identity_grant_faults(
    grants: Any, rows: Mapping[str, list[Row]]
) -> Iterator[tuple[Location, str]]:
    """Check that the provider of each grant exists, and its municipality has the departments."""
    tenants = {row["id"]: row["tenant"] for row in rows["identity_providers"]}
    for n, row in enumerate(rows["identity_grants"]):
        if row["provider"] is not None and _none_has(
            rows["identity_providers"], id=row["provider"]
        ):
            what = _missing("identity provider", row["provider"], rows["identity_providers"])
            yield ("identity_grants", n, "provider"), what
    for n, entry in enumerate(grants if isinstance(grants, list) else []):
        provider = _text(entry, "provider") if isinstance(entry, dict) else None
        owner = UNREAD | {"tenant": tenants.get(provider)}
        for department in _at(entry, ("departments",)):
            if isinstance(department, str):
                where: Location = ("identity_grants", n, "departments")
                yield from _missing_department(where, owner, department.strip(), rows)
