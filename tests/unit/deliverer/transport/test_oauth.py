"""The client asks for a token, reads the answer and uses the token for its time."""

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
GIVEN = {"token_url": "https://id.example/token", "client_id": "postkamer:almelo"}


def build_request(secret: str = SECRET, **more: str) -> tuple[dict[str, list[str]], str]:
    given = GIVEN | more | ({"client_secret": "env:CRM_OAUTH"} if secret else {})
    body, headers = token_request(OAuth.model_validate(given), secret)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    return parse_qs(body.decode(), strict_parsing=True), headers.get("Authorization", "")


def test_token_request_has_id_and_secret_form_encoded_in_a_header() -> None:
    form, header = build_request()
    assert form == {"grant_type": ["client_credentials"]}
    pair = base64.b64decode(header.removeprefix("Basic ")).decode()
    assert pair == "postkamer%3Aalmelo:a+secret%3A+with%2Fodd%2Bsigns%26%C3%A9"


def test_token_request_puts_the_secret_in_the_form_when_asked() -> None:
    form, header = build_request(
        client_auth="post", scope="read  write", audience="https://crm.example"
    )
    assert header == ""
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["postkamer:almelo"],
        "client_secret": [SECRET],
        "scope": ["read  write"],
        "audience": ["https://crm.example"],
    }


def test_token_request_uses_the_certificate_alone_when_asked() -> None:
    form, header = build_request("", client_auth="tls")
    assert header == ""
    assert form == {"grant_type": ["client_credentials"], "client_id": ["postkamer:almelo"]}


def build_response(body: Any, status: int = 200) -> Response:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Response(status=status, body=raw, retry_after=7.0)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("kind", [{"token_type": "Bearer"}, {"token_type": "bearer"}, {}])
def test_token_is_read_from_an_answer(status: int, kind: dict[str, str]) -> None:
    got = read_token(
        build_response({"access_token": "abc.~+/=", "expires_in": 600, "more": [1]} | kind, status)
    )
    assert got == Token("abc.~+/=", 570.0)
    assert authorization(got) == {"Authorization": "Bearer abc.~+/="}


NONSENSE: list[Any] = [
    *(b"", b"<html>", b"[" * 8192, b'{"x":' * 1000),
    *(b'{"access_token":"\xff"}', b'{"access_token":"' + b"x" * 9000),
    *([], "token", {}),
    *({"access_token": token} for token in ("", None, 7, "two words", "a\r\nX-More: b", "é")),
    *({"access_token": "abc", "token_type": kind} for kind in ("mac", None)),
]


def assert_paused(got: Token | Response, reason: str, *, alarm: bool) -> Response:
    assert isinstance(got, Response)
    verdict = judge(got)
    assert (verdict.outcome, verdict.alarm, verdict.may_be_message) == ("paused", alarm, False)
    assert verdict.reason == f"the token endpoint{reason}"
    return got


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_answer_without_a_token_pauses_with_an_alarm(body: Any) -> None:
    got = assert_paused(
        read_token(build_response(body)), "'s answer holds no bearer token", alarm=True
    )
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
def test_token_endpoint_that_refuses_alarms_and_one_that_is_away_does_not(
    status: int, body: Any, reason: str, alarm: bool
) -> None:
    got = assert_paused(read_token(build_response(body, status)), f" {reason}", alarm=alarm)
    assert got.retry_after == 7.0


@pytest.mark.parametrize(
    ("failure", "alarm"),
    [("refused", False), ("timeout", False), ("reset", False), ("name", True), ("tls", True)],
)
def test_missing_token_response_names_the_token_endpoint(failure: Any, alarm: bool) -> None:
    got = read_token(Response(failure=failure))
    assert_paused(got, f" gave no answer: {failure}", alarm=alarm)


def test_token_endpoint_at_a_private_address_is_named() -> None:
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
def test_token_is_used_until_shortly_before_its_end_within_bounds(
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
    got = read_token(build_response(body, status))
    if isinstance(got, Response):
        assert (judge(got).outcome, judge(got).may_be_message) == ("paused", False)
    else:
        assert got.value.isascii() and got.value.isprintable() and " " not in got.value
