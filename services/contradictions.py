"""What in a configuration contradicts itself: references that lead nowhere, ids given twice. Pure.

Looked for in whatever can be read of the file, so that every fault is told at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Location = tuple[int | str, ...]
TABLES = {
    "tenants": ("id",),
    "numbers": ("id",),
    "departments": ("tenant", "id"),
    "destinations": ("id",),
    "rules": ("id",),
}
"""Table -> what tells its entries apart."""


Row = dict[str, str | None]
"""What can be read of an entry; None, for what is missing or no text, could be anything."""
UNREAD: Row = dict.fromkeys(("id", "tenant", "destination", "department", "fallback"))


def contradictions(given: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    """References that lead nowhere, and ids given twice, in whatever can be read of the file."""
    rows = {table: _rows(given.get(table)) for table in TABLES}
    yield from _number_faults(rows)
    yield from _shared_meta_ids(given.get("numbers"))
    yield from _department_faults(rows)
    yield from _rule_faults(rows)
    yield from _repeats(rows)


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


def _rule_faults(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for n, rule in enumerate(rows["rules"]):
        tenant, department = rule["tenant"] or None, rule["department"]
        if _none_has(rows["tenants"], id=tenant):
            yield ("rules", n, "tenant"), f"there is no tenant {tenant!r}"
        elif department is not None and _none_has(
            rows["departments"], tenant=tenant, id=department
        ):
            yield ("rules", n, "department"), f"there is no department {department!r}"


def _repeats(rows: Mapping[str, list[Row]]) -> Iterator[tuple[Location, str]]:
    for table, key in TABLES.items():
        seen: set[tuple[str | None, ...]] = set()
        for n, row in enumerate(rows[table]):
            id = tuple(row[part] for part in key)
            if id in seen:
                yield (table, n, "id"), f"{row['id']!r} stands here for the second time"
            if None not in id:
                seen.add(id)
