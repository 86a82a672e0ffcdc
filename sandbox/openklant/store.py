"""Rows of the stand-in, in memory, with indexes of references and unique values."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.openklant.schema import RESOURCES, UNIQUE

Row = dict[str, Any]

CONTACTS_KEPT = 20_000
"""Most contacts, a few KiB each with the rows that refer to them; the oldest are removed first."""
ROWS_KEPT = 80_000
"""Most rows of each other resource: four for every contact."""


class Conflict(Exception):
    """The database refuses a write, since meanwhile a number was taken or a referenced row was
    removed. The server then answers 500."""


class Store:
    def __init__(self, *, contacts: int = CONTACTS_KEPT, others: int = ROWS_KEPT) -> None:
        self._most = dict.fromkeys(RESOURCES, others) | {"klantcontacten": contacts}
        self.clear()

    def clear(self) -> None:
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in RESOURCES}
        self._unique: dict[tuple[object, ...], str] = {}
        self._back: dict[tuple[str, str, str], dict[str, None]] = {}
        self.dropped = 0

    def exists(self, resource: str, uuid: str) -> bool:
        return uuid in self._rows.get(resource, ())

    def get(self, resource: str, uuid: str) -> Row | None:
        return self._rows[resource].get(uuid)

    def all(self, resource: str) -> Iterable[Row]:
        """Return all rows, oldest first."""
        return self._rows[resource].values()

    def count(self, resource: str) -> int:
        return len(self._rows[resource])

    def children(self, resource: str, field: str, uuid: str) -> Iterator[Row]:
        """Yield the rows of `resource` whose `field` refers to this uuid, oldest first."""
        for child in self._back.get((resource, field, uuid), ()):
            yield self._rows[resource][child]

    def find_holder(self, resource: str, fields: tuple[str, ...], values: Mapping[str, Any]) -> str:
        """Return the uuid of the row that has these values in these fields, or ''."""
        key = unique_key(resource, fields, values)
        return self._unique.get(key, "") if key else ""

    def insert(self, resource: str, row: Row) -> None:
        """Add a row. Raises Conflict, and then adds nothing."""
        self._check_free(resource, row, row["uuid"])
        self._rows[resource][row["uuid"]] = row
        self._index(resource, row)
        self._add_references(resource, row["uuid"], references_of(resource, row))
        if self.count(resource) > self._most[resource]:
            self.remove(resource, next(iter(self._rows[resource])))
            self.dropped += 1

    def change(self, resource: str, uuid: str, values: Mapping[str, Any]) -> Row:
        """Set these values and return the row. Raises Conflict, and then changes nothing."""
        row = self._rows[resource][uuid]
        changed = {**row, **values}
        self._check_free(resource, changed, uuid)
        pointed_before = dict.fromkeys(references_of(resource, row))
        self._unindex(resource, row)
        row.update(values)
        self._index(resource, row)
        pointed_now = dict.fromkeys(references_of(resource, row))
        self._add_references(
            resource, uuid, [each for each in pointed_now if each not in pointed_before]
        )
        self._drop_references(
            resource, uuid, [each for each in pointed_before if each not in pointed_now]
        )
        return row

    def remove(self, resource: str, uuid: str) -> None:
        """Remove a row, and the rows that cannot exist without it."""
        row = self._rows[resource].pop(uuid)
        self._unindex(resource, row)
        self._drop_references(resource, uuid, references_of(resource, row))
        for other, field, survives in REFERENCES.get(resource, ()):
            for child in list(self._back.pop((other, field, uuid), ())):
                if survives:
                    self._clear_reference(other, child, field, uuid)
                elif child in self._rows[other]:
                    self.remove(other, child)

    def _clear_reference(self, resource: str, uuid: str, field: str, removed: str) -> None:
        row = self._rows[resource][uuid]
        value = row[field]
        row[field] = tuple(o for o in value if o != removed) if isinstance(value, tuple) else None

    def _check_free(self, resource: str, row: Row, uuid: str) -> None:
        for fields in UNIQUE.get(resource, ()):
            if self.find_holder(resource, fields, row) not in {"", uuid}:
                raise Conflict
        for field, other in references_of(resource, row):
            if not self.exists(RESOURCES[resource][field].to, other):
                raise Conflict

    def _index(self, resource: str, row: Row) -> None:
        for fields in UNIQUE.get(resource, ()):
            if key := unique_key(resource, fields, row):
                self._unique[key] = row["uuid"]

    def _unindex(self, resource: str, row: Row) -> None:
        for fields in UNIQUE.get(resource, ()):
            if key := unique_key(resource, fields, row):
                self._unique.pop(key, None)

    def _add_references(self, resource: str, uuid: str, others: Iterable[tuple[str, str]]) -> None:
        for field, other in others:
            self._back.setdefault((resource, field, other), {})[uuid] = None

    def _drop_references(self, resource: str, uuid: str, others: Iterable[tuple[str, str]]) -> None:
        for field, other in others:
            rows = self._back.get((resource, field, other), {})
            rows.pop(uuid, None)
            if not rows:
                self._back.pop((resource, field, other), None)


def build_references() -> dict[str, list[tuple[str, str, bool]]]:
    """Return for each resource the references to it: resource, field, and whether the referring row
    stays when the row is removed."""
    by_resource: dict[str, list[tuple[str, str, bool]]] = {}
    for resource, fields in RESOURCES.items():
        for name, field in fields.items():
            if field.to:
                by_resource.setdefault(field.to, []).append((resource, name, field.survives))
    return by_resource


REFERENCES = build_references()


def references_of(resource: str, row: Row) -> Iterator[tuple[str, str]]:
    """Yield each reference of a row: its field, and the uuid that it points to."""
    for name, field in RESOURCES[resource].items():
        if not field.to or not (value := row.get(name)):
            continue
        for uuid in value if isinstance(value, tuple) else (value,):
            yield name, uuid


def unique_key(
    resource: str, fields: tuple[str, ...], values: Mapping[str, Any]
) -> tuple[object, ...] | None:
    held_values = tuple(values.get(name) for name in fields)
    return None if None in held_values else (resource, fields, held_values)
