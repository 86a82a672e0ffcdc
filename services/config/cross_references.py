"""What in a configuration contradicts itself: references that lead nowhere, ids given twice. Pure.

Looked for in whatever can be read of the file, so that every fault is told at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from services.toml.errors import Location

TABLES = {
    "tenants": ("id",),
    "numbers": ("id",),
    "departments": ("tenant", "id"),
    "destinations": ("id",),
    "rules": ("id",),
    "care": ("id",),
    "groups": ("id",),
    "menus": ("id",),
}
"""Table -> what tells its entries apart."""
BACK = "terug"
"""Id of what stands under every menu within a menu."""
OPTIONAL = ("rules", "care", "groups", "menus", "contacts", "closings", "rates")
"""Tables that need not be there, and then hold nothing."""


Row = dict[str, str | None]
"""What can be read of an entry; None, for what is missing or no text, could be anything."""
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
    )
)


def cross_reference_errors(
    given: Mapping[str, Any], *, whole: bool = True
) -> Iterator[tuple[Location, str]]:
    """References that lead nowhere, and ids given twice, in whatever can be read of the file. Where
    that is not the `whole` of it, each table may have more."""
    more = [] if whole else [UNREAD]
    rows = {
        table: [
            *([] if table in OPTIONAL and table not in given else _rows(given.get(table))),
            *more,
        ]
        for table in (*TABLES, *OPTIONAL)
    }
    yield from _number_faults(rows)
    yield from _shared_meta_ids(given.get("numbers"))
    yield from _department_faults(rows)
    for table in ("rules", "care"):
        yield from _rule_faults(table, rows)
    for table in ("rules", "care", "menus", "contacts", "closings"):
        yield from _tenant_faults(table, rows)
    for table in ("rules", "tenants"):
        yield from _menu_faults(table, rows)
    yield from _handed_over(rows)
    yield from _listed(given, rows)
    yield from _option_faults(given.get("menus"), rows)
    yield from _circles(given.get("menus"))
    yield from _repeats(rows)
    yield from _rates_twice(given.get("rates"))


def _rows(table: Any) -> list[Row]:
    """A table that is no table, or an empty one, is a fault itself: it could hold anything."""
    entries = table if isinstance(table, list) and table else [None]
    return [_row(entry) if isinstance(entry, dict) else UNREAD for entry in entries]


def _row(entry: Mapping[str, Any]) -> Row:
    return {key: _text(entry, key) for key in UNREAD}


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value.strip() if isinstance(value, str) else None


def _none_has(rows: list[Row], **wanted: str | None) -> bool:
    """Whether there is surely no row with these values."""
    return not any(
        all(None in (row[key], value) or row[key] == value for key, value in wanted.items())
        for row in rows
    )


def _number_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, number in enumerate(rows["numbers"]):
        tenant, fallback = number["tenant"], number["fallback"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("numbers", n, "tenant"), f"there is no tenant {tenant!r}"
        elif fallback is not None and _none_has(rows["departments"], tenant=tenant, id=fallback):
            whose = f"{tenant!r} has" if tenant is not None else "there is"
            yield ("numbers", n, "fallback"), f"{whose} no department {fallback!r}"


def _shared_meta_ids(numbers: Any) -> Iterator[tuple[Location, str]]:
    """Meta's id of one number, today's or an earlier one, may be no other number's."""
    owners: dict[str, int] = {}
    for n, number in enumerate(numbers if isinstance(numbers, list) else []):
        for id in sorted(_meta_ids(number)):
            owner = owners.setdefault(id, n)
            if owner != n and numbers[owner].get("id") != number.get("id"):  # told as a repeat
                yield ("numbers", n, "id"), f"{id} is another number's too"


def _meta_ids(number: Any) -> set[str]:
    """By which Meta may speak of a number, as far as it can be read."""
    if not isinstance(number, dict):
        return set()
    earlier = number.get("previous")
    each = [number, *(earlier if isinstance(earlier, list) else [])]
    given = [r.get("phone_number_id") or number.get("id") for r in each if isinstance(r, dict)]
    return {id for id in given if isinstance(id, str)}


def _department_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, department in enumerate(rows["departments"]):
        tenant, destination = department["tenant"], department["destination"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("departments", n, "tenant"), f"there is no tenant {tenant!r}"
        if _none_has(rows["destinations"], id=destination):
            yield ("departments", n, "destination"), f"there is no destination {destination!r}"
        elif destination is not None and any(
            (d["id"], d["kind"]) == (destination, "mail") for d in rows["destinations"]
        ):
            yield ("departments", n, "destination"), "mail is for alarms alone"


def _rule_faults(table: str, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, rule in enumerate(rows[table]):
        if rule["department"]:
            yield from _department_of((table, n, "department"), rule, rule["department"], rows)


def _department_of(
    where: Location, whose: Row, department: str, rows: Mapping[str, list[Row]]
) -> Iterator[tuple[Location, str]]:
    """A fault where the municipality that is named, or any, has no such department."""
    tenant = whose["tenant"] or None
    if not _none_has(rows["tenants"], id=tenant) and _none_has(
        rows["departments"], tenant=tenant, id=department
    ):
        yield where, f"there is no department {department!r}"


def _tenant_faults(table: str, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, row in enumerate(rows[table]):
        if row["tenant"] and _none_has(rows["tenants"], id=row["tenant"]):
            yield (table, n, "tenant"), f"there is no tenant {row['tenant']!r}"


def _menu_faults(table: str, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, row in enumerate(rows[table]):
        if row["menu"] and _none_has(rows["menus"], id=row["menu"]):
            yield (table, n, "menu"), f"there is no menu {row['menu']!r}"
        asks = row["id"] if table == "tenants" else row["tenant"]
        owners = [menu["tenant"] for menu in rows["menus"] if menu["id"] == row["menu"]]
        if row["menu"] and asks and any(owner not in ("", None, asks) for owner in owners):
            yield (table, n, "menu"), f"{row['menu']!r} is the menu of another municipality"


def _handed_over(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    """Departments that others stand in for: there is one, and it does not come round again."""
    departments = rows["departments"]
    next_of = {(d["tenant"], d["id"]): d["when_closed"] for d in departments}
    for n, row in enumerate(departments):
        for key in ("when_closed", "escalate_to"):
            if row[key]:
                yield from _department_of(("departments", n, key), row, row[key] or "", rows)
        seen, there = {row["id"]}, row["when_closed"]
        while there and there not in seen:
            seen.add(there)
            there = next_of.get((row["tenant"], there))
        if there and there == row["id"]:
            yield ("departments", n, "when_closed"), "it leads back to itself"


LISTED = (
    ("rules", ("groups",), "groups", "group"),
    ("care", ("groups",), "groups", "group"),
    ("rules", ("numbers",), "numbers", "number"),
    ("tenants", ("care", "destinations"), "destinations", "destination"),
)
"""Table, path of a list of ids in an entry of it, the table that must have them, what they are."""


def _listed(
    given: Mapping[str, Any], rows: Mapping[str, list[Row]]
) -> Iterator[tuple[Location, str]]:
    for table, path, target, called in LISTED:
        entries = given.get(table)
        for n, entry in enumerate(entries if isinstance(entries, list) else []):
            for id in _at(entry, path):
                if isinstance(id, str) and _none_has(rows[target], id=id.strip()):
                    yield (table, n, *path), f"there is no {called} {id!r}"


def _at(entry: Any, path: Location) -> list[Any]:
    for key in path:
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry if isinstance(entry, list) else []


def _option_faults(menus: Any, rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, menu in enumerate(menus if isinstance(menus, list) else []):
        seen: set[str | None] = set()
        for m, given in enumerate(_at(menu, ("options",))):
            option = _row(given) if isinstance(given, dict) else UNREAD
            where: Location = ("menus", n, "options", m)
            whose = UNREAD | {"tenant": _row(menu)["tenant"]}
            if option["department"]:
                yield from _department_of((*where, "department"), whose, option["department"], rows)
            if option["menu"] and _none_has(rows["menus"], id=option["menu"]):
                yield (*where, "menu"), f"there is no menu {option['menu']!r}"
            if option["id"] == BACK:
                yield (*where, "id"), f"{BACK!r} is the way back, which stands there by itself"
            if option["id"] is not None and option["id"] in seen:
                yield (*where, "id"), f"{option['id']!r} stands here for the second time"
            seen.add(option["id"])


def _circles(menus: Any) -> Iterator[tuple[Location, str]]:
    """Menus that lead back to themselves: there is a way back already, and no end otherwise."""
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
            ahead = {each for there in ahead for each in leads.get(there, ())}
        if start in reached:
            yield ("menus", n, "id"), "it leads back to itself"


def _repeats(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for table, key in TABLES.items():
        seen: set[tuple[str | None, ...]] = set()
        for n, row in enumerate(rows[table]):
            id = tuple(row[part] for part in key)
            if id in seen:
                yield (table, n, "id"), f"{row['id']!r} stands here for the second time"
            if None not in id:
                seen.add(id)


def _rates_twice(rates: Any) -> Iterator[tuple[Location, str]]:
    """Two that hold from the same month on: nobody can say what a message cost."""
    seen: list[Any] = []
    for n, rate in enumerate(rates if isinstance(rates, list) else []):
        first = rate.get("from") if isinstance(rate, dict) else None
        if first is not None and first in seen:
            yield ("rates", n, "from"), f"{first} stands here for the second time"
        seen.append(first)
