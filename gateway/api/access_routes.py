"""The routes by which a CRM learns what its token is, and the departments of its municipality.

They tell of the configuration and the token alone, so they cost the database nothing but the rate
limit.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from services import clock
from services.calendar.opening_hours import Hours
from services.config.model import Configuration
from services.config.organisation import Department
from services.event_types import event_source
from services.http.bearer_auth import require_any_token, require_token
from services.http.problems import json_response
from services.http.rights import ROLES, Rights
from services.http.token_store import TokenStore


class AccessRoutes:
    def __init__(self, config: Configuration, keyring: TokenStore) -> None:
        self._keyring = keyring
        self.reload(config)

    def reload(self, config: Configuration) -> None:
        """Use the departments, hours and closings of this configuration from the next request
        on."""
        self._config, self._hours = config, config.opening_hours()

    def routes(self) -> list[web.RouteDef]:
        access = require_any_token(self.read_access, self._keyring)
        departments = require_token(self.list_departments, self._keyring, "send")
        return [
            web.get("/v1/access", access, allow_head=False),
            web.get("/v1/departments", departments, allow_head=False),
        ]

    async def read_access(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/access: the municipality, person, roles and departments of the token."""
        return json_response(access_json(rights, self._config))

    async def list_departments(self, _: web.Request, rights: Rights) -> web.Response:
        """GET /v1/departments: all departments of the token's municipality."""
        departments, now = municipal_departments(rights.tenant, self._config), clock.now()
        listed = [department_json(each, rights, self._hours, now) for each in departments]
        return json_response({"departments": listed})


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
    }


def department_json(
    department: Department,
    rights: Rights,
    hours: Mapping[tuple[str, str], Hours],
    now: datetime,
) -> dict[str, Any]:
    """Return a department as JSON for a token that may transfer a conversation to it."""
    opening = hours[department.tenant, department.id]
    is_open = opening.is_open(now)
    return _named(department) | {
        "yours": rights.handles(department.id),
        "openNow": is_open,
        "opensAt": None if is_open else opening.next_opening(now),
    }


def _named(department: Department) -> dict[str, Any]:
    return {
        "id": department.id,
        "name": department.name,
        "confidential": department.confidential,
    }
