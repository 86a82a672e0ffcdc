"""Hashes by which an entry of the log is found: its words and its persons, under each key. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from archiver.index.blind_index import IndexTokens, index_tokens, person_hash
from archiver.index.record_fields import read_fields, subject_identities
from services.contract import Record


class EntryHashes(msgspec.Struct, frozen=True):
    """Hashes of an entry, in the order of the keys."""

    tokens: tuple[IndexTokens, ...] = ()
    """Tokens of its words; none if it is no message and no note."""
    persons: tuple[tuple[bytes, ...], ...] = ()
    """Hashes of each person."""


def hash_entry(row: Mapping[str, Any], keys: Sequence[bytes]) -> EntryHashes:
    """Return the hashes of an entry; none if its data is not what its kind requires."""
    record = Record(id=row["id"], kind=row["kind"], at=row["at"], data=row["data"])
    try:
        fields = read_fields(record)
    except msgspec.DecodeError:
        return EntryHashes()
    names = {(each.kind, each.value) for each in subject_identities(fields)}
    return EntryHashes(
        tokens=tuple(each for key in keys if (each := index_tokens(record, fields, key))),
        persons=tuple(tuple(person_hash(key, *name) for key in keys) for name in names),
    )
