"""Requests to log somebody in, and the addresses with their answers."""

import pytest

from sandbox.identity.authorization import (
    AuthorizationRequest,
    answer_address,
    find_address_fault,
    parse_request,
    refusal_address,
)
from sandbox.identity.client import Client
from sandbox.identity.form import MAX_FIELDS, parse_form
from services.refusal import Refusal
from tests.support.sandbox_login import CALLBACK, DESK, answer_fields, login_fields

CLIENT = Client("desk", "secret", DESK)
ISSUER = "http://127.0.0.1:8090/identity"


def test_request_of_the_desk_is_read() -> None:
    fields = login_fields()
    assert find_address_fault(fields, CLIENT) is None
    read = AuthorizationRequest(CALLBACK, "openid profile", "n1", fields["code_challenge"])
    assert parse_request(fields) == read
    without = parse_request(login_fields(nonce=None, state=None))
    assert isinstance(without, AuthorizationRequest) and without.nonce == ""


@pytest.mark.parametrize(
    "challenge", ["a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+", "é" * 43]
)
def test_challenge_is_a_sha_256_in_base64url(challenge: str) -> None:
    found = parse_request(login_fields(code_challenge=challenge))
    assert found == Refusal("invalid_request", "Invalid parameter: code_challenge")


def test_answer_has_state_and_issuer_and_keeps_them_apart() -> None:
    fields = {"redirect_uri": CALLBACK, "state": "a&code=b c"}
    address = answer_address(fields, ISSUER, {"code": "x"})
    assert address.startswith(f"{CALLBACK}?")
    assert answer_fields(address) == {"state": "a&code=b c", "code": "x", "iss": ISSUER}
    refusal = refusal_address({"redirect_uri": CALLBACK}, ISSUER, Refusal("invalid_scope", "Why"))
    assert answer_fields(refusal) == {
        "error": "invalid_scope",
        "error_description": "Why",
        "iss": ISSUER,
    }


@pytest.mark.parametrize(
    ("address", "may"),
    [
        (DESK, True),
        (f"{DESK}/", True),
        (f"{DESK}/login?x=1", True),
        (f"{DESK}0/", False),
        (f"{DESK}@elsewhere.example/", False),
        (f"{DESK}?x", False),
        (f"{DESK}/\n", False),
        (f"{DESK}/é", False),
        ("", False),
    ],
)
def test_browser_returns_to_the_desk_only(address: str, may: bool) -> None:
    assert CLIENT.may_return_to(address) is may


def test_addresses_of_the_desk_follow_from_its_own() -> None:
    client = Client("desk", "secret", "https://desk.example/whatsapp")
    assert client.redirect_uri == "https://desk.example/whatsapp/login/callback"
    assert client.logout_uri == "https://desk.example/whatsapp/login/ended"
    assert client.origin == "https://desk.example"


@pytest.mark.parametrize("text", ["a=1&a=1", "a=%ff", "&".join(["a=1"] * (MAX_FIELDS + 1))])
def test_parameters_that_cannot_be_read_are_refused(text: str) -> None:
    found = parse_form(text)
    assert isinstance(found, Refusal) and found.code == "invalid_request"


def test_empty_parameter_counts_as_absent() -> None:
    assert parse_form("a=&b=1+2&c") == {"b": "1 2"}
    assert parse_form("") == {}
