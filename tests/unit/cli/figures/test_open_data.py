"""The files of a month's open data."""

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.figures.folder import write_month
from cli.figures.group import choose_tenant, open_data_faults, require_counted
from cli.figures.open_data import render_files
from cli.support.output import CommandMisused, CommandRefused
from tests.support.cli.counted_month import OPEN_DATA, config, counted, statistics

FILES = render_files(statistics(counted("kcc", "groen")))
DATASET: dict[str, Any] = json.loads(FILES["dcat-ap-nl.jsonld"])
ADDRESS = "https://data.almelo.example/whatsapp/2026-11"


def test_csv_is_as_rfc_4180_wants_it_with_a_dutch_header() -> None:
    text = FILES["regels.csv"].decode()
    assert text.startswith("maand,regel,naam,geplaatst,doorgegeven\r\n")
    assert text.count("\r\n") == text.count("\n") and text.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {5}
    assert ["2026-11", "afval", "Afval", "22", "10"] in rows
    assert ["2026-11", "parkeer-vergunning", "Parkeer vergunning", "<5", "<5"] in rows
    assert ["2026-11", "totaal", "Totaal", "68", ""] in rows


def test_json_has_the_same_as_the_csv() -> None:
    tables = json.loads(FILES["statistiek.json"])["tabellen"]
    assert {f"{name}.csv" for name in tables} == {each for each in FILES if each.endswith(".csv")}
    for name, table in tables.items():
        rows = list(csv.reader(io.StringIO(FILES[f"{name}.csv"].decode(), newline="")))
        listed = [table["kolommen"], *table["rijen"]]
        assert [[str(cell) for cell in row] for row in listed] == rows


def test_description_explains_each_column_and_what_is_left_out() -> None:
    text = FILES["leesmij.md"].decode()
    headers = {name for body in FILES if body.endswith(".csv")
               for name in FILES[body].decode().partition("\r\n")[0].split(",")}  # fmt: skip
    assert {f"| `{name}` |" in text for name in headers} == {True}
    assert "`<5`" in text and "Vertrouwelijke afdelingen (1)" in text
    first = counted("kcc")._replace(is_first=True)
    assert "begon het tellen" in render_files(statistics(first))["leesmij.md"].decode()


@pytest.mark.parametrize(
    "property",
    [
        *("dct:title", "dct:description", "dct:accessRights", "dcat:contactPoint", "dct:creator"),
        *("dct:identifier", "dct:publisher", "dcat:theme", "dcat:distribution"),
    ],
)
def test_data_set_has_what_dcat_ap_nl_requires(property: str) -> None:
    assert DATASET["@type"] == "dcat:Dataset" and DATASET[property]


def test_each_file_is_a_distribution_with_its_licence_and_size() -> None:
    by_address = {each["dcat:accessURL"]["@id"]: each for each in DATASET["dcat:distribution"]}
    data = {name for name in FILES if name.endswith((".csv", ".json"))}
    assert by_address.keys() == {f"{ADDRESS}/{name}" for name in data}
    for address, each in by_address.items():
        assert each["dct:license"]["@id"].startswith("http://creativecommons.org/publicdomain/")
        assert each["dcat:byteSize"]["@value"] == str(len(FILES[address.rpartition("/")[2]]))


def test_same_counts_give_the_same_bytes() -> None:
    assert render_files(statistics(counted("kcc", "groen"))) == FILES


def test_month_is_written_whole_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "open" / "2026-11"
    assert write_month(folder, FILES)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert not write_month(folder, FILES)
    with pytest.raises(CommandRefused, match="with other counts"):
        write_month(folder, FILES | {"leesmij.md": b""})
    assert [path.name for path in folder.parent.iterdir()] == ["2026-11"]


@pytest.mark.parametrize(
    ("first", "today", "refused"),
    [
        (date(2026, 11, 1), date(2026, 12, 8), ""),
        (date(2026, 11, 1), date(2026, 12, 7), "2026-11 can be published from 2026-12-08 on"),
        (date(2026, 12, 1), date(2027, 3, 1), "counting began in 2026-12"),
        (None, date(2027, 3, 1), "nothing was counted in 2026-11"),
    ],
)
def test_month_is_published_once_it_no_longer_grows(
    first: date | None, today: date, refused: str
) -> None:
    if refused:
        with pytest.raises(CommandRefused, match=refused):
            require_counted(date(2026, 11, 1), first, today)
    else:
        require_counted(date(2026, 11, 1), first, today)


def test_missing_settings_are_named() -> None:
    assert open_data_faults(config().tenants[0]) == []
    assert open_data_faults(config(OPEN_DATA.partition("contact")[0]).tenants[0]) == [
        "[tenants.open_data] of almelo: contact is missing",
        "[tenants.open_data] of almelo: address is missing",
    ]


def test_one_of_several_municipalities_must_be_chosen() -> None:
    tenants = config().tenants
    assert choose_tenant(tenants, "borne").id == "borne"
    assert choose_tenant(tenants[:1], None).id == "almelo"
    for id, said in ((None, "almelo, borne"), ("delden", "there is no 'delden'")):
        with pytest.raises(CommandMisused, match=said):
            choose_tenant(tenants, id)
