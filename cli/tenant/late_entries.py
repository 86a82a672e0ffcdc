"""Entries of a municipality that came on the record of the old installation after it had started at
the new one: which rows beside the log go with them. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from archiver.index.processing_log import span_of
from archiver.log.entry import PlainColumns

TABLES = ("archiver.searchable", "archiver.subject", "archiver.media", "archiver.processing")
"""Tables with rows that follow from an entry."""


class LateEntries(msgspec.Struct, frozen=True):
    """Names by which rows belong to late entries."""

    ids: frozenset[str]
    messages: frozenset[str]
    spans: frozenset[str]


def name_entries(entries: Iterable[PlainColumns]) -> LateEntries:
    """Return the names of these entries, as the rows of a package have them."""
    columns = list(entries)
    ids = frozenset(str(each.id) for each in columns)
    return LateEntries(
        ids=ids,
        messages=ids | {str(each.message) for each in columns if each.message},
        spans=frozenset(f"\\x{span_of(each.id).hex()}" for each in columns),
    )


def rows_of(table: str, rows: Sequence[dict[str, Any]], late: LateEntries) -> list[dict[str, Any]]:
    """Return those of these rows of one of TABLES that belong to late entries."""
    names = {
        "archiver.searchable": ("id", late.ids),
        "archiver.subject": ("entry", late.ids),
        "archiver.media": ("id", late.messages),
        "archiver.processing": ("span_id", late.spans),
    }
    column, known = names[table]
    return [row for row in rows if row[column] in known]
