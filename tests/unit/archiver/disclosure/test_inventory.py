"""The inventory: a line for each document, as CSV and as a spreadsheet that others read."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from xml.etree import ElementTree

from archiver.disclosure.disclosure import Disclosure, Document
from archiver.disclosure.inventory import Line, inventory_rows, write_csv, write_ods
from archiver.disclosure.spreadsheet import MIME_TYPE, write_sheet

FOUND = Disclosure(
    id="WOO-2026-0001", tenant="almelo", kind="woo", hold="BW-2026-0001", named=(),
    state="reviewed", drawn_by="a", drawn_at=datetime(2026, 11, 1, tzinfo=UTC), reviewed_by="a",
    reviewed_at=datetime(2026, 11, 2, tzinfo=UTC), approved_by=None, approved_at=None,
)  # fmt: skip
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


def document(number: int, **more: object) -> Document:
    return Document(number=number, conversation=f"n-{number}", up_to=1, **more)  # type: ignore[arg-type]


def rows() -> list[list[str]]:
    lines = [
        Line(document(1, decision="partly", grounds=("5.1.2e", "5.1.1d")), date(2026, 11, 20),
             "Openbare ruimte", ("0001.html", "0001.pdf")),
        Line(document(2, decision="closed", grounds=("5.1.1c",)), date(2026, 11, 21), "=1+1"),
        Line(document(3)),
    ]  # fmt: skip
    return [list(row) for row in inventory_rows(FOUND, lines)]


def test_inventory_has_a_line_for_each_document() -> None:
    heading, *lines = rows()
    assert heading[0] == "nummer" and [line[0] for line in lines] == ["1", "2", "3"]
    assert [line[4] for line in lines] == [
        "deels openbaar", "niet openbaar", "nog niet beoordeeld"
    ]  # fmt: skip
    assert lines[0][5].startswith("Woo, artikel 5.1, lid 1, onder d (") and "; Woo" in lines[0][5]
    assert lines[2][1] == "vernietigd" and lines[0][6] == "0001.html 0001.pdf"
    assert not any("n-" in cell for line in lines for cell in line)


def test_csv_is_read_back_and_holds_no_formula() -> None:
    read = list(csv.reader(io.StringIO(write_csv(rows()).decode("utf-8-sig"))))
    assert read[2][3] == "'=1+1"
    assert read[1] == rows()[1]


def test_spreadsheet_is_read_back_and_is_the_same_bytes_each_time() -> None:
    body = write_ods(rows())
    assert body == write_ods(rows())
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype").decode() == MIME_TYPE
        ElementTree.fromstring(archive.read("META-INF/manifest.xml"))
        tree = ElementTree.fromstring(archive.read("content.xml"))
    read = [["".join(cell.itertext()) for cell in row.iter(f"{TABLE}table-cell")]
            for row in tree.iter(f"{TABLE}table-row")]  # fmt: skip
    assert read == rows()


def test_spreadsheet_takes_any_text() -> None:
    nasty = 'a<b>&"\x00\x0b\ud800'
    with zipfile.ZipFile(io.BytesIO(write_sheet('"<', [[nasty]]))) as archive:
        text = "".join(ElementTree.fromstring(archive.read("content.xml")).itertext())
    assert text.startswith('a<b>&"') and "\x00" not in text
