"""`postkamer notice`, `number` and `care`: misuse, settings, and lines for a person.

A command that connected to anything would fail here.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.contact_centre import WORDS, Notice, Number, format_number
from cli.support.api_command import CommandOutcome, build_body, format_outcome, load_gateway
from cli.support.gateway_client import FieldProblem
from tests.support.cli.command_line import postkamer

CONVERSATION = f"10000001-{'a2' * 13}"
SETTINGS = {"POSTKAMER_GATEWAY_URL": "http://127.0.0.1:1", "POSTKAMER_API_TOKEN": "pk_secret"}
BESIDE_RUN = "beside `make run`, this sets them: set -a; . .local/environment; set +a"
NO_TOKEN = "POSTKAMER_API_TOKEN: expected a token: printable ASCII without spaces\n"


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("POSTKAMER_API_TOKEN", "", f"POSTKAMER_API_TOKEN: is missing\n{BESIDE_RUN}\n"),
        ("POSTKAMER_GATEWAY_URL", "", f"POSTKAMER_GATEWAY_URL: is missing\n{BESIDE_RUN}\n"),
        ("POSTKAMER_API_TOKEN", "pk_a\nX: y", NO_TOKEN),
        ("POSTKAMER_GATEWAY_URL", "ftp://x", "POSTKAMER_GATEWAY_URL: String should match pattern"),
    ],
)
def test_wrong_setting_is_named(name: str, value: str, fault: str) -> None:
    done = postkamer("number", "list", env=SETTINGS | {name: value})
    assert done.exit_code == 1
    assert done.stderr.startswith(fault)


def test_first_name_of_the_address_still_works_beside_the_new_one() -> None:
    older = {"POSTKAMER_API_URL": "https://a/", "POSTKAMER_API_TOKEN": "pk_secret"}
    assert load_gateway(older).url == "https://a"
    assert load_gateway(older | {"POSTKAMER_GATEWAY_URL": "https://b"}).url == "https://b"


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
def test_misused_command_has_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert postkamer(*arguments, env=SETTINGS).exit_code == 2


@given(st.none() | st.text(), st.none() | st.text())
def test_body_has_only_given_members(by: str | None, text: str | None) -> None:
    body = build_body(by, text=text)
    assert body.get("text") == text
    assert ("author" in body) == (by is not None)
    assert None not in body.values()


def test_number_is_shown_with_the_end_of_its_notice_in_summer_time() -> None:
    end = datetime(2026, 7, 1, 15, tzinfo=UTC)
    number = Number("1", "open", None, None, Notice("Druk.", end))
    meanings = {
        "nl": "stand open: werkt zoals anders, binnen de openingstijden van de afdelingen",
        "en": "state open: works as usual, within the opening hours of its departments",
    }
    for lang, notice in (("nl", "mededeling tot"), ("en", "notice until")):
        lines = [f"1: {meanings[lang]}", f"  {notice} 2026-07-01 17:00: Druk."]
        assert [*format_number(number, WORDS[lang])] == lines


WAITS = "c: accepted: the router has not come to it yet"


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (CommandOutcome(number="1", id="x", status="done"), "1: done"),
        (CommandOutcome(number="1", status="refused", reason="no"), "1: refused: no"),
        (CommandOutcome(conversation="c", id="x", status="accepted"), WAITS),
    ],
)
def test_outcome_is_one_line(result: CommandOutcome, line: str) -> None:
    assert format_outcome(result, "en") == line


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (FieldProblem("must be given", "/text"), "/text: must be given"),
        (FieldProblem("must be given", "", "Idempotency-Key"), "Idempotency-Key: must be given"),
    ],
)
def test_problem_is_one_line(problem: FieldProblem, line: str) -> None:
    assert str(problem) == line
