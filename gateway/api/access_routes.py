"""The routes by which a CRM learns what its token is, the departments of its municipality, and who
else has rights there.

They tell of the configuration and the token alone, so they cost the database nothing but the rate
limit.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from aiohttp import web

from gateway.api.grant_view import grants_json
from gateway.destinations.ownership import list_owned
from services import clock
from services.calendar.opening_hours import Hours
from services.config.model import Configuration
from services.config.organisation import Department
from services.event_types import event_source
from services.http.bearer_auth import require_any_token, require_token
from services.http.problems import json_response
from services.http.rights import ROLES, Rights, Role
from services.http.token_store import TokenStore

GRANT_ROLES: tuple[Role, ...] = ("rules", "privacy")
"""Roles that see who has which rights: the owner of the rules, who reads them in the configuration
anyhow, and the privacy officer, who watches over them."""
ReadHours = Callable[[], Mapping[tuple[str, str], Hours]]
"""Returns the opening hours by municipality and department; the first call compiles them."""


class AccessRoutes:
    def __init__(self, config: Configuration, keyring: TokenStore) -> None:
        self._keyring = keyring
        self.reload(config)

    def reload(self, config: Configuration) -> None:
        """Use the departments, hours and closings of this configuration from the next request
        on."""
        self._config, self._hours = config, cache(config.opening_hours)

    def routes(self) -> list[web.RouteDef]:
        access = require_any_token(self.read_access, self._keyring)
        departments = require_token(self.list_departments, self._keyring, "send")
        grants = require_token(self.list_grants, self._keyring, *GRANT_ROLES)
        return [
            web.get("/v1/grants", grants, allow_head=False),
            web.get("/v1/access", access, allow_head=False),
            web.get("/v1/departments", departments, allow_head=False),
        ]

    async def read_access(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/access: the municipality, person, roles and departments of the token."""
        return json_response(access_json(rights, self._config))

    async def list_grants(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/grants: groups and tokens of the token's municipality, with their rights."""
        tokens = self._keyring.list_tokens(rights.tenant, clock.now())
        return json_response(grants_json(rights.tenant, self._config, tokens))

    async def list_departments(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/departments: all departments of the token's municipality."""
        # In a thread, or webhooks would wait: a department takes a millisecond to compile and
        # another in each new week; 20 if it never opens.
        at = (self._config, self._hours, clock.now())
        return json_response(await asyncio.to_thread(departments_json, rights, *at))


def municipal_departments(tenant: str, config: Configuration) -> list[Department]:
    """Return the departments of a municipality in their configured order."""
    return [each for each in config.departments if each.tenant == tenant]


def access_json(rights: Rights, config: Configuration) -> dict[str, Any]:
    """Return the rights of a token as JSON for its holder."""
    tenant = config.tenant(rights.tenant)
    departments = municipal_departments(rights.tenant, config)
    return {
        "tenant": {
            "id": rights.tenant,
            # A token in the table may be of a municipality that is not configured any more.
            "name": tenant.name if tenant else rights.tenant,
            "source": event_source(rights.tenant),
        },
        "token": rights.name,
        "person": rights.person or None,
        "roles": [role for role in ROLES if role in rights.roles],
        "departments": [_named(each) for each in departments if rights.handles(each.id)],
        "allDepartments": rights.departments is None,
        "destinations": [each.id for each in list_owned(rights, config)],
    }


def departments_json(
    rights: Rights, config: Configuration, read_hours: ReadHours, now: datetime
) -> dict[str, Any]:
    """Return the departments of a municipality as JSON for a token that may transfer to them."""
    departments, hours = municipal_departments(rights.tenant, config), read_hours()
    tenant = config.tenant(rights.tenant)
    default = tenant.retention.code if tenant else ""
    own = [(each, hours[each.tenant, each.id]) for each in departments]
    return {
        "departments": [
            _department_json(*each, rights, now) | _retention_code(each[0], default) for each in own
        ]
    }


def _retention_code(department: Department, default: str) -> dict[str, Any]:
    return {"retentionCode": department.retention_code or default or None}


def _department_json(
    department: Department, hours: Hours, rights: Rights, now: datetime
) -> dict[str, Any]:
    is_open = hours.is_open(now)
    return _named(department) | {
        "yours": rights.handles(department.id),
        "openNow": is_open,
        "opensAt": None if is_open else hours.next_opening(now),
    }


def _named(department: Department) -> dict[str, Any]:
    return {
        "id": department.id,
        "name": department.name,
        "confidential": department.confidential,
        "asksReason": department.ask_reason,
    }
