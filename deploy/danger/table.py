"""The table that the scorer is trained on: invented messages, written for it. Pure.

Each file of `examples` has groups of messages in one language, all of one kind of danger or calm.
A line is a message.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """An invented message. `kind` is a kind of danger, or calm; `note` says what it is about."""

    text: str
    kind: str
    language: str
    note: str


def read_rows(files: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the messages of these files, sorted, each text once. The order of files and lines
    changes nothing."""
    rows = {
        text: Row(text, file["kind"], group["language"], group["note"])
        for file in files
        for group in file["groups"]
        for text in map(str.strip, group["texts"].splitlines())
        if text
    }
    return sorted(rows.values())


def hash_rows(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of the texts and their kinds."""
    lines = "".join(f"{row.kind}\t{row.text}\n" for row in rows)
    return hashlib.sha256(lines.encode()).hexdigest()
