"""Grants of persons, from the claims of their provider and the table in the configuration. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.config.identity import IdentityGrant, IdentityProvider
from services.http.grants import Grant, Reach
from services.roles import Role

LONGEST_NAME = 100
"""Characters of a name that a record can hold, however it got there."""
NAME_BYTES = 12
"""Bytes of the hash in a token's name: by chance no two employees have the same."""
SEPARATOR = ":"
"""Between provider and hash in a token's name; no API token has it in its name."""


def grant_of(
    claims: Mapping[str, Any], provider: IdentityProvider, table: Iterable[IdentityGrant]
) -> Grant | None:
    """Return the grant of the person with these verified claims; None if they name no person."""
    person = person_name(claims.get(provider.person_claim))
    if person is None:
        return None
    values = claim_values(claims, provider.groups_claim)
    entries = [each for each in table if each.provider == provider.id and each.value in values]
    roles: list[Role] = [role for each in entries for role in each.roles]
    return Grant(
        name=token_name(provider, claims["sub"]),
        tenant=provider.tenant,
        roles=frozenset(roles),
        reach=Reach(
            departments=frozenset(id for each in entries for id in each.departments),
            all_departments=any(each.all_departments for each in entries),
            confidential=any(each.confidential for each in entries),
            is_exact=True,
        ),
        destinations=frozenset(id for each in entries for id in each.destinations),
        people=True,
        person=person,
    )


def person_name(claim: Any) -> str | None:
    """Return the name in a claim, as it is recorded; None if it is no name."""
    name = claim.strip() if isinstance(claim, str) else ""
    return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None


def claim_values(claims: Mapping[str, Any], path: Sequence[str]) -> frozenset[str]:
    """Return the values of a claim: of a list each, of a text each word, as in `scope`."""
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        return frozenset(value.split())
    listed = value if isinstance(value, list) else []
    return frozenset(each for each in listed if isinstance(each, str))


def token_name(provider: IdentityProvider, subject: str) -> str:
    """Return the name by which all tokens of one person go: a hash, as `sub` is personal data."""
    text = f"{provider.issuer}\0{subject}".encode("utf-8", "surrogatepass")
    return provider.id + SEPARATOR + hashlib.blake2b(text, digest_size=NAME_BYTES).hexdigest()
