"""A row has what is recorded, in the form of its type, and nothing that cannot be so."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.open_copy.columns import TABLES, Column, Table
from archiver.open_copy.conversation_rows import ConversationSummary
from archiver.open_copy.record_rows import rows_of_record
from archiver.open_copy.rows import SHAPES, decode_row, encode_row, row_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = UUID(int=7)
SUMMER = datetime(2026, 7, 1, 14, tzinfo=timezone(timedelta(hours=2)))


def table(type: Any, source: str = "data.a") -> Table:
    return Table(name="t", key=(), en="", nl="", columns=(Column("a", type, source, "", ""),))


def shaped(type: Any, value: Any) -> Any:
    return decode_row(encode_row(row_of(table(type), {"data": {"a": value}})))["a"]


@pytest.mark.parametrize(
    ("type", "value", "expected"),
    [
        ("text", "a", "a"), ("text", ID, str(ID)), ("text", b"\x01\xff", "01ff"),
        ("text", 5, "5"), ("text", {"b": 1, "a": [None]}, '{"a":[null],"b":1}'),
        ("integer", 5, 5), ("integer", True, None), ("integer", "5", None), ("integer", 1.5, None),
        ("boolean", False, False), ("boolean", 0, None),
        ("date", "2026-11-20", "2026-11-20"), ("date", date(2026, 1, 2), "2026-01-02"),
        ("date", "soon", None), ("date", "2026-02-30", None),
        ("time", "2026-07-01T14:00:00+02:00", "2026-07-01T12:00:00Z"),
        ("time", SUMMER, "2026-07-01T12:00:00Z"), ("time", "2026-07-01T14:00:00", None),
        ("time", 5, None), ("bytes", b"\xff", "/w=="), ("bytes", b"", None),
        ("json", {"b": 1, "a": 2}, {"a": 2, "b": 1}), ("json", b'{"a":[1]}', {"a": [1]}),
        ("json", "text", "text"), ("texts", ["a", ID], ["a", str(ID)]), ("texts", (), []),
        ("texts", "ab", None), ("texts", 5, None), ("texts", None, None),
    ],
)  # fmt: skip
def test_value_has_the_form_of_its_type(type: str, value: Any, expected: Any) -> None:
    assert shaped(type, value) == expected


@given(st.sampled_from(sorted(SHAPES)), st.recursive(
    st.none() | st.booleans() | st.integers(-2**60, 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
))  # fmt: skip
def test_record_gives_a_line_whatever_it_says(type: Any, value: Any) -> None:
    if type == "bytes":  # bytes are columns of ours, never of what others say
        return
    line = encode_row(row_of(table(type), {"data": {"a": value}}))
    assert line.count(b"\n") == 1
    assert set(json.loads(line)) == {"a"}


@pytest.mark.parametrize("data", [{"a": {"b": 1}}, {"a": None}, {}, "text", None, [1]])
def test_path_that_ends_early_gives_nothing(data: Any) -> None:
    assert row_of(table("text", "data.a.b.c"), {"data": data}) == {"a": None}


def record(kind: str, data: Any, **fields: Any) -> dict[str, Any]:
    raw = data if isinstance(data, bytes) else msgspec.json.encode(data)
    given = {
        "id": ID, "position": 3, "kind": kind, "at": NOON, "tenant": "almelo", "sequence": 1,
        "conversation": "106540352242922-" + "a" * 26, "department": "balie", "message": None,
        "receipt": None, "item": None, "data": raw, "raw": b"", "contact": b"",
    }  # fmt: skip
    return given | fields


def test_record_that_is_no_json_is_kept_as_text() -> None:
    [(name, row)] = rows_of_record(record("of another time", b"\xffno json"))
    assert name == "records" and row["data"] == "\\xffno json"


def test_message_that_names_no_other_is_itself() -> None:
    rows = dict(rows_of_record(record("message", {"text": "hallo"})))
    assert rows["messages"]["id"] == str(ID) == rows["messages"]["record"]
    assert rows["messages"]["text"] == "hallo" and rows["messages"]["direction"] is None


def test_consent_in_a_message_and_its_end_are_rows_too() -> None:
    evidence = {"purpose": "nieuws", "givenAt": "2026-11-01T10:00:00Z", "source": "formulier"}
    data = {"direction": "out", "consent": evidence, "consentEnded": ["enquête"]}
    rows = [row for name, row in rows_of_record(record("message", data)) if name == "consents"]
    assert [(row["event"], row["purpose"]) for row in rows] == [
        ("given", "nieuws"), ("ended", "enquête"),
    ]  # fmt: skip
    assert rows[0]["source"] == "formulier" and rows[0]["happened_at"] == datetime(
        2026, 11, 1, 10, tzinfo=UTC
    )


def summed(*records: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    summary = ConversationSummary("106540352242922-" + "a" * 26, None, b"\x01")
    for each in records:
        summary.note(each, msgspec.json.decode(each["data"]))
    (_, conversation), *persons = summary.rows()
    return conversation, [row for _, row in persons]


def change(event: str, position: int, **data: Any) -> dict[str, Any]:
    at = NOON + timedelta(minutes=position)
    given = {"event": event, "department": "balie"} | data
    return record("conversation", given, position=position, sequence=position, at=at)


def test_conversation_is_what_its_changes_made_of_it() -> None:
    """Records are in the order of the conversation; changes count in that of the log."""
    moved = change("transferred", 2, department="belastingen", **{"from": "balie", "to": "x"})
    row, persons = summed(moved, change("opened", 1), change("closed", 4), change("refused", 5))
    assert row["departments"] == ["belastingen", "balie"] and row["department"] == "balie"
    assert row["opened_at"] == NOON + timedelta(minutes=1)
    assert row["closed_at"] == NOON + timedelta(minutes=4)
    assert persons == []  # `from` and `to` of a transfer are no persons
    row, _ = summed(change("opened", 1), change("closed", 2), change("reopened", 3))
    assert row["closed_at"] is None


def test_names_of_a_citizen_are_each_there_once() -> None:
    sender = {"identities": [{"kind": "phone", "value": "+31600000010"}], "name": "Fatima"}
    heard = {"direction": "in", "from": sender, "language": "nl", "medium": {"id": "m"}}
    again = record("message", heard, at=NOON + timedelta(hours=1))
    sent = record("message", {"direction": "out", "to": "31600000010"})
    row, persons = summed(record("message", heard), again, sent)
    assert [(each["kind"], each["value"], each["records"]) for each in persons] == [
        ("name", "Fatima", 2), ("phone", "31600000010", 3),
    ]  # fmt: skip
    assert persons[0]["last_at"] == NOON + timedelta(hours=1)
    assert (row["messages"], row["received"], row["files"], row["languages"]) == (3, 2, 2, ["nl"])
    assert TABLES["persons"].key == ("conversation", "kind", "value")
