"""POST /v1/conversations/{id}/_value: the result of the selection list by which one is kept."""

from typing import Any

from aiohttp import web

from archiver.api.access_log import VIEWER, AccessLog
from archiver.api.viewer import EMPLOYEE
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.orders import VALUE, ValueConversation
from archiver.privacy.request_routes import answered, read_order
from archiver.retention.dossier import Dossier
from archiver.retention.given_valuation import (
    GivenValuation,
    ValuationRefused,
    after_valuation,
    find_dossier,
    record_valuation,
)
from archiver.retention.selection import terms_of
from services import clock
from services.api.json_body import FieldError
from services.api.request_body import Refused, bad_request
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore

ROLES: tuple[Role, ...] = ("records", "archivist")
NO_CONVERSATION = "there is no such conversation"


class ValuationRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens

    def routes(self) -> list[web.RouteDef]:
        needed = frozenset({EMPLOYEE})
        identified = self._views.identified(answered(self.value), lambda rights: needed)
        handler = require_token(identified, self._tokens, *ROLES)
        return [web.post("/v1/conversations/{id}/_value", handler)]

    async def value(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer with what the valuation gives. It shows nothing of the content, so it is no
        view."""
        order: ValueConversation = await read_order(request, VALUE)
        given = GivenValuation(
            code=order.code,
            source=order.source,
            starts_on=order.starts_on,
            reason=order.reason,
            by=request[VIEWER].employee,
            identified=rights.identified,
        )
        async with self._archive.transaction() as connection:
            id, keys = request.match_info["id"], self._archive.keys
            dossier = await find_dossier(connection, keys, rights.tenant, id)
            if dossier is None or not all(map(rights.handles, dossier.departments)):
                raise Refused(problem_response(404, "Not Found", NO_CONVERSATION))
            try:
                await record_valuation(connection, keys, dossier, given, clock.now())
            except ValuationRefused as refused:
                fault = FieldError(f"/{refused.member}", str(refused))
                raise Refused(bad_request([fault])) from None
        terms = terms_of(self._archive.config)[rights.tenant]
        return json_response(_dossier_json(after_valuation(dossier, given, terms)))


def _dossier_json(dossier: Dossier) -> dict[str, Any]:
    valuation = dossier.valuation
    return {
        "conversationId": dossier.conversation,
        "retentionState": valuation.state,
        "retentionCode": valuation.code or None,
        "keptUntil": valuation.kept_until,
    }
