"""The tables of an open copy, with the columns of each. Pure."""

from collections import defaultdict
from typing import Literal

import msgspec

from services.package_data import load_table

Type = Literal["text", "integer", "boolean", "date", "time", "bytes", "json", "texts"]


class Column(msgspec.Struct, frozen=True, array_like=True):
    name: str
    type: Type
    source: str
    """Path of its value in what a row is made from."""
    en: str
    """Meaning."""
    nl: str
    unit: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    key: tuple[str, ...]
    en: str
    nl: str
    columns: tuple[Column, ...]
    kinds: tuple[str, ...] = ()
    """Kinds of records of which each gives a row."""
    rows: str = ""
    """Rest of the SQL that selects its rows, of a table beside the log."""
    is_of_log: bool = False
    """Its rows are made of records in another way."""
    is_of_conversations: bool = False
    """Its rows go when their conversation does."""

    @property
    def is_beside_log(self) -> bool:
        return not self.kinds and not self.is_of_log

    @property
    def conversation_column(self) -> str:
        return "id" if self.name == "conversations" else "conversation"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    tables: tuple[Table, ...]


_FILE = load_table("archiver.open_copy", "tables.toml", _File)
ABOUT = _FILE.about
"""Beginning of README.md, in both languages; names in braces are filled in."""
TABLES = {table.name: table for table in _FILE.tables}
OF_KIND: dict[str, list[Table]] = defaultdict(list)
"""Kind of record -> its tables."""
for _table in TABLES.values():
    for _kind in _table.kinds:
        OF_KIND[_kind].append(_table)
