"""The route by which a CRM lists the templates of a number, with the values that each needs.

Templates belong to the municipality as a whole, so the role is enough: the departments of a token
do not matter.
"""

from typing import Any

from aiohttp import web

from gateway.api.template_store import StoredTemplates, TemplateStore
from services.config.model import Configuration
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.whatsapp.templates import (
    APPROVED,
    MessageTemplate,
    RequiredValue,
    TemplateButton,
    TemplatePart,
    required_values,
)

Json = dict[str, Any]

REASONS = {
    "PAUSED": "paused",
    "PENDING": "pending",
    "IN_APPEAL": "pending",
    "REJECTED": "rejected",
    "DISABLED": "disabled",
}
"""Meta's status -> reason why a template cannot be sent. Any other is `unknown`."""
UNKNOWN = "unknown"


class TemplateRoutes:
    def __init__(self, store: TemplateStore, config: Configuration, keyring: TokenStore) -> None:
        self._store, self._keyring = store, keyring
        self.reload(config)

    def reload(self, config: Configuration) -> None:
        """Know these numbers from the next request on."""
        self._config = config

    def routes(self) -> list[web.RouteDef]:
        list_templates = require_token(self.list_templates, self._keyring, "send")
        return [web.get("/v1/numbers/{id}/templates", list_templates, allow_head=False)]

    async def list_templates(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/numbers/{id}/templates: the templates of a number of the token's municipality."""
        number = self._config.number(request.match_info["id"])
        if number is None or number.tenant != rights.tenant:
            return problem_response(404, "Not Found", "there is no such number")
        return json_response(templates_json(await self._store.read(number.id)))


def templates_json(stored: StoredTemplates) -> Json:
    """Return the templates of a number as JSON."""
    return {
        "askedAt": stored.asked_at,
        "complete": stored.is_complete,
        "templates": [template_json(each) for each in stored.templates],
    }


def template_json(template: MessageTemplate) -> Json:
    """Return a template as JSON. One of which the values are not known cannot be used: Meta would
    refuse the message."""
    values = required_values(template)
    is_usable = template.status == APPROVED and values is not None
    return {
        "name": template.name,
        "language": template.language,
        "category": template.category or None,
        "status": template.status,
        "quality": template.quality or None,
        "usable": is_usable,
        "reason": None if is_usable else REASONS.get(template.status, UNKNOWN),
        "components": [_component(part) for part in template.parts],
        "parameters": [_parameter(value) for value in values or ()],
    }


def _component(part: TemplatePart) -> Json:
    return {
        "type": part.kind.lower(),
        "format": part.format.lower() or None,
        "text": part.text or None,
        "buttons": [_button(button) for button in part.buttons],
    }


def _button(button: TemplateButton) -> Json:
    return {
        "type": button.kind.lower(),
        "text": button.text or None,
        "url": button.url or None,
        "phoneNumber": button.phone or None,
    }


def _parameter(value: RequiredValue) -> Json:
    return {
        "component": value.component,
        "subType": value.sub_type or None,
        "index": value.index,
        "type": value.type,
        "parameterName": value.name or None,
        "sample": value.example or None,
    }
