"""The configuration of identity providers: who proves persons, and what their claims give."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.config.numbers import OptionalUrl
from services.config.routing_rules import Id
from services.roles import Role
from services.toml.model import ConfigModel

LOCAL = ("127.0.0.1", "localhost", "::1")
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
"""Signatures with a private key at the provider. With a shared secret, whoever verifies a token
could make one."""
Claim = Annotated[str, Field(min_length=1, max_length=200)]


def _check_keys_url(url: str) -> str:
    """Refuse an address without TLS: who answers there decides who is let in."""
    parts = urlsplit(url)
    if url and parts.scheme != "https" and parts.hostname not in LOCAL:
        raise PydanticCustomError("keys_url", "The keys should come by https")
    return url


KeysUrl = Annotated[OptionalUrl, AfterValidator(_check_keys_url)]


def _as_path(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


ClaimPath = Annotated[
    tuple[Claim, ...], BeforeValidator(_as_path), Field(min_length=1, max_length=5)
]
"""A claim by its name, or one within other claims by all their names."""


class IdentityProvider(ConfigModel):
    """An OpenID Connect provider whose access tokens (RFC 9068) prove the persons of one
    municipality."""

    id: Id
    tenant: str
    issuer: str = Field(min_length=1, max_length=500)
    """Value of `iss`, to the letter."""
    audience: str = Field(min_length=1, max_length=500)
    """Value of `aud` that says that a token is for Postkamer."""
    keys_url: KeysUrl = ""
    """Address of the provider's key set (its `jwks_uri`)."""
    keys_file: str = Field(default="", max_length=500, pattern=r"^(/.+)?$")
    """Path of a file with the key set, for a provider that cannot be reached."""
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256",), min_length=1, max_length=9)
    token_types: tuple[Claim, ...] = Field(default=("at+jwt",), min_length=1, max_length=5)
    """Values of `typ` in a token's header. The standard's tells access tokens from ID tokens."""
    person_claim: Claim = "preferred_username"
    """Claim with the name by which a person is on the record."""
    groups_claim: ClaimPath = ("roles",)
    """Claim with the values that `[[identity_grants]]` names."""
    leeway_seconds: int = Field(default=30, ge=0, le=120)
    """Seconds by which the provider's clock and ours may differ."""

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if bool(self.keys_url) == bool(self.keys_file):
            raise PydanticCustomError("keys", "Either a keys_url or a keys_file is needed")
        return self


class IdentityGrant(ConfigModel):
    """Roles, departments or destinations of each person with one value in the provider's claim.

    They are added up apart, so an entry that gave two of them would seem to give less than it does.
    """

    provider: str
    value: Claim
    roles: tuple[Role, ...] = Field(default=(), max_length=20)
    departments: tuple[str, ...] = Field(default=(), max_length=200)
    all_departments: bool = False
    """True for every department that is not confidential, future ones too."""
    confidential: bool = False
    """True for the confidential departments too."""
    destinations: tuple[str, ...] = Field(default=(), max_length=200)
    """Destinations of which the person is an owner, with a role `send` and all their departments.
    """

    @model_validator(mode="after")
    def _check_gift(self) -> Self:
        gifts = self.roles, self.departments or self.all_departments, self.destinations
        if sum(map(bool, gifts)) != 1:
            raise PydanticCustomError(
                "gift",
                "Either roles, departments or destinations are needed: they are added up apart",
            )
        if self.confidential and not self.all_departments:
            raise PydanticCustomError(
                "confidential", "confidential goes with all_departments; name each otherwise"
            )
        return self
