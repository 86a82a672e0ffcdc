"""`postkamer token`: faults that are found before anything is stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cli.tokens import TokenRequest, environment_names, make_token, request_faults
from services.config import loader
from tests.support.cli.command_line import postkamer
from tests.support.installation import EXAMPLE

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
TOWN = loader.load(EXAMPLE).config
GOOD = TokenRequest(name="desk", tenant="almelo", roles=["read"], departments=["burgerzaken"])
ADD = ("add", "desk", "--tenant", "almelo", "--role", "read", "--department", "burgerzaken")


def token(*arguments: str, path: Path | None = EXAMPLE, **env: str) -> Result:
    env = {"POSTKAMER_CONFIG": str(path or ""), "POSTKAMER_DATABASE_URL": ""} | env
    return postkamer("token", *arguments, env=env)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"expires_at": NOW + timedelta(1)}, None),
        ({"departments": (), "all_departments": True}, None),
        ({"all_departments": True, "confidential": True}, None),
        ({"departments": ()}, "--department or --all-departments: one is needed; almelo has "),
        ({"confidential": True}, "--confidential: goes with --all-departments"),
        ({"name": "Desk"}, "'Desk' is no name"),
        ({"name": ""}, "'' is no name"),
        ({"name": "a" * 64}, f"'{'a' * 64}' is no name"),
        ({"name": "desk\n"}, "'desk\\n' is no name"),
        ({"tenant": "borne"}, "--tenant: there is no 'borne'; there is almelo"),
        ({"departments": ["jeugd"]}, "--department: almelo has no 'jeugd'; it has "),
        ({"expires_at": NOW}, "--until: that is not in the future"),
        ({"destinations": ["x"]}, "--destination: there is no 'x'; there is crm"),
        ({"destinations": ["crm"]}, "--destination: events of klantcontact, openbare-ruimte, bel"),
        ({"destinations": ["crm"], "departments": [], "all_departments": True}, None),
    ],
)
def test_fault_of_a_request_says_what_is_possible(change: dict[str, Any], fault: str) -> None:
    faults = request_faults(replace(GOOD, **change), TOWN, NOW)
    assert len(faults) == (fault is not None)
    assert all(each.startswith(fault) for each in faults)


def test_destination_of_another_municipality_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "postkamer.toml"
    path.write_text(EXAMPLE.read_text() + '[[tenants]]\nid = "hengelo"\nname = "Hengelo"\n')
    request = replace(GOOD, tenant="hengelo", departments=(), all_departments=True)
    for id in ("crm", "absent"):
        faults = request_faults(replace(request, destinations=[id]), loader.load(path).config, NOW)
        assert faults == [f"--destination: there is no {id!r}; there is none"]


@pytest.mark.parametrize(
    ("tokens", "names"),
    [
        (None, set()),
        ("", set()),
        ("desk", set()),
        ("desk:a,kcc@almelo:b", {"desk", "kcc"}),
        ("desk/*:a,kcc@almelo/balie+jeugd:b", {"desk", "kcc"}),
    ],
)
def test_names_of_tokens_in_the_environment(tokens: str | None, names: set[str]) -> None:
    environ = {} if tokens is None else {"POSTKAMER_API_TOKENS": tokens}
    assert environment_names(environ) == names


def test_name_of_a_token_in_the_environment_is_refused() -> None:
    done = token(*ADD, POSTKAMER_API_TOKENS="desk@almelo:secret")
    fault = "desk is a token's name in the environment: this token would not work\n"
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", fault)


def test_faults_of_a_request_are_reported_at_once() -> None:
    done = token("add", "Desk", *ADD[2:], "--department", "x")
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "desk", "--tenant", "almelo"),
        ("add", "desk", "--tenant", "almelo", "--role", "read"),
        (*ADD, "--confidential"),
        ("narrow", "desk"),
        ("narrow", "desk", "--department", "burgerzaken", "--confidential"),
        ("add", "desk", "--role", "read"),
        ("add", "desk", "--tenant", "almelo", "--role", "mayor"),
        (*ADD, "--until", "tomorrow"),
        (*ADD, "--per-second", "0"),
        (*ADD, "--burst", "10001"),
        ("revoke",),
    ],
)
def test_misused_command_has_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert token(*arguments).exit_code == 2


def test_missing_setting_is_named() -> None:
    done = token(*ADD, path=None)
    assert (done.exit_code, done.stderr) == (2, "POSTKAMER_CONFIG: is missing\n")
    for arguments in (ADD, ("list",)):
        done = token(*arguments)
        assert (done.exit_code, done.stderr) == (1, "POSTKAMER_DATABASE_URL: is missing\n")


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_token_has_a_known_form_and_is_unique(one: bytes, other: bytes) -> None:
    token = make_token(one)
    assert len(token) == 46 and token.startswith("pk_")
    assert token.removeprefix("pk_").replace("-", "").replace("_", "").isalnum()
    assert (token == make_token(other)) == (one == other)
