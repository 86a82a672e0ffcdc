"""Rows of the stand-in, in memory, with indexes of references and unique values."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sandbox.openklant.schema import RESOURCES, UNIQUE
from sandbox.openklant.versions import NEWEST, Version

Row = dict[str, Any]

CONTACTS_KEPT = 20_000
"""Most contacts, a few KiB each with the rows that refer to them; the oldest are removed first."""
ROWS_KEPT = 80_000
"""Most rows of each other resource: four for every contact."""


class Conflict(Exception):
    """The database refuses a write, since meanwhile a number was taken or a referenced row was
    removed. The server then answers 500."""


class Store:
    version: Version = NEWEST
    """Version of the server; an upgrade or a roll-back keeps the rows."""

    def __init__(self, *, contacts: int = CONTACTS_KEPT, others: int = ROWS_KEPT) -> None:
        self._most = dict.fromkeys(RESOURCES, others) | {"klantcontacten": contacts}
        self.clear()

    def clear(self) -> None:
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in RESOURCES}
        self._unique: dict[tuple[object, ...], str] = {}
        self._back: dict[tuple[str, str, str], dict[str, None]] = {}
        """(Resource, its referring field, uuid it refers to) -> the referring rows."""
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

    def children(self, resource: str, field: str, uuid: str) -> list[Row]:
        """Return the rows of `resource` whose `field` refers to this uuid, oldest first."""
        return [
            self._rows[resource][child] for child in self._back.get((resource, field, uuid), ())
        ]

    def find_holder(self, resource: str, values: Mapping[str, Any]) -> str:
        """Return the uuid of the row that has these values of a unique constraint, or ''."""
        return self._unique.get((resource, *values.items()), "")

    def is_free(self, resource: str, fields: tuple[str, ...], row: Row) -> bool:
        """Return True if no other row has the same values in these fields."""
        holder = self.find_holder(resource, {name: row.get(name) for name in fields})
        return holder in {"", row.get("uuid")}

    def insert(self, resource: str, row: Row) -> None:
        """Add a row. Raises Conflict, and then adds nothing."""
        self._check(resource, row)
        self._rows[resource][row["uuid"]] = row
        self._index(resource, row)
        if self.count(resource) > self._most[resource]:
            self.remove(resource, next(iter(self._rows[resource])))
            self.dropped += 1

    def change(self, resource: str, uuid: str, values: Mapping[str, Any]) -> Row:
        """Set these values and return the row. Raises Conflict, and then changes nothing."""
        row = self._rows[resource][uuid]
        self._check(resource, {**row, **values})
        before = {*keys_of(resource, row)}, {*references_of(resource, row)}
        row.update(values)
        self._index(resource, row)
        self._unindex(
            uuid,
            before[0].difference(keys_of(resource, row)),
            before[1].difference(references_of(resource, row)),
        )
        return row

    def remove(self, resource: str, uuid: str) -> None:
        """Remove a row, and the rows that cannot exist without it."""
        row = self._rows[resource].pop(uuid)
        self._unindex(uuid, keys_of(resource, row), references_of(resource, row))
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

    def _check(self, resource: str, row: Row) -> None:
        is_free = all(self.is_free(resource, fields, row) for fields in UNIQUE.get(resource, ()))
        references = references_of(resource, row)
        if not is_free or not all(
            self.exists(RESOURCES[resource][field].to, other) for _, field, other in references
        ):
            raise Conflict

    def _index(self, resource: str, row: Row) -> None:
        self._unique |= {key: row["uuid"] for key in keys_of(resource, row)}
        for reference in references_of(resource, row):
            self._back.setdefault(reference, {})[row["uuid"]] = None

    def _unindex(
        self,
        uuid: str,
        keys: Iterable[tuple[object, ...]],
        references: Iterable[tuple[str, str, str]],
    ) -> None:
        for key in keys:
            self._unique.pop(key, None)
        for reference in references:
            rows = self._back.get(reference, {})
            rows.pop(uuid, None)
            if not rows:
                self._back.pop(reference, None)


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


def references_of(resource: str, row: Row) -> Iterator[tuple[str, str, str]]:
    """Yield each reference of a row: the resource, its field, and the uuid that it points to."""
    for name, field in RESOURCES[resource].items():
        if field.to and (value := row.get(name)):
            for uuid in value if isinstance(value, tuple) else (value,):
                yield resource, name, uuid


def keys_of(resource: str, row: Row) -> Iterator[tuple[object, ...]]:
    """Yield the keys under which a row is unique."""
    for fields in UNIQUE.get(resource, ()):
        key = [(name, row.get(name)) for name in fields]
        if all(value is not None for _, value in key):
            yield (resource, *key)
