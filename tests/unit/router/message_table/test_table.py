"""A table of messages in CSV: its forms, and all of its faults at once."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.message_table import table
from router.message_table.table import (
    ENCODING,
    HEADER,
    NO_ROWS,
    KnownNames,
    RowFault,
    TableError,
    TableRow,
    known_names,
    parse_table,
)
from services.config.model import parse
from services.whatsapp.limits import BODY
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_texts import rules_toml

KNOWN = KnownNames({"kcc": "kcc", "groen": "groen"}, frozenset(["pers", "officieel"]))
QUOTE = table.QUOTE.format(";")
WIDTH = table.WIDTH.format(";")


def faults(content: str | bytes) -> list[RowFault]:
    with pytest.raises(TableError) as raised:
        parse_table(content.encode() if isinstance(content, str) else content, KNOWN)
    return raised.value.faults


@pytest.mark.parametrize(
    "content",
    [
        'text;department;labels\nhoi;kcc;\n"vol; en\n""stuk""";groen;pers officieel\n',
        'text;department;labels\r\nhoi;kcc\r\n"vol; en\n""stuk""";groen;"officieel;pers"\r\n;;\r\n',
        '\ufefftext,department,labels\nhoi,kcc,\n"vol; en\n""stuk""",groen,"pers; officieel"\n,,',
        'Labels;Note;Afdeling;Tekst\n;x;kcc;hoi\n"pers ;officieel";;groen;"vol; en\n""stuk"""',
        '"labels","department","opmerking","text"\n,kcc,,hoi\n'
        'pers;officieel,groen,"a\rb","vol; en\n""stuk"""',
    ],
)
def test_table_is_read_as_excel_writes_it(content: str) -> None:
    read = parse_table(content.encode(), KNOWN)
    assert [(row.text, row.department, row.labels) for row in read.rows] == [
        ("hoi", "kcc", frozenset()),
        ('vol; en\n"stuk"', "groen", frozenset(["pers", "officieel"])),
    ]
    assert read.labels == {"pers", "officieel"}
    assert [row.line for row in read.rows] == [2, 3]


def test_line_of_a_message_is_where_it_begins_in_the_file() -> None:
    content = 'text;department\n"een\r\ntwee\ndrie";kcc\n\n;\nvier\u2028\x85vijf;groen\n'
    read = parse_table(content.encode(), KNOWN)
    assert [(row.line, row.text) for row in read.rows] == [
        (2, "een\r\ntwee\ndrie"),
        (7, "vier\u2028\x85vijf"),
    ]
    assert read.labels is None


@given(
    texts=st.lists(
        st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
        ).filter(str.strip),
        min_size=1,
        max_size=20,
    ),
    delimiter=st.sampled_from(table.DELIMITERS),
)
def test_any_texts_come_back_as_they_were_written(texts: list[str], delimiter: str) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerows([("text", "department"), *((text, "kcc") for text in texts)])
    read = parse_table(written.getvalue().encode("utf-8-sig"), KNOWN)
    assert [row.text for row in read.rows] == texts


@given(content=st.binary(max_size=300) | st.text("text;department,labels\n\r\" kc'", max_size=300))
def test_any_file_is_a_table_or_has_faults(content: bytes | str) -> None:
    given = content.encode() if isinstance(content, str) else content
    for head in (b"", b"text;department;labels\n"):
        try:
            assert parse_table(head + given, KNOWN).rows
        except TableError as error:
            assert error.faults


def test_all_faults_are_found_at_once_with_their_lines() -> None:
    content = (
        "text;department;labels\n"
        "vol;groem;prs officieel\n"
        "  ;kcc\n"
        "hoi;\n"
        "a;kcc;pers;more\n"
        '"a"b;kcc\n'
        f"{'x' * (BODY + 1)};kcc\n"
        "goed;kcc\n"
        '"open;kcc\n'
        "hoi;kcc\n"
    )
    assert faults(content) == [
        RowFault(2, "department", "there is no such department: did you mean 'groen'?", "groem"),
        RowFault(2, "labels", "there is no such label: did you mean 'pers'?", "prs"),
        RowFault(3, "text", "is empty"),
        RowFault(4, "department", "is empty"),
        RowFault(5, "row", WIDTH),
        RowFault(6, "row", QUOTE),
        RowFault(7, "text", f"has {BODY + 1} characters; a message has at most {BODY}"),
        RowFault(9, "row", QUOTE),
    ]


@pytest.mark.parametrize(
    ("content", "line", "column", "what"),
    [
        (b"text;department\n\xe9\xe9n;kcc\n", 0, "file", ENCODING),
        ("", 1, "columns", HEADER),
        ("mijn container is vol;groen\n", 1, "columns", HEADER),
        ("text\tdepartment\nvol\tgroen\n", 1, "columns", HEADER),
        ('"text;department\nvol;groen\n', 1, "columns", HEADER),
        ("text;department\n", 0, "file", NO_ROWS),
        ("text;labels\nvol;pers\n", 1, "department", "this column is missing"),
        ("text;tekst;department\na;b;kcc\n", 1, "text", "stands here for the second time"),
        ("text;department;label\na;kcc;\n", 1, "columns", "did you mean 'labels'?"),
        (f'text;department\n"{"x" * 200_000};kcc\n', 2, "row", QUOTE),
    ],
)
def test_fault_of_the_file_or_its_first_line_is_found(
    content: str | bytes, line: int, column: str, what: str
) -> None:
    [fault] = faults(content)
    assert (fault.line, fault.column) == (line, column)
    assert fault.what.endswith(what)


def test_size_of_a_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "text;department\n" + "hoi;kcc\n" * 3
    monkeypatch.setattr(table, "ROWS", 3)
    monkeypatch.setattr(table, "BYTES", len(content))
    assert len(parse_table(content.encode(), KNOWN).rows) == 3
    [fault] = faults(content + "\n")
    assert fault.what == f"is over {len(content)} bytes"
    monkeypatch.setattr(table, "ROWS", 2)
    [fault] = faults(content)
    assert fault.what == "has 3 messages, at most 2"


def test_cell_at_fault_is_told_apart_from_its_sentence() -> None:
    swapped = "text;department\nkcc;mijn buurman slaat zijn hond\n"
    [fault] = faults(swapped)
    assert fault.what == "there is no such department"
    assert fault.quoting() == f"'mijn buurman slaat zijn hond': {fault.what}"
    [fault] = faults(swapped.replace("mijn", "a" * 50))
    assert fault.quoting() == f"'{'a' * 39}…': {fault.what}"
    assert RowFault(2, "text", "is empty").quoting() == "is empty"


def test_known_names_are_those_of_the_municipality() -> None:
    rules = rules_toml(
        "een: words = a; tag = pers; tenant = almelo | twee: words = a; tag = raad; tenant = borne"
        " | drie: words = a; tag = spoed, klacht; tenant = almelo"
    )
    known = known_names(parse(TOML + rules, "p.toml"), "almelo")
    labels = frozenset(["pers", "spoed", "klacht"])
    assert known == KnownNames(KNOWN.departments, labels | {"mogelijk-gevaar"})
    assert parse_table(b"text;department\na;groen", known).rows == (TableRow(2, "a", "groen"),)
