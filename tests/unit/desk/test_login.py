"""Logging in: paths that lead nowhere else, PKCE, and tokens that prove nothing."""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from joserfc import jwt
from joserfc.jwk import RSAKey

from desk.login.attempt import (
    FIRST_PAGE,
    LIFETIME,
    Attempt,
    authorization_query,
    challenge_of,
    own_path,
)
from desk.login.id_token import (
    LOGOUT_EVENT,
    Expected,
    Identity,
    InvalidIdToken,
    usable_algorithms,
    verify_id_token,
    verify_logout_token,
)
from desk.login.provider import Metadata, ProviderUnavailable, parse_metadata
from desk.pages.login import LoginFailed, code_in

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
ISSUER = "https://login.almelo.example"
EXPECTED = Expected(ISSUER, "desk")
KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


@pytest.mark.parametrize(
    "path",
    ["/inbox", "/inbox?filter=mine&page=2", "/conversations/106540352242922-d3mq25a42s", "/"],
)
def test_own_page_is_returned_to(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/%2f/evil.example",
        "/inbox\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "/./" + "a" * 400,
        "/inbox?to=https://evil.example",
    ],
)
def test_other_places_are_not(path: str) -> None:
    assert own_path(path) == FIRST_PAGE


def test_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_query_has_no_secret() -> None:
    attempt = Attempt("s", "n", "the-verifier", NOW)
    query = authorization_query(
        attempt, client_id="desk", redirect_uri="http://desk/login/callback", scope="openid"
    )
    assert "the-verifier" not in query
    assert parse_qs(query)["code_challenge_method"] == ["S256"]


def test_attempt_ends() -> None:
    attempt = Attempt("s", "n", "v", NOW)
    assert attempt.is_current(NOW + LIFETIME)
    assert not attempt.is_current(NOW + LIFETIME + timedelta(seconds=1))
    assert not attempt.is_current(NOW - timedelta(seconds=1))


def token(key: RSAKey = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(NOW.timestamp())
    given = {
        "iss": ISSUER,
        "aud": "desk",
        "sub": "8f2c",
        "sid": "s1",
        "nonce": "n",
        "iat": now,
        "exp": now + 300,
    } | claims
    body = {name: value for name, value in given.items() if value is not None}
    algorithm = (header or {}).get("alg", "RS256")
    return jwt.encode({"alg": "RS256", "kid": "first"} | (header or {}), body, key, [algorithm])


def test_id_token_names_the_employee() -> None:
    assert verify_id_token(token(), KEY, EXPECTED, "n", NOW) == Identity("8f2c", "s1")
    shared = token(aud=["desk", "other"], azp="desk")
    assert verify_id_token(shared, KEY, EXPECTED, "n", NOW).subject == "8f2c"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": ["desk", "other"]},
        {"azp": "other"},
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"exp": int(NOW.timestamp()) - 31},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 3},
        {"sid": 3},
    ],
)
def test_id_token_that_proves_nothing_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidIdToken):
        verify_id_token(token(**claims), KEY, EXPECTED, "n", NOW)


def test_id_token_under_another_key_is_refused() -> None:
    with pytest.raises(InvalidIdToken):
        verify_id_token(token(OTHER), KEY, EXPECTED, "n", NOW)


def test_id_token_with_another_signature_than_the_providers_is_refused() -> None:
    with pytest.raises(InvalidIdToken):
        verify_id_token(token(header={"alg": "PS256"}), KEY, EXPECTED, "n", NOW)
    assert usable_algorithms(["none", "HS256"]) == ("RS256",)
    assert usable_algorithms(["ES256", "RS256", "HS256"]) == ("RS256", "ES256")


def unsigned(algorithm: str, secret: bytes = b"") -> str:
    """A token that says that it needs no key, or that its key is one that everybody has."""
    _, claims, _ = token().split(".")
    stated = msgspec.json.encode({"alg": algorithm, "kid": "first"})
    content = f"{urlsafe_b64encode(stated).decode().rstrip('=')}.{claims}"
    digest = hmac.digest(secret, content.encode(), "sha256") if secret else b""
    return f"{content}.{urlsafe_b64encode(digest).decode().rstrip('=')}"


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", ""])
def test_token_without_a_signature_is_refused(algorithm: str) -> None:
    with pytest.raises(InvalidIdToken):
        verify_id_token(unsigned(algorithm), KEY, EXPECTED, "n", NOW)


def test_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    for secret in (KEY.as_pem(private=False), msgspec.json.encode(KEY.as_dict(private=False))):
        with pytest.raises(InvalidIdToken):
            verify_id_token(unsigned("HS256", secret), KEY, EXPECTED, "n", NOW)


METADATA_ISS = Metadata(
    ISSUER,
    ISSUER + "/auth",
    ISSUER + "/token",
    ISSUER + "/keys",
    authorization_response_iss_parameter_supported=True,
)
ATTEMPT = Attempt("state", "n", "v", NOW)


def came_back(**query: str) -> str:
    request = make_mocked_request("GET", f"/login/callback?{urlencode(query)}")
    return code_in(request, ATTEMPT, METADATA_ISS)


def test_browser_comes_back_with_the_code_of_its_attempt() -> None:
    assert came_back(state="state", iss=ISSUER, code="c") == "c"


@pytest.mark.parametrize(
    "query",
    [
        {"iss": ISSUER, "code": "c"},
        {"state": "of another attempt", "iss": ISSUER, "code": "c"},
        {"state": "", "iss": ISSUER, "code": "c"},
        {"state": "state", "iss": "https://other.example", "code": "c"},
        {"state": "state", "iss": ISSUER + "/", "code": "c"},
        {"state": "state", "code": "c"},
        {"state": "state", "iss": ISSUER},
        {"state": "state", "iss": ISSUER, "code": ""},
        {"state": "state", "iss": ISSUER, "code": "c" * 5000},
        {"state": "state", "iss": ISSUER, "code": "c", "error": "access_denied"},
    ],
)
def test_answer_of_another_attempt_or_provider_is_refused(query: dict[str, str]) -> None:
    """RFC 9207: a code of one provider is never given to another."""
    with pytest.raises(LoginFailed):
        came_back(**query)


def logout(**claims: Any) -> str:
    events = {LOGOUT_EVENT: {}}
    return token(**{"events": events, "nonce": None, "exp": None, "jti": "1"} | claims)


def test_logout_token_names_whose_sessions_end() -> None:
    assert verify_logout_token(logout(), KEY, EXPECTED, NOW) == Identity("8f2c", "s1")
    assert verify_logout_token(logout(sub=None), KEY, EXPECTED, NOW) == Identity("", "s1")


@pytest.mark.parametrize(
    "claims",
    [
        {"events": None},
        {"events": {"other": {}}},
        {"events": {LOGOUT_EVENT: 1}},
        {"nonce": "n"},
        {"sub": None, "sid": None},
        {"aud": "other"},
        {"iat": int(NOW.timestamp()) - 301},
    ],
)
def test_logout_token_that_is_none_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidIdToken):
        verify_logout_token(logout(**claims), KEY, EXPECTED, NOW)


METADATA = b"""{"issuer": "https://login.almelo.example",
"authorization_endpoint": "https://login.almelo.example/auth",
"token_endpoint": "https://login.almelo.example/token",
"jwks_uri": "https://login.almelo.example/keys"}"""


def test_provider_is_the_one_that_was_asked() -> None:
    assert parse_metadata(METADATA, ISSUER).token_endpoint == ISSUER + "/token"
    with pytest.raises(ProviderUnavailable):
        parse_metadata(METADATA, "https://other.example")


def test_provider_without_tls_is_none() -> None:
    with pytest.raises(ProviderUnavailable):
        parse_metadata(
            METADATA.replace(b"https://login.almelo.example/token", b"http://x/"), ISSUER
        )


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff"])
def test_answer_that_is_no_configuration_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderUnavailable):
        parse_metadata(body, ISSUER)
