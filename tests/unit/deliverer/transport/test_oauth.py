"""How a token is asked for, what an answer gives, and how long it is used."""

import base64
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.crm.response_policy import judge
from deliverer.transport.oauth import (
    DEFAULT_SECONDS,
    MAX_SECONDS,
    MIN_SECONDS,
    Token,
    authorization,
    read_token,
    token_request,
    usable_seconds,
)
from deliverer.transport.response import Response
from services.config.organisation import OAuth

SECRET = "a secret: with/odd+signs&é"
GIVEN: dict[str, Any] = {
    "token_url": "https://id.example/token",
    "client_id": "postkamer:almelo",
    "client_secret": "env:CRM_OAUTH",
}


def asked(**more: str) -> tuple[dict[str, list[str]], str]:
    body, headers = token_request(OAuth.model_validate(GIVEN | more), SECRET)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    return parse_qs(body.decode(), strict_parsing=True), headers.get("Authorization", "")


def test_a_client_shows_its_secret_in_a_header_each_part_as_in_a_form() -> None:
    form, header = asked()
    assert form == {"grant_type": ["client_credentials"]}
    pair = base64.b64decode(header.removeprefix("Basic ")).decode()
    assert pair == "postkamer%3Aalmelo:a+secret%3A+with%2Fodd%2Bsigns%26%C3%A9"


def test_token_request_puts_the_secret_in_the_form_when_asked() -> None:
    form, header = asked(client_auth="post", scope="read  write", audience="https://crm.example")
    assert header == ""
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["postkamer:almelo"],
        "client_secret": [SECRET],
        "scope": ["read  write"],
        "audience": ["https://crm.example"],
    }


def test_token_request_uses_the_certificate_alone_when_asked() -> None:
    tls = OAuth(token_url="https://id.example/token", client_id="postkamer", client_auth="tls")
    body, headers = token_request(tls, "")
    assert parse_qs(body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["postkamer"],
    }
    assert "Authorization" not in headers


def answered(body: Any, status: int = 200) -> Response:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Response(status=status, body=raw, retry_after=7.0)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("kind", [{"token_type": "Bearer"}, {"token_type": "bearer"}, {}])
def test_an_answer_gives_a_token(status: int, kind: dict[str, str]) -> None:
    got = read_token(
        answered({"access_token": "abc.~+/=", "expires_in": 600, "more": [1]} | kind, status)
    )
    assert got == Token("abc.~+/=", 570.0)
    assert authorization(got) == {"Authorization": "Bearer abc.~+/="}


NONSENSE: list[Any] = [
    b"",
    b"<html>",
    b"[" * 8192,
    b'{"x":' * 1000,
    b'{"access_token":"\xff"}',
    b'{"access_token":"' + b"x" * 9000,
    [],
    "token",
    {},
    {"access_token": ""},
    {"access_token": None},
    {"access_token": 7},
    {"access_token": "two words"},
    {"access_token": "a\r\nX-More: b"},
    {"access_token": "é"},
    {"access_token": "abc", "token_type": "mac"},
    {"access_token": "abc", "token_type": None},
]


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_an_answer_without_a_token_says_so_and_calls_for_a_person(body: Any) -> None:
    got = read_token(answered(body))
    assert isinstance(got, Response)
    verdict = judge(got)
    assert (verdict.outcome, verdict.alarm, verdict.may_be_message) == ("paused", True, False)
    assert verdict.reason == "the token endpoint's answer holds no bearer token"
    assert got.body == b""


@pytest.mark.parametrize(
    ("status", "body", "reason", "alarm"),
    [
        (400, {"error": "invalid_client"}, "refused us: 400 invalid_client", True),
        (401, {"error": "invalid_client"}, "refused us: 401 invalid_client", True),
        (403, b"no", "refused us: 403", True),
        (400, {"error": "Sanne", "error_description": "Sanne"}, "refused us: 400", True),
        (404, b"", "refused us: 404", True),
        (302, b"", "refused us: 302", True),
        (409, b"", "refused us: 409", True),
        (429, b"", "answered: 429", False),
        (503, {"error": "temporarily_unavailable"}, "answered: 503 temporarily_unavailable", False),
        (500, b"[" * 8192, "answered: 500", False),
    ],
)
def test_a_refusal_is_told_from_being_away_and_parks_nothing(
    status: int, body: Any, reason: str, alarm: bool
) -> None:
    got = read_token(answered(body, status))
    assert isinstance(got, Response)
    verdict = judge(got)
    assert (verdict.outcome, verdict.alarm, verdict.may_be_message) == ("paused", alarm, False)
    assert verdict.reason == f"the token endpoint {reason}"
    assert got.retry_after == 7.0


@pytest.mark.parametrize(
    ("failure", "alarm"),
    [("refused", False), ("timeout", False), ("reset", False), ("name", True), ("tls", True)],
)
def test_missing_token_response_names_the_token_endpoint(failure: Any, alarm: bool) -> None:
    got = read_token(Response(failure=failure))
    assert isinstance(got, Response)
    verdict = judge(got)
    assert (verdict.outcome, verdict.alarm, verdict.may_be_message) == ("paused", alarm, False)
    assert verdict.reason == f"the token endpoint gave no answer: {failure}"
    inside = read_token(Response(failure="inside", request_sent=False))
    assert isinstance(inside, Response)
    assert judge(inside).reason.startswith("the token endpoint's address is private")


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (600, 570.0),
        (60, 54.0),
        ("600", 570.0),
        (599.5, 569.5),
        (3600, 3570.0),
        (31_536_000, MAX_SECONDS - 30),
        (10**400, MAX_SECONDS - 30),
        ("9" * 18, MAX_SECONDS - 30),
        (None, DEFAULT_SECONDS - 30),
        (True, DEFAULT_SECONDS - 30),
        ("soon", DEFAULT_SECONDS - 30),
        ("9" * 5000, DEFAULT_SECONDS - 30),
        ([], DEFAULT_SECONDS - 30),
        (0, MIN_SECONDS),
        (-5, MIN_SECONDS),
        (1, MIN_SECONDS),
    ],
)
def test_a_token_is_used_until_shortly_before_its_end_within_bounds(
    expires_in: Any, seconds: float
) -> None:
    assert usable_seconds(expires_in) == seconds


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(ANYTHING)
def test_token_lifetime_is_bounded(expires_in: Any) -> None:
    assert MIN_SECONDS <= usable_seconds(expires_in) <= MAX_SECONDS


@given(
    st.binary(max_size=50)
    | st.dictionaries(
        st.sampled_from(["access_token", "token_type", "expires_in", "error"]), ANYTHING
    ),
    st.integers(200, 599),
)
def test_any_token_response_gives_a_token_or_a_pause(body: Any, status: int) -> None:
    got = read_token(answered(body, status))
    if isinstance(got, Response):
        assert judge(got).outcome == "paused"
        assert judge(got).may_be_message is False
    else:
        assert got.value.isascii() and got.value.isprintable() and " " not in got.value
