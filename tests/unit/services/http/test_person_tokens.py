"""Tokens of persons: their rights, and everything that is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.http.access_tokens import MAX_CHARACTERS, MAX_LIFETIME_SECONDS
from services.http.key_sets import KeySet, KeysUnavailable
from services.http.person_tokens import PersonTokens
from services.http.rights import Rights
from services.roles import Role
from tests.support.identity_provider import ID, PERSON, Provider, key_for, town

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
GRANTS = (
    {"value": "balie", "roles": ("send", "read")},
    {"value": "kcc", "roles": ("kcc",)},
    {"value": "burgerzaken", "departments": ("burgerzaken",)},
    {"value": "zorg", "departments": ("zorg",)},
    {"value": "alles", "all_departments": True},
    {"value": "alles-ook-zorg", "all_departments": True, "confidential": True},
    {"value": "beheer", "destinations": ("crm",)},
    {"value": "ook-beheer", "destinations": ("mail",)},
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Provider:
    return Provider("https://idp.example", tmp_path_factory.mktemp("idp"))


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider("https://idp.example", tmp_path)


async def found(provider: Provider, token: str, **given: Any) -> Rights | None:
    """The rights of a token, with the provider's keys from a file."""
    config = town(provider.settings(keys_url="", keys_file=provider.write_keys(), **given), GRANTS)
    return await PersonTokens(config).find(token, NOW)


@pytest.mark.parametrize(
    ("values", "roles", "departments"),
    [
        ((), (), set()),
        (("balie",), ("send", "read"), set()),
        (("burgerzaken",), (), {"burgerzaken"}),
        (("balie", "kcc", "burgerzaken", "zorg"), ("send", "read", "kcc"), {"burgerzaken", "zorg"}),
        (("alles",), (), {"burgerzaken", "belastingen"}),
        (("alles", "zorg"), (), {"burgerzaken", "belastingen", "zorg"}),
        (("alles-ook-zorg",), (), None),
        (("onbekend", "Balie"), (), set()),
    ],
)
async def test_person_has_the_roles_and_the_departments_of_all_their_groups(
    shared: Provider, values: tuple[str, ...], roles: tuple[Role, ...], departments: set[str] | None
) -> None:
    rights = await found(shared, shared.token(at=NOW, roles=list(values)))
    assert rights and rights.person == PERSON and rights.people and not rights.test
    assert (rights.tenant, rights.roles) == ("almelo", frozenset(roles))
    assert rights.departments == departments


async def test_person_owns_the_destinations_of_all_their_groups(shared: Provider) -> None:
    token = shared.token(at=NOW, roles=["beheer", "ook-beheer", "balie"])
    rights = await found(shared, token)
    assert rights and rights.destinations == {"crm", "mail"}
    others = await found(shared, shared.token(at=NOW, roles=["balie"]))
    assert others and others.destinations == frozenset()


async def test_groups_are_found_within_a_claim_and_in_the_words_of_a_text(shared: Provider) -> None:
    nested = shared.token(at=NOW, realm_access={"roles": ["kcc"]}, name="Sanne Jansen")
    given = {"groups_claim": ["realm_access", "roles"], "person_claim": "name"}
    rights = await found(shared, nested, **given)
    assert rights and (rights.roles, rights.person) == ({"kcc"}, "Sanne Jansen")
    words = await found(shared, shared.token(at=NOW, scope="openid kcc"), groups_claim="scope")
    assert words and words.roles == {"kcc"}
    assert await found(shared, shared.token(at=NOW, realm_access="kcc"), **given) is None


async def test_token_is_called_by_its_person_without_naming_them(shared: Provider) -> None:
    tokens = [shared.token(at=NOW), shared.token(at=NOW), shared.token(at=NOW, sub="another")]
    names = [rights.name for token in tokens if (rights := await found(shared, token))]
    assert len(names) == 3 and len(set(names)) == 2
    assert all(name.startswith(f"{ID}:") and PERSON not in name for name in names)


def at(seconds: float) -> int:
    return int((NOW + timedelta(seconds=seconds)).timestamp())


CLAIMS: dict[str, dict[str, Any]] = {
    "for another audience": {"aud": "another"},
    "for no audience": {"aud": None},
    "for a wrong kind of audience": {"aud": {"postkamer": 1}},
    "of another issuer": {"iss": "https://elsewhere.example"},
    "of no issuer": {"iss": None},
    "of an issuer that is longer": {"iss": "http://127.0.0.1/realms/almelo/more"},
    "expired": {"exp": at(-31)},
    "without an end": {"exp": None},
    "with an end that is no number": {"exp": "2099-01-01"},
    "with an end that is true": {"exp": True},
    "valid for longer than a day": {"exp": at(MAX_LIFETIME_SECONDS + 1)},
    "not valid yet": {"nbf": at(31)},
    "issued in the future": {"iat": at(31)},
    "without the time of issue": {"iat": None},
    "without a subject": {"sub": None},
    "with a subject that is no text": {"sub": 7},
    "without a name": {"preferred_username": None},
    "with an empty name": {"preferred_username": " "},
    "with a name of two lines": {"preferred_username": "a\nb"},
    "with a name that is too long": {"preferred_username": "a" * 101},
    "with a name that is no text": {"preferred_username": ["a"]},
    "with an infinite end": {"exp": float("inf")},
    "with an end that is not a number": {"exp": float("nan")},
    "over the largest size": {"more": "x" * MAX_CHARACTERS},
}
HEADERS: dict[str, dict[str, Any]] = {
    "an ID token": {"typ": "JWT"},
    "of no type": {"typ": None},
    "without a key": {"kid": None},
    "with an unknown key": {"kid": "never-made"},
    "with an algorithm that is not pinned": {"alg": "RS512"},
    "with an extension that is not known": {"crit": ["more"], "more": 1},
}


@pytest.mark.parametrize("fault", CLAIMS)
async def test_token_is_refused_for_a_claim(shared: Provider, fault: str) -> None:
    assert await found(shared, shared.token(at=NOW, **CLAIMS[fault])) is None


@pytest.mark.parametrize("fault", HEADERS)
async def test_token_is_refused_for_its_header(shared: Provider, fault: str) -> None:
    if "crit" in HEADERS[fault]:  # joserfc signs none with it
        token = altered_header(shared.token(at=NOW), HEADERS[fault])
    else:
        token = shared.token(at=NOW, header=HEADERS[fault])
    assert await found(shared, token) is None


async def test_token_with_small_differences_of_the_clocks_is_valid(shared: Provider) -> None:
    near = {"exp": at(-29), "nbf": at(29), "iat": at(29)}
    for name, value in near.items():
        assert await found(shared, shared.token(at=NOW, **{name: value})), name
        assert await found(shared, shared.token(at=NOW, **{name: value}), leeway_seconds=0) is None


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def altered_header(token: str, changes: dict[str, Any]) -> str:
    """The token with another header, and the signature of before."""
    _, body, signature = token.split(".")
    header = {"alg": "RS256", "typ": "at+jwt", "kid": "first"} | changes
    return f"{part(header)}.{body}.{signature}"


FORGERIES: dict[str, Callable[[Provider], str]] = {
    "unsigned": lambda p: altered_header(p.token(at=NOW), {"alg": "none"}).rpartition(".")[0] + ".",
    "unsigned, in another spelling": lambda p: altered_header(p.token(at=NOW), {"alg": "nOnE"}),
    "signed with the public key as a secret": lambda p: with_secret(
        p.token(at=NOW), p.keys[0].as_pem(private=False)
    ),
    "signed by another key of the same name": lambda p: p.token(
        at=NOW, key=key_for("RS256", "first")
    ),
    "with its own key in the header": lambda p: p.token(
        at=NOW,
        key=(own := key_for("RS256", "first")),
        header={"jwk": own.as_dict(private=False)},
    ),
    "with another signature": lambda p: p.token(at=NOW)[:-8] + "AAAAAAAA",
    "with another body": lambda p: with_body(p.token(at=NOW), {"roles": ["kcc"]}),
    "without a signature": lambda p: p.token(at=NOW).rpartition(".")[0] + ".",
    "of nothing": lambda _: "eyJ..",
    "of no JSON": lambda _: "eyJhbGciOiJS.eyJh.AAAA",
    "of a list": lambda _: f"{part({'alg': 'RS256', 'kid': 'first'})}.{part([])}.AAAA",
    "of deep lists": lambda _: f"{part({'alg': 'RS256', 'kid': 'a'})}.{'W1tb' * 600}.AAAA",
    "of other letters": lambda _: "eyJhbGciOiJSé.eyJh.AAAA",
}


def with_secret(token: str, secret: bytes) -> str:
    """The token with the signature that a confused verifier takes for one of the provider's."""
    signed = altered_header(token, {"alg": "HS256"}).rpartition(".")[0]
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def with_body(token: str, claims: dict[str, Any]) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{part(claims)}.{signature}"


async def test_any_error_of_a_provider_means_that_validity_is_unknown() -> None:
    async def fetch() -> bytes:
        raise RuntimeError

    with pytest.raises(KeysUnavailable):
        await KeySet("idp", fetch).find("first")


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_forged_token_is_refused(shared: Provider, forgery: str) -> None:
    assert await found(shared, FORGERIES[forgery](shared)) is None


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "ES384", "ES512", "Ed25519"])
async def test_token_is_verified_by_each_algorithm_that_was_pinned(
    provider: Provider, algorithm: str
) -> None:
    provider.keys.append(key_for(algorithm, "second"))
    token = provider.token(at=NOW, header={"alg": algorithm})
    assert await found(provider, token, algorithms=(algorithm,))
    assert await found(provider, token) is None


async def test_key_for_another_algorithm_or_use_verifies_nothing(provider: Provider) -> None:
    signing, other = provider.keys[0], key_for("RS256", "other").as_dict(private=False)
    for changes in ({"alg": "RS512"}, {"use": "enc"}, {"key_ops": ["encrypt"]}, {"kid": 1}):
        shown = signing.as_dict(private=False) | changes
        provider.published = json.dumps({"keys": [shown, other, "odd", {}]}).encode()
        assert await found(provider, provider.token(at=NOW)) is None, changes
