"""`postkamer token`: what is refused before anything is written, and in which words."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cli.main import main
from cli.tokens import TokenRequest, environment_names, make_token, request_faults
from services.config import loader
from tests.support.installation import EXAMPLE

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
TOWN = loader.load(EXAMPLE).config
GOOD = TokenRequest(name="desk", tenant="almelo", roles=["read"], departments=["burgerzaken"])


def token(*arguments: str, path: Path | None = EXAMPLE) -> Result:
    env = {"POSTKAMER_CONFIG": str(path or ""), "POSTKAMER_DATABASE_URL": ""}
    return CliRunner().invoke(main, ["token", *arguments], env=env)


def test_what_is_good_has_no_faults() -> None:
    assert request_faults(GOOD, TOWN, NOW) == []
    assert (
        request_faults(replace(GOOD, departments=(), expires_at=NOW + timedelta(1)), TOWN, NOW)
        == []
    )


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        ({"name": "Desk"}, "'Desk' is no name"),
        ({"name": ""}, "'' is no name"),
        ({"name": "a" * 64}, f"'{'a' * 64}' is no name"),
        ({"name": "desk\n"}, "'desk\\n' is no name"),
        ({"tenant": "borne"}, "--tenant: there is no 'borne'; there is almelo"),
        ({"departments": ["jeugd"]}, "--department: almelo has no 'jeugd'; it has "),
        ({"expires_at": NOW}, "--expires: that is not in the future"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(
    change: dict[str, object], begins: str
) -> None:
    (fault,) = request_faults(replace(GOOD, **change), TOWN, NOW)
    assert fault.startswith(begins)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, set()),
        ({"POSTKAMER_API_TOKENS": ""}, set()),
        ({"POSTKAMER_API_TOKENS": "desk"}, set()),
        ({"POSTKAMER_API_TOKENS": "desk:a,kcc@almelo:b"}, {"desk", "kcc"}),
    ],
)
def test_names_of_the_environment_are_known_where_it_has_them(
    given: dict[str, str], names: set[str]
) -> None:
    assert environment_names(given) == names


def test_a_name_of_the_environment_is_refused_as_its_token_could_never_work() -> None:
    env = {"POSTKAMER_CONFIG": str(EXAMPLE), "POSTKAMER_API_TOKENS": "desk@almelo:secret"}
    good = ("add", "desk", "--tenant", "almelo", "--role", "read")
    done = CliRunner().invoke(main, ["token", *good], env=env)
    said = "desk is a name in POSTKAMER_API_TOKENS: this token would not work\n"
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", said)


def test_every_fault_is_told_at_once_and_nothing_is_written() -> None:
    done = token("add", "Desk", "--tenant", "almelo", "--role", "read", "--department", "x")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "desk", "--tenant", "almelo"),
        ("add", "desk", "--role", "read"),
        ("add", "desk", "--tenant", "almelo", "--role", "mayor"),
        ("add", "desk", "--tenant", "almelo", "--role", "read", "--expires", "tomorrow"),
        ("add", "desk", "--tenant", "almelo", "--role", "read", "--expires", "2099-01-01"),
        ("add", "desk", "--tenant", "almelo", "--role", "read", "--per-second", "0"),
        ("add", "desk", "--tenant", "almelo", "--role", "read", "--burst", "10001"),
        ("revoke",),
    ],
)
def test_a_misused_command_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert token(*arguments).exit_code == 2


def test_without_a_configuration_or_a_database_it_says_which_setting_is_missing() -> None:
    good = ("add", "desk", "--tenant", "almelo", "--role", "read")
    done = token(*good, path=None)
    assert (done.exit_code, done.stderr) == (2, "POSTKAMER_CONFIG: is missing\n")
    done = token(*good)
    assert (done.exit_code, done.stderr) == (1, "POSTKAMER_DATABASE_URL: is missing\n")
    assert token("list").exit_code == 1


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_token_is_known_by_its_form_and_no_two_are_the_same(one: bytes, other: bytes) -> None:
    assert len(make_token(one)) == 46
    assert make_token(one).startswith("pk_")
    assert make_token(one).removeprefix("pk_").replace("-", "").replace("_", "").isalnum()
    assert (make_token(one) == make_token(other)) == (one == other)
