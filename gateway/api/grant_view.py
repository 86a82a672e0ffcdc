"""Rights of others in a municipality: of the groups of its identity providers, and of tokens."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from services.config.identity import IdentityGrant
from services.config.model import Configuration
from services.config.organisation import Department
from services.http.grants import Grant, Reach
from services.http.rights import ROLES, Role
from services.http.token_store import TokenHash

Json = dict[str, Any]


def grants_json(tenant: str, config: Configuration, tokens: Iterable[TokenHash]) -> Json:
    """Return the grants of a municipality. A token's value is not in them, nor its hash."""
    providers = {each.id for each in config.identity_providers if each.tenant == tenant}
    own = [each for each in config.departments if each.tenant == tenant]
    groups = [each for each in config.identity_grants if each.provider in providers]
    return {
        "groups": [_group_json(each, own) for each in groups],
        "tokens": [_token_json(each.grant, each.expires_at, own) for each in tokens],
    }


def _group_json(grant: IdentityGrant, own: Sequence[Department]) -> Json:
    reach = Reach(
        departments=frozenset(grant.departments),
        all_departments=grant.all_departments,
        confidential=grant.confidential,
        is_exact=True,
    )
    return (
        {"provider": grant.provider, "value": grant.value}
        | _roles_json(grant.roles)
        | _reach_json(reach, own)
        | {"destinations": list(grant.destinations)}
    )


def _token_json(grant: Grant, expires_at: datetime | None, own: Sequence[Department]) -> Json:
    return (
        {"name": grant.name}
        | _roles_json(grant.roles)
        | _reach_json(grant.reach, own)
        | {
            "destinations": sorted(grant.destinations),
            "people": grant.people,
            "test": grant.test,
            "expiresAt": expires_at,
        }
    )


def _roles_json(roles: Iterable[Role]) -> Json:
    given = frozenset(roles)
    return {"roles": [role for role in ROLES if role in given]}


def _reach_json(reach: Reach, own: Sequence[Department]) -> Json:
    """Return what was given, not what follows from it: all departments are not listed by name."""
    named = [each for each in own if each.id in reach.departments]
    return {
        "departments": [
            {"id": each.id, "name": each.name, "confidential": each.confidential} for each in named
        ],
        "allDepartments": reach.all_departments or reach.is_unlimited,
        "confidential": reach.confidential or reach.is_unlimited,
    }
