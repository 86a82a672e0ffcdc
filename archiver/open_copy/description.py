"""Describe an open copy: README.md, and datapackage.json (Data Package 2.0). Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from archiver.open_copy.columns import ABOUT, TABLES, Column, Table, Type
from services.transparency.signed_note import Checkpoint

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
README, DATAPACKAGE, SUMS = "README.md", "datapackage.json", "SHA256SUMS"


class Resource(msgspec.Struct, frozen=True):
    """A file of a table."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str

    @property
    def is_parquet(self) -> bool:
        return self.path.endswith(".parquet")


FIELD_TYPES: Mapping[Type, Mapping[str, str]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "date"},
    "time": {"type": "datetime"},
    "bytes": {"type": "string", "format": "binary"},
    "json": {"type": "any"},
    "texts": {"type": "array"},
}
"""Type -> that of Table Schema."""
IN_PARQUET: Mapping[Type, Mapping[str, str]] = {"json": {"type": "string"}}
"""Type -> that of Table Schema in Parquet, where it differs."""
TYPE_WORDS: Mapping[Type, str] = {
    "text": "text",
    "integer": "integer",
    "boolean": "true/false",
    "date": "date",
    "time": "time (UTC)",
    "bytes": "bytes",
    "json": "JSON",
    "texts": "list of text",
}


def describe_package(
    tenant: str, checkpoint: Checkpoint, resources: Sequence[Resource]
) -> dict[str, Any]:
    return {
        "$schema": PROFILE,
        "name": f"postkamer-{tenant}",
        "title": f"Postkamer: {tenant}",
        "description": f"As the log was at {checkpoint.size} records. {README} says what is where.",
        "created": checkpoint.at,
        "resources": [_describe_resource(each) for each in resources],
    }


def _describe_resource(resource: Resource) -> dict[str, Any]:
    table = TABLES[resource.table]
    types = {**FIELD_TYPES, **(IN_PARQUET if resource.is_parquet else {})}
    kind = "parquet" if resource.is_parquet else "jsonl"
    return {
        "name": table.name.replace("_", "-") + ("-parquet" if resource.is_parquet else ""),
        "type": "table",
        "path": resource.path,
        "format": kind,
        "mediatype": MEDIA_TYPES[kind],
        "encoding": "utf-8",
        "bytes": resource.bytes,
        "hash": f"sha256:{resource.sha256}",
        "rows": resource.rows,
        "title": table.nl,
        "description": table.en,
        "schema": {
            "fields": [_describe_field(each, types[each.type]) for each in table.columns],
            "primaryKey": list(table.key),
        },
    }


MEDIA_TYPES = {"jsonl": "application/jsonl", "parquet": "application/vnd.apache.parquet"}


def _describe_field(column: Column, type: Mapping[str, str]) -> dict[str, Any]:
    unit = {"unit": column.unit} if column.unit else {}
    return {"name": column.name, **type, "title": column.nl, "description": column.en, **unit}


PARQUET_NL, PARQUET_EN = " en als Parquet (`.parquet`)", " and as Parquet (`.parquet`)"
FAULTS_NL = "\n- {} records gingen niet open, en {} bestanden zijn weg of gewijzigd: zij ontbreken."
FAULTS_EN = "\n- {} records did not open, and {} files are gone or were altered: they are missing."


def explain(
    tenant: str, checkpoint: Checkpoint, resources: Sequence[Resource], faults: tuple[int, int]
) -> str:
    """Return README.md. `faults`: records that did not open, and files that are damaged."""
    has_parquet = any(each.is_parquet for each in resources)
    rows = {each.table: each.rows for each in resources}
    beside = [f"`{each.name}`" for each in TABLES.values() if each.is_beside_log]
    about = ABOUT.format(
        tenant=tenant,
        size=checkpoint.size,
        at=checkpoint.at.isoformat(),
        beside=", ".join(beside),
        and_parquet_nl=PARQUET_NL if has_parquet else "",
        and_parquet_en=PARQUET_EN if has_parquet else "",
        faults_nl=FAULTS_NL.format(*faults) if any(faults) else "",
        faults_en=FAULTS_EN.format(*faults) if any(faults) else "",
    )
    lines = [f"| [`{name}`](#{name}) | {rows[name]} | {TABLES[name].nl} |" for name in TABLES]
    return about + "\n".join([*lines, *(line for each in TABLES.values() for line in _table(each))])


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## {table.name}", "", table.nl, "", table.en, "")
    yield f"Sleutel / key: {', '.join(f'`{each}`' for each in table.key)}"
    yield from (
        "",
        "| kolom / column | type | eenheid / unit | betekenis | meaning |",
        "|---" * 5 + "|",
    )
    for each in table.columns:
        kind = TYPE_WORDS[each.type]
        yield f"| `{each.name}` | {kind} | {each.unit} | {each.nl} | {each.en} |"
    if table.name == tuple(TABLES)[-1]:
        yield ""
