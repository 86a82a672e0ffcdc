"""Rows that one record gives. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from archiver.open_copy.columns import OF_KIND, TABLES
from archiver.open_copy.rows import Row, row_of
from archiver.subject_access.consents import read_events

TableRow = tuple[str, Row]
"""Name of a table, and a row of it."""


def rows_of_record(record: Mapping[str, Any]) -> Iterator[TableRow]:
    """Yield the rows of a decrypted record: one in `records`, and those of its kind."""
    source = source_of(record)
    for table in (TABLES["records"], *OF_KIND.get(record["kind"], ())):
        yield table.name, row_of(table, source)
    for event in read_events(record):
        given = {
            "event": "given" if event.is_given else "ended",
            "purpose": event.purpose,
            "at": event.at,
            "source": event.source,
        }
        yield "consents", row_of(TABLES["consents"], source | {"consent": given})


def source_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the rows of a record are made from. Where it names no message it is the message
    itself, as in `archiver.api.presenter`."""
    about = record["message"] or record["id"]
    return {**record, "data": decode_data(record), "about": about}


def decode_data(record: Mapping[str, Any]) -> Any:
    """Return what a record says; its bytes as text if they are no JSON."""
    try:
        return msgspec.json.decode(record["data"])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return record["data"].decode(errors="backslashreplace")
