"""Personal data of marked citizens is found however it is written, and never shown."""

import base64
import json
from collections.abc import Callable
from random import Random
from urllib.parse import quote

import pytest

from sandbox.meta.webhook_payloads import wamid
from tests.support.pii_markers import KINDS, Marks, phone

MARKS = Marks(Random(7))
PHONE = phone(123)
WAMID = wamid(PHONE, Random(7), outgoing=False)
NUMBERS = (
    PHONE,
    f"+{PHONE}",
    f"0031{PHONE[2:]}",
    "+31 6 8642 4123",
    "+31 (0)6 86 42 41 23",
    "06-86424123",
    "0686424123",
    "tel:+31-6-8642-4123",
    f"x{PHONE}x",
)
CODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in an address": lambda text: f"/v1/x?of={quote(text, safe='')}",
    "twice in an address": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"said": text})),
    "bytes as Python shows them": lambda text: repr(text.encode()),
    "hex": lambda text: text.encode().hex(),
    "PostgreSQL's hex, from the middle": lambda text: f"\\x1{text.encode().hex()}",
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, from the middle": lambda text: base64.b64encode(f"xy{text}".encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"?>{text}".encode()).decode(),
    "JSON in base64 in an address": lambda text: quote(
        base64.b64encode(json.dumps(text).encode()).decode(), safe=""
    ),
    "in capitals": str.upper,
}


def log_line(text: str) -> str:
    return f'2026-11-26 [12] ERROR: DETAIL: Key (value)=({text}) "already" exists.'


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_marked_word_is_found_in_every_coding_and_not_shown(kind: str, coding: str) -> None:
    said = CODINGS[coding](f"Dag {MARKS[kind]} 12")
    [trace] = MARKS.traces("a.log", f"first\n{log_line(said)}")
    assert trace[:3] == (kind, "a.log", 2)
    assert said not in trace.shown and MARKS.kinds(trace.shown) == []
    assert "already" in trace.shown


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("number", NUMBERS)
def test_telephone_number_is_found_however_it_is_written(number: str, coding: str) -> None:
    said = CODINGS[coding](number)
    [trace] = MARKS.traces("a.log", log_line(said))
    assert trace.kind == "phone"
    assert MARKS.kinds(trace.shown) == []


def test_wamid_is_found_by_its_form_and_by_its_telephone_number() -> None:
    assert MARKS.kinds(log_line(WAMID)) == ["phone", "wamid"]
    assert MARKS.kinds(log_line(WAMID.removeprefix("wamid."))) == ["phone"]
    assert MARKS.kinds(log_line("wamid.HBgLMzE2MDAw")) == ["wamid"]
    assert MARKS.kinds(MARKS.redacted(log_line(WAMID))) == []


def test_several_kinds_in_one_line_are_all_reported() -> None:
    said = log_line(f"{MARKS['name']} {PHONE}")
    assert MARKS.kinds(said) == ["name", "phone"]
    assert [trace.kind for trace in MARKS.traces("a.log", said)] == ["name", "phone"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        '{"event":"batch.refused","partition":0,"where":"_decide:179 < until_it_answers:80"}',
        "postkamer_trip_seconds_sum 0.6864241234",
        "POST /graph/v26.0/106540352242922/messages",
        "019f1c2e-6864-7241-8123-31a686424123",
        "+31612345678 of somebody else",
        "hex 0686424a23, wamid of",
    ],
)
def test_line_without_personal_data_has_no_finding(line: str) -> None:
    assert MARKS.kinds(line) == []


def test_two_runs_have_no_marked_word_in_common() -> None:
    other = Marks(Random(8))
    assert set(other.words.values()).isdisjoint(MARKS.words.values())
    assert all(other.kinds(word) == [] for word in MARKS.words.values())
