"""A row of an open copy: its values from where they are recorded, and its line of JSON. Pure."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec

from archiver.open_copy.columns import Column, Table, Type

Row = dict[str, Any]
encode_json = msgspec.json.Encoder(order="sorted").encode


def row_of(table: Table, source: Mapping[str, Any]) -> Row:
    return {each.name: _shape(_find(source, each), each.type) for each in table.columns}


def encode_row(row: Row) -> bytes:
    return encode_json(row) + b"\n"


def decode_row(line: bytes) -> Row:
    row: Row = msgspec.json.decode(line)
    return row


def _find(source: Any, column: Column) -> Any:
    """Return the value at a path; None where it ends early."""
    value = source
    for name in column.source.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _shape(value: Any, type: Type) -> Any:
    """Return a value in the form that its type has in JSON. One of another type than it should be
    is left out: its record has it as it was."""
    return None if value is None else SHAPES[type](value)


def _shape_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, UUID):
        return str(value)
    return value.hex() if isinstance(value, bytes) else encode_json(value).decode()


def _shape_integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _shape_boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _shape_date(value: Any) -> date | None:
    found: date | None = _convert(value, date)
    return found


def _shape_time(value: Any) -> datetime | None:
    """Return a time in UTC. A time without an offset is none: nobody can say when it was."""
    found: datetime | None = _convert(value, datetime)
    return found.astimezone(UTC) if found and found.tzinfo else None


def _convert(value: Any, type: type[Any]) -> Any:
    if isinstance(value, type):
        return value
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError:
        return None


def _shape_bytes(value: Any) -> str | None:
    return b64encode(value).decode() if value else None


def _shape_json(value: Any) -> Any:
    """Return JSON from the database as what it says."""
    return msgspec.json.decode(value) if isinstance(value, bytes) else value


def _shape_texts(value: Any) -> list[str] | None:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return None
    return [_shape_text(each) for each in value]


SHAPES: Mapping[Type, Callable[[Any], Any]] = {
    "text": _shape_text,
    "integer": _shape_integer,
    "boolean": _shape_boolean,
    "date": _shape_date,
    "time": _shape_time,
    "bytes": _shape_bytes,
    "json": _shape_json,
    "texts": _shape_texts,
}
