"""Routes of a witness: `POST /add-checkpoint`, and `GET /checkpoint` to read what it signed."""

from contextlib import suppress

import structlog
from aiohttp import web

from services import clock, metrics
from services.http.body import read_body
from services.http.problems import problem_response, service_unavailable
from services.transparency.add_checkpoint import (
    CHECKPOINT_PATH,
    MAX_REQUEST_BYTES,
    PATH,
    SIZE_TYPE,
    Submission,
    read_request,
)
from services.transparency.signed_note import InvalidNote
from witness.decision import Refused, check_continues, check_signature
from witness.known_logs import Logs
from witness.signed_state import SignedState

BODY_SECONDS = 10.0
"""Time for the whole body, of a few KB."""
UNKNOWN = "unknown"
"""Label of the requests for logs that are not configured."""

log = structlog.get_logger()


class WitnessRoutes:
    def __init__(self, logs: Logs, state: SignedState) -> None:
        self._logs, self._state = logs, state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(PATH, self.add_checkpoint),
            web.get(CHECKPOINT_PATH, self.get_checkpoint, allow_head=False),
        ]

    async def add_checkpoint(self, request: web.Request) -> web.Response:
        """Answer POST /add-checkpoint with the line that co-signs it, or with a refusal."""
        try:
            body = await read_body(request, MAX_REQUEST_BYTES, BODY_SECONDS)
        except TimeoutError:
            return problem_response(408, "Request Timeout")
        if body is None:
            return problem_response(413, "Content Too Large", f"at most {MAX_REQUEST_BYTES} bytes")
        try:
            submission = read_request(body)
            refused = check_signature(submission, self._logs.get(submission.head.origin, ()))
        except InvalidNote as error:
            return _answer(UNKNOWN, Refused(400, str(error)))
        if refused:
            return _answer(self._label(submission), refused)
        try:
            return self._decide(submission)
        except OSError as error:
            log.error("witness.not_stored", reason=error.strerror)
            return service_unavailable("the state could not be stored, so nothing was signed")

    def _decide(self, submission: Submission) -> web.Response:
        """Co-sign or refuse. It awaits nothing, so no other request comes in between."""
        origin, size = submission.head.origin, submission.head.size
        if refused := check_continues(submission, self._state.head(origin)):
            if refused.is_fork:
                log.error("witness.refused", status=refused.status, size=size)
                with suppress(OSError):  # it is refused all the same
                    self._state.keep_refused(submission.note)
            return _answer(origin, refused)
        line = self._state.cosign(submission.note, int(clock.now().timestamp()))
        metrics.witness_answers.labels(origin, 200).inc()
        return _text(line)

    def _label(self, submission: Submission) -> str:
        origin = submission.head.origin
        return origin if origin in self._logs else UNKNOWN

    async def get_checkpoint(self, request: web.Request) -> web.Response:
        """Answer GET /checkpoint?origin= with the newest checkpoint that was co-signed."""
        note = self._state.note(request.query.get("origin", ""))
        if note is None:
            return problem_response(404, "Not Found", "nothing of that log was co-signed")
        return _text(note)


def _text(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/plain", charset="utf-8")


def _answer(label: str, refused: Refused) -> web.Response:
    metrics.witness_answers.labels(label, refused.status).inc()
    if refused.size is not None:
        body = f"{refused.size}\n".encode()
        return web.Response(status=refused.status, body=body, headers={"Content-Type": SIZE_TYPE})
    return web.Response(status=refused.status, text=f"{refused.detail}\n")
