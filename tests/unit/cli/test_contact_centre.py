"""`postkamer notice`, `number` and `care`: what is misused or not set, and what a person reads.

A test of these that connected to anything would fail.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.contact_centre import CommandOutcome, Notice, Number, build_body, format_number
from cli.support.gateway_client import FieldProblem
from tests.support.cli.command_line import postkamer

CONVERSATION = f"10000001-{'a2' * 13}"
SET = {"POSTKAMER_API_URL": "http://127.0.0.1:1", "POSTKAMER_API_TOKEN": "pk_secret"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"POSTKAMER_API_TOKEN": ""}, "POSTKAMER_API_TOKEN: is missing\n"),
        (
            {"POSTKAMER_API_TOKEN": "pk_a\nX: y"},
            "POSTKAMER_API_TOKEN: expected a token: printable ASCII without spaces\n",
        ),
        ({"POSTKAMER_API_URL": "ftp://x"}, "POSTKAMER_API_URL: String should match pattern"),
    ],
)
def test_a_setting_that_is_wrong_is_named(given: dict[str, str], said: str) -> None:
    done = postkamer("number", "list", env=SET | given)
    assert done.exit_code == 1
    assert done.stderr.startswith(said)


@pytest.mark.parametrize(
    "arguments",
    [
        ("notice", "set", "x"),
        ("notice", "set", "--until", "2026-12-01T17:00"),
        ("notice", "set", "x", "--until", "tomorrow"),
        ("number", "state", "shut"),
        ("number", "state"),
        ("care", "confirm"),
        ("care", "confirm", "x"),
        ("care", "confirm", f"{CONVERSATION}/../x"),
    ],
)
def test_a_misused_command_ends_with_2(
    arguments: tuple[str, ...],
) -> None:
    assert postkamer(*arguments, env=SET).exit_code == 2


@given(st.none() | st.text(), st.none() | st.text())
def test_only_what_was_given_is_said(author: str | None, text: str | None) -> None:
    body = build_body(author, text=text)
    assert body.get("text") == text
    assert ("author" in body) == (author is not None)
    assert None not in body.values()


def test_a_fault_is_told_with_where_it_is() -> None:
    assert str(FieldProblem("must be given", "/text")) == "/text: must be given"
    assert (
        str(FieldProblem("must be given", "", "Idempotency-Key"))
        == "Idempotency-Key: must be given"
    )


def test_a_notice_that_ends_in_summer_time_is_shown_so() -> None:
    ends = datetime(2026, 7, 1, 15, tzinfo=UTC)
    [_, told] = format_number(Number("1", "open", None, None, Notice("Druk.", ends)))
    assert told == "  notice until 2026-07-01 17:00: Druk."


@pytest.mark.parametrize(
    ("done", "line"),
    [
        (CommandOutcome(number="1", id="x", status="done"), "1: done"),
        (CommandOutcome(number="1", reason="no"), "1: refused: no"),
        (
            CommandOutcome(conversation="c", id="x", status="accepted"),
            "c: accepted: the router has not come to it yet",
        ),
    ],
)
def test_how_an_order_went_is_one_line(done: CommandOutcome, line: str) -> None:
    assert str(done) == line
