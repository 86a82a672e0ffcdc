"""Rows of what was destroyed while a copy was made. Pure."""

import msgspec

from archiver.open_copy.columns import Table
from archiver.open_copy.rows import Row


class Gone(msgspec.Struct, frozen=True):
    conversations: set[str]
    records: set[str]
    """Records that were destroyed one by one."""
    messages: set[str]
    """Messages of those."""

    def has(self, table: Table, row: Row) -> bool:
        """Return True for a row of a table of conversations that must go."""
        record = row.get("id" if table.name == "records" else "record")
        return (
            row[table.conversation_column] in self.conversations
            or record in self.records
            or (table.name == "files" and row["message"] in self.messages)
        )
