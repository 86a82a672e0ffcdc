"""An independent reader of an open copy: it shares no code with what wrote it.

It checks the hashes with sha256sum, reads each table as JSON Lines and as Parquet and compares
them, and holds both against datapackage.json and README.md. A fault raises CopyFault.
"""

import base64
import hashlib
import json
import subprocess
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

Rows = list[dict[str, Any]]
JSON_TYPES = {
    "string": str, "integer": int, "boolean": bool, "date": str, "datetime": str, "array": list,
}  # fmt: skip
"""Type of Table Schema -> that of its values in JSON; `any` is all of them."""
ARROW = {
    "string": pyarrow.string(),
    "integer": pyarrow.int64(),
    "boolean": pyarrow.bool_(),
    "date": pyarrow.date32(),
    "datetime": pyarrow.timestamp("us", tz="UTC"),
    "array": pyarrow.list_(pyarrow.string()),
}
DESCRIBING = {"README.md", "datapackage.json", "SHA256SUMS"}


class CopyFault(Exception):
    """The copy is not what it should be."""


def require(holds: object, what: str) -> None:
    if not holds:
        raise CopyFault(what)


def read_copy(folder: Path, *, has_parquet: bool = True) -> dict[str, Rows]:
    """Return the rows of each table."""
    _check_sums(folder)
    described = json.loads((folder / "datapackage.json").read_text())["resources"]
    readme = (folder / "README.md").read_text()
    listed = {each["path"] for each in described}
    there = {path.name for path in folder.iterdir() if path.is_file()}
    require(there == listed | DESCRIBING, f"files: {there ^ (listed | DESCRIBING)}")
    require(any("parquet" in each for each in listed) == has_parquet, "Parquet")
    tables = {
        each["path"].removesuffix(".jsonl"): _read_lines(folder, each, readme)
        for each in described
        if each["format"] == "jsonl"
    }
    for each in described:
        content = (folder / each["path"]).read_bytes()
        require(each["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}", each["path"])
        require(each["bytes"] == len(content), each["path"])
        if each["format"] == "parquet":
            _compare(folder, each, tables[each["path"].removesuffix(".parquet")])
    _check_files(folder, tables["files"])
    return tables


def _check_sums(folder: Path) -> None:
    """Let sha256sum check every file, and see that none is unlisted."""
    ran = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    require(ran.returncode == 0, ran.stdout + ran.stderr)
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = [line.partition("  ")[2] for line in lines]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    require(len(listed) == len(set(listed)), "a file is listed twice")
    require({*listed} | {"SHA256SUMS"} == there, f"unlisted: {there ^ {*listed}}")


def _read_lines(folder: Path, described: dict[str, Any], readme: str) -> Rows:
    name, schema = described["path"].removesuffix(".jsonl"), described["schema"]
    text = (folder / described["path"]).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.split("\n")[:-1]]
    require(not text or text.endswith("\n"), f"{name}: its last line is torn")
    require(described["rows"] == len(rows), f"{name}: rows")
    for row in rows:
        require(list(row) == sorted(row), f"{name}: keys are not sorted")
        require(set(row) == {each["name"] for each in schema["fields"]}, f"{name}: columns")
        for field in schema["fields"]:
            type = JSON_TYPES.get(field["type"])
            value = row[field["name"]]
            fits = value is None or type is None or isinstance(value, type)
            require(fits, f"{name}: {field['name']} {value!r}")
    keys = [tuple(row[each] for each in schema["primaryKey"]) for row in rows]
    require(len(keys) == len(set(keys)), f"{name}: a key occurs twice")
    for field in schema["fields"]:
        meaning = f" {field['title']} | {field['description']} |"
        require(f"| `{field['name']}` |" in readme and meaning in readme, f"{name}: README")
    return rows


def _compare(folder: Path, described: dict[str, Any], rows: Rows) -> None:
    """Compare a table in Parquet with its rows in JSON."""
    file = parquet.ParquetFile(folder / described["path"])
    fields = described["schema"]["fields"]
    require(file.schema_arrow.names == [each["name"] for each in fields], described["path"])
    for field, arrow in zip(fields, file.schema_arrow, strict=True):
        is_bytes = field.get("format") == "binary"
        expected = pyarrow.binary() if is_bytes else ARROW[field["type"]]
        require(arrow.type == expected, f"{described['path']}: {field['name']} {arrow.type}")
    read = file.read().to_pylist()
    require(len(read) == len(rows), f"{described['path']}: rows")
    for ours, theirs in zip(rows, read, strict=True):
        for name, value in theirs.items():
            same = value is ours[name] is None or _plain(value, ours[name]) == ours[name]
            require(same, f"{described['path']}: {name} {value!r} is not {ours[name]!r}")


def _plain(value: Any, beside: Any) -> Any:
    """Return a value of Parquet as JSON has it."""
    match value:
        case datetime():
            text = value.isoformat().replace("+00:00", "Z")
            return text
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case str() if not isinstance(beside, str):
            return json.loads(value)
    return value


def _check_files(folder: Path, rows: Rows) -> None:
    for row in rows:
        if row["path"]:
            content = (folder / row["path"]).read_bytes()
            require(hashlib.sha256(content).hexdigest() == row["sha256"], row["path"])
            require(len(content) == row["size"], row["path"])
            parts = row["path"].split("/")
            is_safe = all(part == part.lower() and len(part) < 100 for part in parts)
            require(is_safe and not set('<>:"\\|?* ') & set(row["path"]), row["path"])
        else:
            require(row["state"] != "available", f"{row['message']}: no file")
