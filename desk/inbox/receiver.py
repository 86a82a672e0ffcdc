"""POST /events: Postkamer delivers events, as to any CRM."""

from collections.abc import Sequence

import structlog
from aiohttp import web

from desk.events.event import InvalidEvent, read_events
from desk.inbox.store import ConversationStore
from services import clock, metrics
from services.http.body import read_body
from services.http.problems import problem_response, service_unavailable
from services.http.webhook_signature import is_signed
from services.postgres.database import is_transient

PATH = "/events"
BODY_BYTES = 16 * 1024 * 1024
"""Largest body: a batch of 256 events of 64 KiB."""
BODY_SECONDS = 10.0

log = structlog.get_logger()


class EventReceiver:
    def __init__(self, store: ConversationStore, keys: Sequence[bytes]) -> None:
        self._store, self._keys = store, keys

    def use_keys(self, keys: Sequence[bytes]) -> None:
        """Accept what these keys sign, from the next request on."""
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        response = await self._judge(request)
        metrics.desk_event_requests.labels(response.status).inc()
        return response

    async def _judge(self, request: web.Request) -> web.Response:
        """Answer 204 once the events are stored. An event that cannot be read is refused with 400,
        so that it is parked and others go on."""
        try:
            body = await read_body(request, BODY_BYTES, BODY_SECONDS)
        except TimeoutError:
            return problem_response(408, "Request Timeout", "the body did not come in time")
        if body is None:
            return problem_response(
                413, "Content Too Large", f"a body has at most {BODY_BYTES} bytes"
            )
        if not is_signed(request.headers, body, self._keys, clock.now()):
            return problem_response(401, "Unauthorized", "no webhook-signature fits")
        try:
            events = read_events(request.headers.get("Content-Type", ""), body)
        except InvalidEvent as error:
            return problem_response(400, "Bad Request", str(error))
        try:
            await self._store.apply(events)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("desk.database_away", exc_info=error)
            return service_unavailable("the database does not answer")
        return web.Response(status=204)
