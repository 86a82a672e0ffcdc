"""Parquet of a table: row groups of bounded size, and the same bytes again."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyarrow import parquet

from archiver.open_copy import parquet as ours
from archiver.open_copy.columns import Column, Table
from archiver.open_copy.parquet import write_parquet
from archiver.open_copy.rows import SHAPES, encode_row, row_of

ALL = Table(
    name="all", key=("text",), en="all types", nl="alle soorten",
    columns=tuple(
        Column(type, type, type, f"en {type}", f"nl {type}", "bytes" if type == "integer" else "")
        for type in SHAPES
    ),
)  # fmt: skip
FULL = {
    "text": "é\u0000", "integer": 2**60, "boolean": False, "date": date(1, 1, 1),
    "time": datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), "bytes": b"\x00\xff",
    "json": {"b": [1, None], "a": "x"}, "texts": ["a", ""],
}  # fmt: skip
LINES = [encode_row(row_of(ALL, source)) for source in (FULL, {}, FULL)]


def test_each_type_is_read_back_as_what_it_is(tmp_path: Path) -> None:
    write_parquet(ALL, LINES, tmp_path / "a.parquet")
    first, none, _ = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert first == FULL | {"json": '{"a":"x","b":[1,null]}'}
    assert set(none.values()) == {None}
    field = parquet.read_schema(tmp_path / "a.parquet").field("integer")
    assert field.metadata == {b"en": b"en integer", b"nl": b"nl integer", b"unit": b"bytes"}


def test_same_lines_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_parquet(ALL, LINES * 50, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("rows", "bytes", "expected"),
    [(100, 1 << 20, [6]), (4, 1 << 20, [4, 2]), (100, len(LINES[0]) + 1, [2, 2, 2]),
     (100, 1, [1] * 6)],
)  # fmt: skip
def test_row_groups_end_at_their_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, bytes: int, expected: list[int]
) -> None:
    monkeypatch.setattr(ours, "GROUP_ROWS", rows)
    monkeypatch.setattr(ours, "GROUP_BYTES", bytes)
    write_parquet(ALL, LINES * 2, tmp_path / "a")
    metadata = parquet.read_metadata(tmp_path / "a")
    groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert groups == expected


def test_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    write_parquet(ALL, [], tmp_path / "a")
    assert parquet.read_table(tmp_path / "a").column_names == list(SHAPES)
