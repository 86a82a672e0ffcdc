"""POST /v1/messages/{id}/_annotate: a correction beside a message (AVG, article 16)."""

from http import HTTPStatus

from aiohttp import web

from archiver.api.access_log import VIEWER, AccessLog
from archiver.api.viewer import BOTH_NEEDED
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.orders import ANNOTATE, AnnotateMessage
from archiver.privacy.request_routes import ROLE, answered, read_order
from archiver.subject_access.annotation import (
    AnnotatedMessage,
    Correction,
    annotate_message,
    find_message,
)
from archiver.subject_access.report_maker import ReportRefused
from services import clock
from services.api.json_body import FieldError
from services.api.request_body import Refused, bad_request
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.ids import parse_uuid
from services.postgres.database import Connection

PATH = "/v1/messages/{id}/_annotate"
NO_MESSAGE = "there is no such message"
NOT_THEIRS = "is no request of the person of this message"


class AnnotationRoutes:
    """Nothing is shown here, so it is no view: the annotation itself says who added it, and why."""

    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens

    def routes(self) -> list[web.RouteDef]:
        identified = self._views.identified(answered(self.annotate), lambda rights: BOTH_NEEDED)
        return [web.post(PATH, require_token(identified, self._tokens, ROLE))]

    async def annotate(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer with the id of the annotation, new or the same."""
        order: AnnotateMessage = await read_order(request, ANNOTATE)
        viewer = request[VIEWER]
        correction = Correction(
            by=viewer.employee,
            identified=rights.identified,
            text=order.text,
            request=order.request or "",
            reason=viewer.reason,
        )
        try:
            async with self._archive.transaction() as connection:
                message = await _find(connection, request.match_info["id"], rights)
                id = await annotate_message(
                    connection, self._archive.keys, message, correction, clock.now()
                )
        except ReportRefused:
            raise Refused(bad_request([FieldError("/request", NOT_THEIRS)])) from None
        return json_response({"id": id, "message": message.id}, HTTPStatus.CREATED)


async def _find(connection: Connection, text: str, rights: Rights) -> AnnotatedMessage:
    """Return a message that the token reaches. Raises Refused for others as for none."""
    id = parse_uuid(text)
    message = await find_message(connection, id) if id else None
    is_reached = message and message.tenant == rights.tenant and rights.handles(message.department)
    if message is None or not is_reached:
        raise Refused(problem_response(404, "Not Found", NO_MESSAGE))
    return message
