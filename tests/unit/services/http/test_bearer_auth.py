import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.http.bearer_auth import parse_bearer


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer sandbox-api-token", "sandbox-api-token"),
        ("bearer sandbox-api-token", "sandbox-api-token"),
        ("BEARER   sandbox-api-token ", "sandbox-api-token"),
        ("Bearer één", "één"),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("sandbox-api-token", None),
        ("Basic sandbox-api-token", None),
        ("Bearer two words", "two words"),
    ],
)
def test_token_is_parsed_after_the_word_bearer(header: str, token: str | None) -> None:
    assert parse_bearer(header) == token


@given(st.text())
def test_any_authorization_header_can_be_parsed(header: str) -> None:
    token = parse_bearer(header)
    assert token is None or token in header
