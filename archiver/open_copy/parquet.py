"""A table as Parquet, from its JSON Lines. pyarrow is an optional dependency that is imported only
when needed."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from archiver.open_copy.columns import Column, Table, Type
from archiver.open_copy.rows import Row, decode_row, encode_json

GROUP_ROWS = 20_000
"""Most rows of a row group, and in memory at once: a reader skips groups by their statistics."""
GROUP_BYTES = 16 << 20
"""Most bytes of JSON of a row group, with its last row: 16 MiB, some 100 MiB in memory."""
COMPRESSION = "zstd"
VERSION = "2.6"
"""Version of the format that every reader of these years has; it has times with a zone."""


def is_available() -> bool:
    return find_spec("pyarrow") is not None


def write_parquet(table: Table, lines: Iterable[bytes], path: Path) -> None:
    """Write a table; the same lines give the same bytes with the same pyarrow."""
    from pyarrow import Table as ArrowTable
    from pyarrow import array
    from pyarrow.parquet import ParquetWriter

    schema = build_schema(table)
    with ParquetWriter(path, schema, compression=COMPRESSION, version=VERSION) as writer:
        for rows in _groups(lines):
            columns = [
                array([_value(row, each) for row in rows], field.type)
                for each, field in zip(table.columns, schema, strict=True)
            ]
            writer.write_table(ArrowTable.from_arrays(columns, schema=schema), len(rows))


def build_schema(table: Table) -> Any:
    """Return the schema, each column with its meaning in both languages."""
    import pyarrow

    types = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "boolean": pyarrow.bool_(),
        "date": pyarrow.date32(),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "bytes": pyarrow.binary(),
        "json": pyarrow.string(),
        "texts": pyarrow.list_(pyarrow.string()),
    }
    fields = [
        pyarrow.field(
            each.name,
            types[each.type],
            metadata={"en": each.en, "nl": each.nl} | ({"unit": each.unit} if each.unit else {}),
        )
        for each in table.columns
    ]
    return pyarrow.schema(fields, metadata={"en": table.en, "nl": table.nl})


def _groups(lines: Iterable[bytes]) -> Iterator[list[Row]]:
    """Yield the rows in groups of bounded size."""
    rows, size = list[Row](), 0
    for line in lines:
        rows.append(decode_row(line))
        size += len(line)
        if len(rows) == GROUP_ROWS or size >= GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _value(row: Row, column: Column) -> Any:
    value = row[column.name]
    read = READERS.get(column.type)
    return value if value is None or read is None else read(value)


READERS: Mapping[Type, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "time": datetime.fromisoformat,
    "bytes": b64decode,
    "json": lambda value: encode_json(value).decode(),
}
"""Type -> the function that reads its value in JSON; other values are what they are."""
