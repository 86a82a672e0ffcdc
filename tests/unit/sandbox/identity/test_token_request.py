"""Requests for tokens, and the proof of the client."""

import base64

import pytest

from sandbox.identity.client import Client
from sandbox.identity.token_request import (
    UNKNOWN_CLIENT,
    CodeRequest,
    RefreshRequest,
    challenge_of,
    find_client_fault,
    parse_token_request,
)
from services.refusal import Refusal

CLIENT = Client("desk", "geheim: é%", "http://127.0.0.1:8070")
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def test_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert challenge_of(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 42 + "+", ""])
def test_verifier_has_the_form_of_the_standard(verifier: str) -> None:
    fields = {"grant_type": "authorization_code", "code": "c", "redirect_uri": "u"}
    assert parse_token_request(fields | {"code_verifier": VERIFIER}) == CodeRequest(
        "c", "u", VERIFIER
    )
    found = parse_token_request(fields | {"code_verifier": verifier})
    assert isinstance(found, Refusal) and found.code == "invalid_grant"


def test_refresh_needs_its_token() -> None:
    fields = {"grant_type": "refresh_token"}
    assert parse_token_request(fields) == Refusal(
        "invalid_request", "Missing parameter: refresh_token"
    )
    given = parse_token_request(fields | {"refresh_token": "r", "scope": "openid"})
    assert given == RefreshRequest("r", "openid")


def header(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("given", "is_client"),
    [
        (header("desk:geheim%3A+%C3%A9%25"), True),
        (header("desk:geheim%3a%20%c3%a9%25").replace("Basic", "basic"), True),
        (header("desk:geheim"), False),
        (header("desk"), False),
        (header("desk\0geheim: é%:"), False),
        ("Basic", False),
        ("Basic \xff", False),
        ("Bearer " + header("desk:geheim%3A+%C3%A9%25")[6:], False),
        ("", False),
    ],
)
def test_header_has_id_and_secret_encoded_as_in_a_form(given: str, is_client: bool) -> None:
    assert find_client_fault(given, {}, CLIENT) == (None if is_client else UNKNOWN_CLIENT)


def test_form_has_id_and_secret() -> None:
    fields = {"client_id": "desk", "client_secret": CLIENT.secret}
    assert find_client_fault(None, fields, CLIENT) is None
    assert find_client_fault(None, {}, CLIENT) == UNKNOWN_CLIENT
    assert find_client_fault(None, fields | {"client_id": ""}, CLIENT) == UNKNOWN_CLIENT
